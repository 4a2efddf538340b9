from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_workflow_provider.definitions.sql_statements import split_statements
from airflow_workflow_provider.definitions.sql_text import (
    BindParameter,
    Dialect,
    ParamStyle,
    SqlTextError,
    find_bind_parameters,
    parameters,
    translate,
)


def names(sql: str, dialect: Dialect = Dialect.ANY) -> list[str]:
    return [parameter.name for parameter in find_bind_parameters(sql, dialect)]


def test_offsets_cover_colon_and_name() -> None:
    assert find_bind_parameters("SELECT :a, :b_2") == (BindParameter("a", 7, 9), BindParameter("b_2", 11, 15))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        ("SELECT 1", []),
        (":a", ["a"]),
        ("(:a,:b)=:a", ["a", "b", "a"]),
        ("x = :a-1 AND y=:_b2;", ["a", "_b2"]),
        ("SELECT :Name", ["Name"]),
        # literals and identifiers
        ("SELECT ':a', :b", ["b"]),
        ("SELECT 'it''s :a', :b", ["b"]),
        ("SELECT '''', :b, ''':a'", ["b"]),
        ('SELECT ":a" FROM "t "":x" WHERE :b', ["b"]),
        ("SELECT `:a`, `b`` :c`, :d", ["d"]),
        ("SELECT [Order Details].[Unit Price] FROM dbo.[it's] WHERE x = :a", ["a"]),
        # backslashes: the only reading in which every quote is closed
        (r"SELECT 'it\'s :a', :b", ["b"]),
        (r"SELECT 'C:\', :b", ["b"]),
        (r"SELECT 'C:\\', :b", ["b"]),
        (r"SELECT E'it\'s :a', e'\\', :b", ["b"]),
        (r"SELECT name LIKE 'a\%' , :b", ["b"]),
        (r"SELECT LIKE'C:\' || :b", ["b"]),
        # Oracle's quotes
        ("SELECT q'[it's :a]', Q'!it's :b!', nq'{:c'}', :d", ["d"]),
        # dollar quotes
        ("DO $$ BEGIN x := :a; END $$; SELECT :b", ["b"]),
        ("SELECT $tag$ :a $$ ' $tag$, :b, $1, a$b, :c", ["b", "c"]),
        # comments
        ("SELECT 1 -- it's :a\n, :b", ["b"]),
        ("SELECT 1 --:a", []),
        ("SELECT /* it's :a */ :b", ["b"]),
        ("SELECT /* a /* b */ :c */ :d", ["d"]),
        ("SELECT /* a /* b */ :c", ["c"]),
        ("SELECT a.*/* all :x */ FROM t WHERE a = :b", ["b"]),
        ("SELECT 1 # it's mine\n, :b", ["b"]),
        ("SELECT data #>> '{a,b}' = :a, data #> :b", ["a", "b"]),
        ("SELECT * FROM #tmp WHERE id = :a", ["a"]),
        ("SELECT 4 / :a - :b * :c", ["a", "b", "c"]),
        # casts, assignments, escapes, times, paths
        ("SELECT :a::int, x::text, 1::numeric(10,2), :b :: date", ["a", "b"]),
        ("SELECT CAST(:a AS date)", ["a"]),
        ("SET @x := 1, @y:=:b", ["b"]),
        (r"SELECT x\:y, \:a, :b", ["b"]),
        ("SELECT 12:30:00, :b", ["b"]),
        ('SELECT src:customer.name, src:a:b, t.$1:name, "Col":name, f(x):y, a[0]:y, :b', ["b"]),
        ("SELECT JSON_OBJECT('k':v, 'w': :b)", ["b"]),
        ("SELECT :1, :2, :b", ["b"]),
        ("SELECT a ?| array['x'], b ? 'y', :b", ["b"]),
        # arrays and slices
        ("SELECT a[:n], a[1:n], a[:n:2], a[1::n]", ["n", "n"]),
        ("SELECT a[1: :n], a[b[:i]], ARRAY[:x, [:y]], ARRAY [a, :z]", ["n", "i", "x", "y", "z"]),
        ("SELECT * FROM UNNEST([:a, :b]) WHERE x IN (['q', :c])", ["a", "b", "c"]),
    ],
)
def test_what_is_a_bind_parameter(sql: str, expected: list[str]) -> None:
    assert names(sql) == expected


@pytest.mark.parametrize(
    ("sql", "offset", "text"),
    [
        ("SELECT 'abc", 7, "never closed"),
        ('SELECT :a, "abc', 11, "never closed"),
        ("SELECT `abc", 7, "never closed"),
        ("SELECT $x$ abc $y$", 7, "never closed"),
        ("SELECT q'[ abc ]", 8, "never closed"),
        ("SELECT 1 /* abc", 9, "never closed"),
        ("SELECT 1 */ + 2", 9, "never opened"),
        (r"SELECT 'it\'s' || :x || 'it\'s'", 18, "disagree"),
        ("SELECT 1 # :a", 11, "disagree"),
        ("SELECT [Ratio :b]", 14, "list or an identifier"),
        ("SELECT :naïve", 7, "A-Za-z_"),
        ("SELECT :état", 7, "A-Za-z_"),
    ],
)
def test_unclear_text_is_an_error_with_its_place(sql: str, offset: int, text: str) -> None:
    with pytest.raises(SqlTextError, match=re.escape(text)) as caught:
        find_bind_parameters(sql)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("sql", "dialect", "expected"),
    [
        (r"SELECT 'it\'s' || :x || 'it\'s'", Dialect.MYSQL, ["x"]),
        (r"SELECT 'it\'s' || :x || 'it\'s'", Dialect.BACKSLASH, ["x"]),
        (r"SELECT 'it\'s' || :x || 'it\'s'", Dialect.STANDARD, []),
        ("SELECT 1 # :a", Dialect.MYSQL, []),
        ("SELECT 1 #don't", Dialect.MYSQL, []),
        ("SELECT 1 # :a", Dialect.POSTGRES, ["a"]),
        ("SELECT 5--:a", Dialect.MYSQL, ["a"]),
        ("SELECT 5--:a", Dialect.POSTGRES, []),
        ("SELECT 5 -- :a", Dialect.MYSQL, []),
        ("SELECT 5 --", Dialect.MYSQL, []),
        ("SELECT /* a /* b */ :c", Dialect.MYSQL, ["c"]),
    ],
)
def test_a_known_dialect_has_one_reading(sql: str, dialect: Dialect, expected: list[str]) -> None:
    assert names(sql, dialect) == expected


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        # What ANY reads as closed would be open in these databases: a value would land in code.
        (r"SELECT 'C:\', :b", Dialect.MYSQL),
        (r"SELECT 'it\'s :a', :b", Dialect.POSTGRES),
        ("SELECT /* a /* b */ :c", Dialect.POSTGRES),
    ],
)
def test_a_known_dialect_refuses_what_is_open_in_it(sql: str, dialect: Dialect) -> None:
    assert find_bind_parameters(sql)
    with pytest.raises(SqlTextError, match="never closed"):
        find_bind_parameters(sql, dialect)


VALUES = {"a": 1, "b": 2, "unused": 3}


@pytest.mark.parametrize(
    ("style", "text", "values"),
    [
        (ParamStyle.QMARK, "x = ? AND y = ? OR x = ? -- 5%", (1, 2, 1)),
        (ParamStyle.NUMERIC, "x = :1 AND y = :2 OR x = :1 -- 5%", (1, 2)),
        (ParamStyle.NAMED, "x = :a AND y = :b OR x = :a -- 5%", {"a": 1, "b": 2}),
        (ParamStyle.FORMAT, "x = %s AND y = %s OR x = %s -- 5%%", (1, 2, 1)),
        (ParamStyle.PYFORMAT, "x = %(a)s AND y = %(b)s OR x = %(a)s -- 5%%", {"a": 1, "b": 2}),
    ],
)
def test_translation_to_each_style(style: ParamStyle, text: str, values: object) -> None:
    translated = translate("x = :a AND y = :b OR x = :a -- 5%", style)
    assert translated.text == text
    assert translated.named == isinstance(values, dict)
    assert parameters(translated, VALUES) == values


@pytest.mark.parametrize("style", ParamStyle)
def test_text_without_parameters_stays_except_for_the_escape(style: ParamStyle) -> None:
    sql = r"SELECT '%', '100%%', ':a', '\:', '?', a % b, x\:y, c ? d -- %s :a"
    translated = translate(sql, style)
    assert translated.text == r"SELECT '%', '100%%', ':a', '\:', '?', a % b, x:y, c ? d -- %s :a"
    assert not parameters(translated, VALUES)


def test_percent_is_doubled_everywhere_when_there_are_parameters() -> None:
    sql = "SELECT '%s', \"%\", a % :a /* % */ -- %(b)s"
    assert translate(sql, ParamStyle.FORMAT).text == "SELECT '%%s', \"%%\", a %% %s /* %% */ -- %%(b)s"
    assert translate(sql, ParamStyle.QMARK).text == "SELECT '%s', \"%\", a % ? /* % */ -- %(b)s"
    assert translate(sql, ParamStyle.FORMAT, doubles_percent=False).text.startswith("SELECT '%s', \"%\", a % %s")


def test_question_mark_beside_parameters_of_a_qmark_driver() -> None:
    assert translate("SELECT '?', \"?\" /* ? */, :a", ParamStyle.QMARK).text == "SELECT '?', \"?\" /* ? */, ?"
    assert translate("SELECT b ? 'x', :a", ParamStyle.PYFORMAT).text == "SELECT b ? 'x', %(a)s"
    with pytest.raises(SqlTextError, match="bind the value") as caught:
        translate("SELECT b = ?, :a", ParamStyle.QMARK)
    assert caught.value.offset == 11


def test_prefix_of_names() -> None:
    translated = translate("SELECT :date, :_x", ParamStyle.NAMED, prefix="v_")
    assert translated.text == "SELECT :v_date, :v__x"
    assert parameters(translated, {"date": 1, "_x": 2}) == {"v_date": 1, "v__x": 2}


def test_a_name_without_value_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="missing"):
        parameters(translate("SELECT :missing", ParamStyle.QMARK), {})


TRIGGER = """CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW
BEGIN
  IF new.x = 1 THEN UPDATE b SET n = CASE WHEN n > 1 THEN 2 ELSE 3 END; END IF;
  BEGIN SELECT 1; END;
  CASE new.y WHEN 1 THEN SELECT 2; END CASE;
  WHILE x DO SET x = 1; END WHILE;
END;"""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        (" ; ;\n-- nothing\n;/* nothing */", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        (
            "SELECT ';', \";\" /* ; */ -- ;\n; SELECT $$ ; $$;",
            ["SELECT ';', \";\" /* ; */ -- ;", "SELECT $$ ; $$"],
        ),
        ("-- first\nSELECT :a;\nSELECT `;`", ["-- first\nSELECT :a", "SELECT `;`"]),
        ("BEGIN; INSERT INTO t VALUES (:a); COMMIT", ["BEGIN", "INSERT INTO t VALUES (:a)", "COMMIT"]),
        ("SELECT CASE WHEN 1 THEN 2 END; SELECT 2", ["SELECT CASE WHEN 1 THEN 2 END", "SELECT 2"]),
        (TRIGGER + " SELECT 1; SELECT 2", [TRIGGER, "SELECT 1", "SELECT 2"]),
        (
            "create definer=`a`@`%` procedure p() begin select 1; end; select 2",
            ["create definer=`a`@`%` procedure p() begin select 1; end;", "select 2"],
        ),
        (
            "CREATE DEFINER = me@localhost EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN SELECT 1; END; SELECT 2",
            [
                "CREATE DEFINER = me@localhost EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN SELECT 1; END;",
                "SELECT 2",
            ],
        ),
        (
            "CREATE OR REPLACE FUNCTION f() AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql; SELECT f()",
            [
                "CREATE OR REPLACE FUNCTION f() AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql",
                "SELECT f()",
            ],
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 1",
            ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;", "SELECT 1"],
        ),
        ("CREATE TABLE event (begin date); SELECT 1", ["CREATE TABLE event (begin date)", "SELECT 1"]),
        (
            "CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f(); SELECT 1",
            ["CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f()", "SELECT 1"],
        ),
        ("/*!40101 SET NAMES utf8 */; SELECT 1", ["/*!40101 SET NAMES utf8 */", "SELECT 1"]),
        (":a; \n\t:b", [":a", ":b"]),
    ],
)
def test_splitting_into_statements(sql: str, expected: list[str]) -> None:
    assert split_statements(sql) == expected


def test_splitting_an_open_quote_is_an_error() -> None:
    with pytest.raises(SqlTextError, match="never closed"):
        split_statements("SELECT 1; SELECT 'a; SELECT 2")


# Random SQL from pieces of which it is known what they hold. Joined by spaces, so no piece changes another.
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
JUNK = st.text(alphabet="ab %?:;$#-/*\n()é", max_size=12)
QUOTED = st.one_of(
    JUNK.map(lambda text: f"'{text}'"),
    st.tuples(JUNK, JUNK).map(lambda pair: f"'{pair[0]}''{pair[1]}'"),
    JUNK.map(lambda text: f'"{text}"'),
    JUNK.map(lambda text: f"`{text}`"),
    JUNK.map(lambda text: f"$q${text}'$q$"),
    JUNK.map(lambda text: f"-- {text}".replace("\n", " ") + "\n"),
    JUNK.map(lambda text: f"/* {text} */").filter(lambda text: len(re.findall(r"/\*|\*/", text)) == 2),
)
CODE = st.sampled_from(
    [
        "SELECT",
        "x::int",
        "a % b",
        "12:30",
        "@v := 1",
        r"\:x",
        ":1",
        "a[1:n]",
        "( a ; b )",
        ",",
        "a#b",
        "a - b",
        "$1",
    ]
)
PIECE = st.one_of(
    NAME.map(lambda name: (f":{name}", name)),
    QUOTED.map(lambda text: (text, None)),
    CODE.map(lambda text: (text, None)),
)
PIECES = st.lists(PIECE, max_size=12)


@given(PIECES)
def test_exactly_the_parameters_are_found(pieces: list[tuple[str, str | None]]) -> None:
    sql = " ".join(text for text, _ in pieces)
    found = find_bind_parameters(sql)
    assert [parameter.name for parameter in found] == [name for _, name in pieces if name is not None]
    assert all(sql[parameter.start : parameter.end] == f":{parameter.name}" for parameter in found)


@given(PIECES, st.sampled_from(ParamStyle))
def test_a_driver_that_fills_in_the_placeholders_gets_back_the_text(
    pieces: list[tuple[str, str | None]], style: ParamStyle
) -> None:
    sql = " ".join(text for text, _ in pieces)
    filled = " ".join(text.replace(r"\:", ":") if name is None and text == r"\:x" else text for text, name in pieces)
    translated = translate(sql, style)
    given_names = {name: f":{name}" for _, name in pieces if name is not None}
    values = parameters(translated, given_names)
    if style is ParamStyle.FORMAT or style is ParamStyle.PYFORMAT:
        assert (translated.text % values if values else translated.text) == filled
    elif style is ParamStyle.NAMED:
        assert translated.text == filled
    else:
        assert isinstance(values, tuple)
        distinct = list(dict.fromkeys(name for _, name in pieces if name is not None))
        marks = {name: "?" if style is ParamStyle.QMARK else f":{distinct.index(name) + 1}" for name in distinct}
        expected = (marks[name] if name else text for text, name in pieces)
        assert translated.text == " ".join(":x" if text == r"\:x" else text for text in expected)


@given(st.lists(st.lists(PIECE, min_size=1, max_size=5), max_size=5))
def test_statements_are_the_pieces_between_semicolons(
    statements: list[list[tuple[str, str | None]]],
) -> None:
    texts = [" ".join(["SELECT", *(text for text, _ in pieces)]) for pieces in statements]
    assert split_statements(" ;\n".join(texts)) == [text.strip() for text in texts]


@given(st.text(alphabet="ab:'\"`[]$#-/*\\\n;?%é \u202e😀"))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        places = [parameter.start for parameter in find_bind_parameters(text)]
        split_statements(text)
    except SqlTextError as error:
        places = [error.offset]
    assert all(0 <= place < len(text) for place in places)


@pytest.mark.parametrize("piece", ["'", "[", "$a$b", "q'[", "/*", "\\'", "# '", "--", "a[", " [a", "E'\\"])
def test_long_hopeless_text_takes_no_long_time(piece: str) -> None:
    began = time.process_time()
    with contextlib.suppress(SqlTextError):
        find_bind_parameters(piece * 50_000)
    assert time.process_time() - began < 5
