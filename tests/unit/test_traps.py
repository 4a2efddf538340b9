"""What runs and does something other than it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.reading import HEAD, messages, read


def of_sql(folder: Path, sql: str, more: str = "") -> list[str]:
    """What is said of a .sql file."""
    (folder / "a.sql").write_text(sql, encoding="utf-8")
    return messages(read(folder, f"{HEAD}variables: {{col: x, day: y}}\ntasks:\n  a:\n    sql: a.sql\n{more}"))


def test_a_byte_order_mark_is_no_part_of_the_sql(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"\xef\xbb\xbfSELECT 1;\nSELECT 2")
    definition = read(tmp_path, f"{HEAD}tasks:\n  a:\n    sql: a.sql\n").definition
    assert definition is not None
    assert [statement.text for statement in definition.statements["a"]] == ["SELECT 1", "SELECT 2"]


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT\u00a01", "the invisible character U+00A0 stands in the SQL (a.sql, line 1); write a plain space"),
        ("SELECT 1;\nSELECT\u200b 2", "U+200B stands in the SQL (a.sql, line 2)"),
        ("SELECT 1;\n\ufeffSELECT 2", "U+FEFF"),
        ("SELECT \u2018a\u2019", "a typographic quote \u2018 stands in the SQL (a.sql, line 1); write '"),
        ("SELECT '\u00a0\u2018' -- \u00a0", None),
        ("SELECT :'day'", ":'day' is a variable of psql (a.sql, line 1); write :day"),
        ('SELECT * FROM :"col"', "names cannot be bound"),
        ("SELECT JSON_OBJECT('a':'b')", None),
        ("SELECT 1 ORDER BY :col", "ORDER BY :col has no effect"),
        ("SELECT 1 ORDER BY x LIMIT 1", None),
        ("SELECT 1 ORDER BY CASE :col WHEN 'x' THEN 1 END", None),
        ("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN :new.x := 1; END;", r"write \:new"),
    ],
)
def test_sql_that_means_something_else(tmp_path: Path, sql: str, text: str | None) -> None:
    found = "\n".join(of_sql(tmp_path, sql))
    assert found == "" if text is None else text in found


@pytest.mark.parametrize(
    ("sql", "warned"),
    [
        ("SELECT MAX(id) FROM t", True),
        ("SELECT count(*) FROM t WHERE x = 'GROUP BY'", True),
        ("SELECT MAX(id) FROM t HAVING COUNT(*) > 0", False),
        ("SELECT MAX(id) FROM t GROUP BY day", False),
        ("SELECT id FROM t ORDER BY id DESC LIMIT 1", False),
        ("SELECT max(id) OVER () FROM t", False),
    ],
)
def test_an_aggregate_is_never_empty(tmp_path: Path, sql: str, warned: bool) -> None:
    for on_empty in ("skip", "fail"):
        found = of_sql(tmp_path, sql, f"    on_empty: {on_empty}\n    set: col\n")
        assert any("never applies" in each for each in found) == warned
    assert of_sql(tmp_path, sql, "    set: col\n") == []


@pytest.mark.parametrize(
    ("cron", "text"),
    [
        ("0 0 1-7 * 1", "starts on days 1-7 of the month and also on every weekday 1"),
        ("*/45 * * * *", "does not start every 45 minutes"),
        ("0 */5 * * *", "does not start every 5 hours"),
        ("*/15 */6 * * *", None),
        ("0 0 * * 1", None),
        ("0 0 1 * *", None),
        ("* * * * *", None),
    ],
)
def test_crons(tmp_path: Path, cron: str, text: str | None) -> None:
    found = messages(read(tmp_path, f'{HEAD}schedule: "{cron}"\ntasks:\n  a: {{sql: SELECT 1}}\n'))
    assert found == [] if text is None else text in found[0]


@pytest.mark.parametrize(
    ("variable", "condition", "warned"),
    [
        ('"false"', "vars.flag", True),
        ('"no"', "not vars.flag", True),
        ('"false"', "vars.flag and 1 > 0", True),
        ('"false"', "vars.flag == 'true'", False),
        ("false", "vars.flag", False),
        ('"yes"', "vars.flag", False),
        ("{type: boolean, default: false}", "vars.flag", False),
    ],
)
def test_text_is_true(tmp_path: Path, variable: str, condition: str, warned: bool) -> None:
    task = f'tasks:\n  a:\n    sql: SELECT 1\n    if: "{condition}"\n'
    found = messages(read(tmp_path, f"{HEAD}variables:\n  flag: {variable}\n{task}"))
    assert any("text is true" in each for each in found) == warned


@pytest.mark.parametrize(
    ("argument", "text", "warned"),
    [
        ("bash_command", "/opt/jobs/nightly.sh", True),
        ("bash_command", "sh nightly.sh", True),
        ("bash_command", '"/opt/jobs/nightly.sh "', False),
        ("bash_command", "nightly.sh", False),
        ("sql", "/opt/jobs/nightly.sql", True),
        ("env", "/opt/jobs/nightly.sh", False),
    ],
)
def test_what_airflow_takes_for_a_file(tmp_path: Path, argument: str, text: str, warned: bool) -> None:
    operator = "operator: airflow.providers.standard.operators.bash.BashOperator"
    task = f"tasks:\n  a:\n    {operator}\n    arguments: {{{argument}: {text}}}\n"
    assert any("template file" in each for each in messages(read(tmp_path, HEAD + task))) == warned


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (HEAD + "tasks:\n  a:\n    sql\u200b: SELECT 1\n", "the invisible character U+200B stands in this key"),
        (HEAD + "tasks:\n  a:\n    \u00a0sql: SELECT 1\n", "the invisible character U+00A0 stands in this key"),
        (HEAD + "tasks:\n  a:\n    sql:\u00a0SELECT 1\n", "expected a mapping"),
        (HEAD + "tasks:\n  a:\n    sql: SELECT 1\n    retries:\u00a01\n", "U+00A0 stands in this line"),
        (HEAD + "tasks:\n  a:\n    \u201csql\u201d: SELECT 1\n", "typographic quotes are no quotes in YAML"),
        ("\ufeff" + HEAD + "tasks:\n  a:\n    sql: SELECT '\u00a0'\n", None),
        (HEAD + "description: caf\u00e9 \u201cnoir\u201d\ntasks:\n  a: {sql: SELECT 1}\n", None),
    ],
)
def test_keys_that_look_like_others(tmp_path: Path, content: str, text: str | None) -> None:
    found = messages(read(tmp_path, content))
    assert found == [] if text is None else text in found[0]
