"""What YAML hands over of code, beside what its author sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_workflow_provider.definitions.library import read_package
from tests.unit.reading import HEAD, messages, read

FOLDED = "YAML folds these lines into one"


def sql(tmp_path: Path, written: str) -> list[str]:
    """What is said of a task's SQL, written as in YAML."""
    return messages(read(tmp_path, f"{HEAD}variables: {{day: x}}\ntasks:\n  a:\n    sql: {written}\n"))


COMMENT = "DELETE FROM staging -- only the day\n      WHERE day = :day"


ESCAPED = '"DELETE FROM staging -- only the day\\\n      WHERE day = :day"'
LIST = "\n      - DELETE FROM staging -- only the day\n        WHERE day = :day"


@pytest.mark.parametrize(
    "written", [f">\n      {COMMENT}", f">-\n      {COMMENT}", COMMENT, f'"{COMMENT}"', f"'{COMMENT}'", ESCAPED, LIST]
)
def test_a_comment_that_swallows_the_where_is_an_error(tmp_path: Path, written: str) -> None:
    (message,) = [each for each in sql(tmp_path, written) if "never used" not in each]
    swallowed = "so that the comment '-- only the day' swallows the SQL behind it"
    assert message == f"{FOLDED}, {swallowed}; begin it with '|', which keeps the lines"


def test_a_comment_of_mysql_is_one_too(tmp_path: Path) -> None:
    assert "the comment '# all'" in sql(tmp_path, ">\n      DELETE FROM a # all\n      WHERE b = 1")[0]


@pytest.mark.parametrize(
    "written",
    [
        f"|\n      {COMMENT}",
        f"|-\n      {COMMENT}",
        ">\n      DELETE FROM a\n      WHERE b = '-- x' -- the end",
        ">\n      DELETE FROM a /* these\n      two */ WHERE b = 1",
        ">\n      -- one\n\n      DELETE FROM a",
        "DELETE FROM a\n      WHERE b = 1",
        '"DELETE FROM a -- x\\n\n      WHERE b = 1"',
        '"SEL\\\n      ECT 1"',
        "SELECT 1   # the answer",
        "SELECT '#1' -- 2",
        "'SELECT ''a'''",
    ],
)
def test_what_is_seen_is_what_runs(tmp_path: Path, written: str) -> None:
    assert sql(tmp_path, written) == []


def test_a_literal_over_several_lines_is_a_warning(tmp_path: Path) -> None:
    (message,) = sql(tmp_path, ">\n      INSERT INTO a VALUES ('dear\n      reader')")
    assert message.startswith(f"{FOLDED}, the line breaks in a literal, too")


@pytest.mark.parametrize(
    ("written", "comment"),
    [
        ("SELECT data #>> '{a,b}' FROM t", "\"#>> '{a,b}' FROM t\""),
        ("DELETE FROM #tmp", "'#tmp'"),
        ("SELECT * FROM t WHERE a = 'x # 1' AND b = 2", '"# 1\' AND b = 2"'),
        ("SELECT count(a # b", "'# b'"),
    ],
)
def test_what_yaml_cuts_off_is_an_error(tmp_path: Path, written: str, comment: str) -> None:
    assert f"for YAML {comment} is a comment, which is cut off" in "\n".join(sql(tmp_path, written))


def test_quotes_of_yaml_beside_those_of_sql(tmp_path: Path) -> None:
    (message,) = sql(tmp_path, "'INSERT INTO t VALUES ('''', '', '')'")
    assert message.startswith("in single quotes YAML makes one ' of each ''")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (">\n        cd /data # the disk\n        rm old", "the comment '# the disk' swallows"),
        (">\n        cat <<EOF\n        x\n        EOF", "'<<EOF' has no end"),
        (">\n        echo '# no comment'\n        --force", None),
        ("|\n        cd /data # the disk\n        rm old", None),
    ],
)
def test_shell_commands(tmp_path: Path, written: str, text: str | None) -> None:
    operator = "operator: airflow.providers.standard.operators.bash.BashOperator"
    found = messages(
        read(tmp_path, f"{HEAD}tasks:\n  a:\n    {operator}\n    arguments:\n      bash_command: {written}\n")
    )
    path = tmp_path / "p.package.yaml"
    path.write_text(f"package: p\nrun:\n  {operator}\n  arguments:\n      bash_command: {written}\n")
    assert [each.message for each in read_package(str(path)).diagnostics] == found
    assert (found == []) if text is None else (text in found[0] and len(found) == 1)


def test_a_condition_that_is_cut(tmp_path: Path) -> None:
    content = f"{HEAD}variables: {{x: a}}\ntasks:\n  a:\n    sql: SELECT 1\n    if: vars.x == 'a #1'\n"
    assert any("is a comment, which is cut off" in each for each in messages(read(tmp_path, content)))


@pytest.mark.parametrize(
    ("variable", "kept"),
    [
        ("01234", "1234"),
        ("1.10", "1.1"),
        ("[1, 007]", "7"),
        ("{default: 0049}", "49"),
        ("+4930", "4930"),
        ("12345678901234567.25", "1.2345678901234568e+16"),
        ('"01234"', None),
        ("{default: 01234, type: integer}", None),
        ("10", None),
        ("1.5", None),
        ("-0.5", None),
        ("1e3", None),
        ("2026-01-02", None),
    ],
)
def test_digits_that_are_lost(tmp_path: Path, variable: str, kept: str | None) -> None:
    found = messages(read(tmp_path, f"{HEAD}variables:\n  v: {variable}\ntasks:\n  a: {{sql: SELECT 1}}\n"))
    assert found == [] if kept is None else f"is the number {kept}; if every digit counts" in found[0]


@pytest.mark.parametrize("where", ["variables: {v: 007}", "operator: a.B\n    arguments: {env: {v: 007}}"])
def test_digits_that_a_task_loses(tmp_path: Path, where: str) -> None:
    task = where if "operator" in where else f"sql: SELECT :v\n    {where}"
    (message,) = messages(read(tmp_path, f"{HEAD}tasks:\n  a:\n    {task}\n"))
    assert message == "007 without quotes is the number 7; if every digit counts, put it in quotes"
