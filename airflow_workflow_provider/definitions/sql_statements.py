"""Where one SQL statement ends and the next begins, whatever the database; ADR 0006 says why this is our own.

A text is split at ``;`` outside of literals, comments and brackets, except in the body of a stored program or block,
which ``sql_block`` follows to its end. What database clients add is understood, too: ``DELIMITER`` of mysql, lines
``GO`` of SQL Server (what lies between them is sent whole) and lines ``/`` of Oracle (which end PL/SQL).

A text that can be read in several ways is split only if all of them give the same statements. ``SqlTextError`` is
raised where it is not sure: never a wrong split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from airflow_workflow_provider.definitions.sql_block import StatementEnd
from airflow_workflow_provider.definitions.sql_scan import (
    READINGS,
    Dialect,
    Kind,
    SqlTextError,
    Token,
    possible_readings,
    scan,
)

_DELIMITER: Final = re.compile(r"^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_DELIMITER_FIRST: Final = re.compile(r"\s*DELIMITER[ \t]+(\S+)[ \t]*\r?(?=\n|\Z)", re.IGNORECASE)
_CLIENT_LINE: Final = re.compile(r"^[ \t]*(?:(GO)(?:[ \t]+(\d+))?|/)[ \t]*;?[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_BRACKET: Final = re.compile(r"[()]")
_STARTS: Final = re.compile(
    r"\s*(?:\Z|--|/\*|(?:ALTER|ANALYZE|BEGIN|CALL|COMMENT|COMMIT|CREATE|DECLARE|DELETE|DROP|EXEC|EXECUTE|GRANT|INSERT"
    r"|MERGE|REVOKE|ROLLBACK|SELECT|SET|TRUNCATE|UPDATE|WITH)\b)",
    re.IGNORECASE,
)

Piece = tuple[int, int]


def split_statements(sql: str, dialect: Dialect = Dialect.ANY) -> list[str]:
    """The statements of a text, without the ``;`` between them; empty ones are dropped.

    A block keeps its last ``;``, which Oracle wants. Comments stay with the statement that follows them.
    """
    return [sql[start:end] for start, end in statement_places(sql, dialect)]


def statement_places(sql: str, dialect: Dialect = Dialect.ANY) -> list[Piece]:
    """Where the statements of a text stand."""
    if _is_one(sql):
        return _trimmed(sql, [(0, len(sql))])
    if _DELIMITER.search(sql):
        return _trimmed(sql, _split_at_delimiters(sql))
    readings = possible_readings(sql) if dialect is Dialect.ANY else [READINGS[dialect]]
    found: list[list[Piece]] = []
    failure: SqlTextError | None = None
    for reading in readings:
        try:
            found.append(_trimmed(sql, _split(sql, list(scan(sql, reading)))))
        except SqlTextError as error:
            failure = failure or error
    if not found:
        assert failure is not None
        raise failure
    for other in found[1:]:
        if other != found[0]:
            raise _ambiguous(found[0], other)
    return found[0]


def _is_one(sql: str) -> bool:
    """Whether it is one statement at first sight, as most texts are."""
    return (
        ";" not in sql
        and sql.lstrip()[:1] not in ("", "-", "/", "#", ".", "\\")
        and not _CLIENT_LINE.search(sql)
        and not _DELIMITER.search(sql)
    )


def _ambiguous(first: list[Piece], second: list[Piece]) -> SqlTextError:
    differing = sorted({end for _, end in first} ^ {end for _, end in second} or {first[0][0]})
    return SqlTextError(
        "databases disagree where this statement ends; write '' instead of \\' in a literal, start comments with "
        "'-- ', write the operator # without a space behind it, and do not nest /* */",
        max(0, differing[0] - 1),
    )


def _trimmed(sql: str, pieces: Iterable[Piece]) -> list[Piece]:
    found = []
    for start, end in pieces:
        text = sql[start:end]
        found.append((start + len(text) - len(text.lstrip()), start + len(text.rstrip())))
    return found


def _gaps(tokens: list[Token], start: int, end: int) -> Iterator[tuple[int, int, Token]]:
    """The plain code between the tokens from ``start`` to ``end``, with the token behind it; the last is the end."""
    for token in tokens:
        yield start, token.start, token
        start = token.end
    yield start, end, Token(Kind.SEMICOLON, end, end)


def _split(sql: str, tokens: list[Token]) -> Iterator[Piece]:
    lines = _client_lines(sql, tokens)
    batches = any(match[1] for match in lines)
    position, index = 0, 0
    for match in [*lines, None]:
        end = match.start() if match else len(sql)
        first = index
        while index < len(tokens) and tokens[index].start < end:
            index += 1
        inside = tokens[first:index]
        if batches:
            if _has_code(sql, inside, position, end):
                yield position, end
        else:
            yield from _split_at_semicolons(sql, inside, position, end, slashes=bool(lines))
        position = match.end() if match else end
        while index < len(tokens) and tokens[index].start < position:
            index += 1  # the semicolon of "GO;"


def _has_code(sql: str, tokens: list[Token], start: int, end: int) -> bool:
    return any(sql[begin:stop].strip() or _is_code(sql, token) for begin, stop, token in _gaps(tokens, start, end))


def _is_code(sql: str, token: Token) -> bool:
    """MySQL runs what stands in ``/*! … */``."""
    return token.kind is not Kind.SEMICOLON and (
        token.kind is not Kind.COMMENT or sql.startswith(("/*!", "/*M!"), token.start)
    )


def _client_lines(sql: str, tokens: list[Token]) -> list[re.Match[str]]:
    """The lines ``GO`` or ``/`` that stand between statements; of a text that has both, GO lines count."""
    found = list(_CLIENT_LINE.finditer(sql))
    if not found:
        return []
    quoted = [token for token in tokens if token.kind in (Kind.QUOTED, Kind.COMMENT)]
    lines, index = [], 0
    for match in found:
        while index < len(quoted) and quoted[index].end <= match.start():
            index += 1
        if index == len(quoted) or quoted[index].start >= match.end():
            lines.append(match)
    lines = [match for match in lines if match[1]] or [match for match in lines if _ends_plsql(sql, match)]
    for match in lines:
        if match[2]:
            message = (
                "GO with a number is a command of SQL Server's clients; write the statement as often as it is to run"
            )
            raise SqlTextError(message, match.start(2))
    return lines


def _ends_plsql(sql: str, match: re.Match[str]) -> bool:
    """A line ``/`` ends a statement if one ends before it or begins behind it; else it may divide."""
    before = sql[: match.start()].rstrip()[-1:]
    if before in ("", ";") or _STARTS.match(sql, match.end()):
        return True
    message = "it is not sure whether this line '/' divides or ends a statement; write the division within one line"
    raise SqlTextError(message, sql.index("/", match.start()))


def _split_at_semicolons(sql: str, tokens: list[Token], start: int, end: int, *, slashes: bool) -> Iterator[Piece]:
    first, blank = start, True
    statement = StatementEnd(slashes=slashes)
    for begin, stop, token in _gaps(tokens, start, end):
        if stop > begin and not sql[begin:stop].isspace():
            blank = False
            statement.read(sql, begin, stop)
        if token.kind is not Kind.SEMICOLON:
            if _is_code(sql, token):
                blank = False
                statement.read_value(token)
            continue
        at_end = token.end == end and token.start == end
        if statement.continues(at_end=at_end) and not at_end:
            continue
        if not blank:
            yield first, token.end if statement.keeps_semicolon else token.start
            statement = statement.next()
        first, blank = token.end, True


def _split_at_delimiters(sql: str) -> Iterator[Piece]:
    """As the mysql client does, which knows nothing of blocks: what DELIMITER names ends a statement."""
    not_code = [token for token in scan(sql, READINGS[Dialect.MYSQL]) if token.kind in (Kind.QUOTED, Kind.COMMENT)]
    delimiter, start, blank = ";", 0, True
    for begin, stop, token in _gaps(not_code, 0, len(sql)):
        position = begin
        while True:
            command = _DELIMITER_FIRST.match(sql, position, stop) if blank else None
            if command:
                delimiter, start, position = command[1], command.end(), command.end()
                continue
            place = sql.find(delimiter, position, stop)
            if place < 0:
                break
            if not blank or sql[position:place].strip():
                yield start, place
            start, position, blank = place + len(delimiter), place + len(delimiter), True
        blank = blank and not sql[position:stop].strip() and not _is_code(sql, token)
    if not blank:
        yield start, len(sql)
