"""Splitting SQL: a corpus of every dialect, texts that nobody can split surely, and any text at all."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_workflow_provider.definitions.sql_scan import SqlTextError
from airflow_workflow_provider.definitions.sql_statements import split_statements
from tests.sql_corpus import DIALECTS, pieces, script

PLAIN = ("sqlite", "postgres", "mariadb", "sqlserver", "oracle_blocks", "snowflake")
"""Scripts in which nothing but SQL stands: their statements can be put in any order."""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_script_is_split_into_its_statements(dialect: str) -> None:
    assert [each.rstrip("; \n") for each in split_statements(script(dialect))] == pieces(dialect)


@pytest.mark.parametrize("dialect", PLAIN)
def test_every_statement_is_one_alone_and_before_any_other(dialect: str) -> None:
    found = pieces(dialect)
    for one, other in pairwise([*found, found[0]]):
        assert [each.rstrip(";") for each in split_statements(one)] == [one]
        assert [each.rstrip("; \n") for each in split_statements(f"{one}\n;\n{other}")] == [one, other]


def test_the_corpus_is_as_large_as_the_decision_says() -> None:
    assert sum(len(pieces(dialect)) for dialect in DIALECTS) >= 200


@pytest.mark.parametrize(
    ("sql", "text", "at"),
    [
        ("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2", "a BEGIN is never closed", "2"),
        ("CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END; SELECT 2", "not sure", "END"),
        ("CREATE PROCEDURE p() BEGIN SELECT CASE WHEN 1 THEN 2; END; SELECT 2", "not sure", "2; END"),
        ("CREATE PROCEDURE p() BEGIN SELECT 1 end; SELECT 2; END; SELECT 3", "not sure", "end"),
        ("CREATE PROCEDURE p() BEGIN SELECT x end FROM t; SELECT 2; END; SELECT 3", "not sure", "end"),
        ("CREATE PROCEDURE p() BEGIN SELECT CASE WHEN x THEN 1 END end; END; SELECT 3", "not sure", "end"),
        ("CREATE PROCEDURE p AS SELECT 1; SELECT 2", "GO", "SELECT 2"),
        ("CREATE PROCEDURE p AS n INT; BEGIN NULL; END; SELECT 2", "line '/'", "SELECT 2"),
        ("CREATE PROCEDURE p AS PROCEDURE q IS BEGIN NULL; END; BEGIN NULL; END; SELECT 2", "line '/'", "PROCEDURE q"),
        ("CREATE PACKAGE p AS PROCEDURE a; END; SELECT 2", "line '/'", "PACKAGE"),
        ("WITH FUNCTION f RETURN NUMBER IS BEGIN RETURN 1; END; SELECT f FROM dual", "line '/'", "f RETURN"),
        ("DECLARE c CURSOR FOR SELECT 1; BEGIN OPEN c; END;", "not sure", "OPEN"),
        ("SELECT 1; ELSE SELECT 2", "'ELSE' begins no statement", "ELSE"),
        ("SELECT 1; END IF;", "not sure", "IF"),
        ("SELECT (1; SELECT 2", "'(' is never closed", "(1"),
        ("SELECT 1; \\copy t FROM 'x'", "command of a database client", "\\copy"),
        ("SELECT 1;\n.mode csv", "command of a database client", ".mode"),
        ("SELECT 1;\nGO 5\nSELECT 2", "GO with a number", "5"),
        ("SELECT a\n/\nb FROM t; SELECT 2", "divides or ends", "/"),
        ("SELECT 'it\\'s; SELECT ' || x; SELECT 'it\\'s'", "disagree", None),
        ("SELECT 1 # 2; SELECT 3\n; SELECT 4", "disagree", None),
    ],
)
def test_what_cannot_be_split_surely_is_an_error_with_its_place(sql: str, text: str, at: str | None) -> None:
    with pytest.raises(SqlTextError, match=re.escape(text)) as caught:
        split_statements(sql)
    assert at is None or sql[caught.value.offset :].startswith(at)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DECLARE @x INT = 1; SELECT @x; SELECT 2", ["DECLARE @x INT = 1; SELECT @x; SELECT 2"]),
        ("DECLARE x INT64 DEFAULT 5; SET x = 6; SELECT x", ["DECLARE x INT64 DEFAULT 5; SET x = 6; SELECT x"]),
        ("SELECT 1\n/\n", ["SELECT 1"]),
        ("SELECT 1\nGO\n-- nothing\nGO", ["SELECT 1"]),
        ("SELECT 1\r\nGO\r\nSELECT 2;\r\n", ["SELECT 1", "SELECT 2;"]),
        ("SELECT 8\n/ 2; SELECT 3", ["SELECT 8\n/ 2", "SELECT 3"]),
    ],
)
def test_scripts_of_clients(sql: str, expected: list[str]) -> None:
    assert split_statements(sql) == expected


WORDS = st.sampled_from(
    [
        "CREATE",
        "PROCEDURE",
        "TRIGGER",
        "BEGIN",
        "END",
        "CASE",
        "IF",
        "THEN",
        "ELSE",
        "LOOP",
        "DO",
        "WHILE",
        "REPEAT",
        "FOR",
        "EACH",
        "ROW",
        "AS",
        "IS",
        "DECLARE",
        "x",
        ".",
        ",",
        "(",
        ")",
        "=",
        ";",
        ";",
        ";",
        "'",
        "--",
        "/*",
        "*/",
        "$$",
        ":",
        "SELECT",
        "1",
        "@v",
        "\n",
        "\nGO\n",
        "\n/\n",
        "DELIMITER",
        "//",
        "#",
        "NOT",
        "ATOMIC",
        "CURSOR",
        "TRY",
        "CATCH",
        "RETURN",
        "WITH",
    ]
)


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_any_text_is_split_or_refused_and_nothing_is_lost(sql: str) -> None:
    found: list[str] = []
    place = 0
    try:
        found = split_statements(sql)
    except SqlTextError as error:
        place = error.offset
    assert 0 <= place <= len(sql)
    position = 0
    for statement in found:
        position = sql.index(statement, position) + len(statement)
        assert statement == statement.strip() != ""


def test_a_long_script_is_split_in_linear_time() -> None:
    one = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET x = CASE WHEN y THEN 1 END; END;\n"
    assert len(split_statements(one * 2_000 + "INSERT INTO t VALUES (1, 'a;b');\n" * 20_000)) == 22_000


class _Bodies:
    """Random bodies of MariaDB, full of columns named ``end`` and ``begin``."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def value(self, depth: int = 0) -> str:
        name = self._random.choice(["end", "begin", "x", "t.end", "`end`", "NEW.end", "1", "'end;'", "(end)"])
        if depth > 2:
            return name
        more = [self.value(depth + 1) for _ in range(4)]
        return self._random.choice(
            [
                name,
                name,
                f"{more[0]} + {more[1]}",
                f"CASE WHEN {more[0]} > {more[1]} THEN {more[2]} ELSE {more[3]} END",
                f"CASE {more[0]} WHEN {more[1]} THEN {more[2]} END",
                f"IF({more[0]}, {more[1]}, {more[2]})",
            ]
        )

    def statement(self, depth: int = 0) -> str:
        value = self.value
        simple = f"SET {self._random.choice(['end', 'begin', 't.end'])} = {value()};"
        if depth > 2:
            return simple
        one, two = self.body(depth + 1), self.body(depth + 1)
        return self._random.choice(
            [
                simple,
                f"SELECT {value()}, {value()} FROM t WHERE {value()} = {value()} ORDER BY {value()};",
                f"IF {value()} THEN {one} ELSEIF {value()} THEN {two} ELSE {one} END IF;",
                f"WHILE {value()} DO {one} END WHILE;",
                f"again: LOOP {one} END LOOP again;",
                f"REPEAT {one} UNTIL {value()} > 1 END REPEAT;",
                f"BEGIN {one} END;",
                f"CASE {value()} WHEN {value()} THEN {one} ELSE {two} END CASE;",
                f"DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN {one} END;",
            ]
        )

    def body(self, depth: int = 0) -> str:
        return " ".join(self.statement(depth) for _ in range(self._random.randint(1, 2)))


@pytest.mark.parametrize(
    "head",
    [
        "CREATE PROCEDURE p(a INT) BEGIN",
        "CREATE TRIGGER t BEFORE INSERT ON end FOR EACH ROW BEGIN",
        "BEGIN NOT ATOMIC",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN",
    ],
)
def test_bodies_with_columns_that_are_named_as_words(head: str) -> None:
    for seed in range(25):
        block = f"{head} {_Bodies(seed).body()} END;"
        assert split_statements(f"{block}\nSELECT 9") == [block, "SELECT 9"]
