"""sql_traps: SQL that runs and does something other than it says, and what belongs to the clients of databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition, Statement
from airflow_workflow_provider.definitions.diagnostics import Finding, Severity
from airflow_workflow_provider.definitions.models import SqlTask
from airflow_workflow_provider.definitions.sql_scan import Dialect, Kind, SqlTextError, Token, tokens_of

RULE: Final = "sql_traps"

_AGGREGATE: Final = re.compile(r"\s*SELECT\s+(?:MAX|MIN|SUM|COUNT|AVG)\s*\(", re.IGNORECASE)
_ROWS_VARY: Final = re.compile(r"\b(?:GROUP|HAVING|UNION|INTERSECT|EXCEPT|LIMIT|OFFSET|FETCH|OVER)\b", re.IGNORECASE)
_ORDER: Final = re.compile(r"\b(ORDER|GROUP)\s+BY\s+\Z", re.IGNORECASE)
_TRIGGER: Final = re.compile(r"\s*CREATE\b[^(]{0,60}\bTRIGGER\b", re.IGNORECASE)
_STRANGE: Final = re.compile(
    "[\\x00-\\x08\\x0b\\x0e-\\x1f\\x7f-\\x9f\\xa0\\xad\\u2000-\\u200f\\u2018-\\u201e\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ufeff]"
)
_ALONE: Final = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
    r"(VACUUM|(?:CREATE|DROP|ALTER)\s+(?:DATABASE|TABLESPACE)|(?:CREATE(?:\s+UNIQUE)?|DROP)\s+INDEX\s+CONCURRENTLY"
    r"|REINDEX\s.*\sCONCURRENTLY)\b",
    re.IGNORECASE | re.DOTALL,
)
"""What the databases that have it refuse within a transaction (PostgreSQL, SQLite)."""
_QUOTES: Final = re.compile("[\u2018-\u201e]")


def check(definition: Definition) -> Iterator[Finding]:
    """Check every statement, and what an empty result of the last one would be."""
    for name, statements in definition.statements.items():
        task = definition.tasks[name]
        for statement in statements:
            yield from _check_statement(statement)
            if isinstance(task, SqlTask) and not task.autocommit:
                yield from _check_transaction(statement)
        if statements and isinstance(task, SqlTask) and task.on_empty in ("skip", "fail"):
            yield from _check_aggregate(statements[-1], task.on_empty)


def _check_transaction(statement: Statement) -> Iterator[Finding]:
    found = _ALONE.match(statement.text)
    if found:
        words = " ".join(found[1].upper().split())
        message = f"{words} cannot run in a transaction, which the statements of a task are; add 'autocommit: true'"
        yield Finding(statement.location, message, RULE)


def _check_statement(statement: Statement) -> Iterator[Finding]:
    try:
        tokens = tokens_of(statement.text, Dialect.ANY, (Kind.PARAMETER,))
    except SqlTextError:
        return  # sql_text says so
    if _STRANGE.search(statement.text):
        yield from _check_characters(statement, tokens)
    if ":" in statement.text:
        yield from _check_colons(statement, tokens)


def _code(sql: str, tokens: list[Token]) -> Iterator[tuple[int, str]]:
    """Offset and text of all that is no literal and no comment."""
    position = 0
    for token in tokens:
        if token.kind in (Kind.QUOTED, Kind.COMMENT):
            yield position, sql[position : token.start]
            position = token.end
    yield position, sql[position:]


def _check_characters(statement: Statement, tokens: list[Token]) -> Iterator[Finding]:
    for offset, code in _code(statement.text, tokens):
        found = _STRANGE.search(code)
        if found:
            quote = _QUOTES.match(found[0])
            what = f"a typographic quote {found[0]}" if quote else f"the invisible character U+{ord(found[0]):04X}"
            instead = "write ' or \"" if quote else "write a plain space, or nothing"
            place = statement.place(offset + found.start())
            yield Finding(statement.location, f"{what} stands in the SQL ({place}); {instead}", RULE)
            return


def _check_colons(statement: Statement, tokens: list[Token]) -> Iterator[Finding]:
    sql = statement.text
    is_trigger = _TRIGGER.match(sql) is not None
    for token in tokens:
        text, before = sql[token.start : token.end], sql[: token.start]
        if token.kind is Kind.QUOTED and text[:1] in "'\"" and before[-1:] == ":" and before[-2:-1] in _BEFORE_PSQL:
            instead = f"write :{text[1:-1]}, which is bound as a value"
            if text[0] == '"':
                instead = "names cannot be bound, write the name itself"
            place = statement.place(token.start)
            yield Finding(statement.location, f":{text} is a variable of psql ({place}); {instead}", RULE)
        if token.kind is not Kind.PARAMETER:
            continue
        order = _ORDER.search(before[-40:])
        if order:
            what = f"{order[1].upper()} BY {text} has no effect"
            message = f"{what}: a bound value is the same for every row; write the column's name, or CASE {text} WHEN …"
            yield Finding(statement.location, message, RULE, Severity.WARNING)
        if is_trigger and text.lower() in (":new", ":old"):
            message = f"{text} in a trigger is Oracle's row, not a variable; write \\{text}"
            yield Finding(statement.location, message, RULE)


_BEFORE_PSQL: Final = ("", " ", "\t", "\n", "(", ",", "=", "<", ">", "|")


def _check_aggregate(statement: Statement, on_empty: str) -> Iterator[Finding]:
    if not _AGGREGATE.match(statement.text):
        return
    try:
        tokens = tokens_of(statement.text, Dialect.ANY, (Kind.QUOTED,))
    except SqlTextError:
        return
    if not any(_ROWS_VARY.search(code) for _, code in _code(statement.text, tokens)):
        message = (
            f"an aggregate without GROUP BY returns one row even if there is nothing, so 'on_empty: {on_empty}' never "
            "applies; add HAVING COUNT(*) > 0"
        )
        yield Finding(statement.location, message, RULE, Severity.WARNING)
