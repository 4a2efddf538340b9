r"""Where literals, comments and bind parameters of SQL text begin and end, whatever the database.

``:name`` is a bind parameter unless it stands in a literal, a quoted identifier, a comment or dollar quotes.
Left alone too: ``::type`` casts, ``:=``, ``\:`` (a plain colon), ``:1``, and a colon directly after a word, a
quote or a closing bracket (``12:30``, ``a[1:n]``, ``src:city``, ``{'a':b}``, ``f(x):city``).

Databases do not agree on what ends a literal or starts a comment. ``Dialect.ANY`` reads the text in every
way that is possible, drops those in which a quote or comment never ends, and raises ``SqlTextError`` if the
others disagree about a parameter:

- ``\'`` ends a literal in standard SQL and is an escaped quote in MySQL, Snowflake, BigQuery and ``E'…'``;
- ``# `` (with a space) starts a comment in MySQL and is an operator in PostgreSQL; ``#>``, ``#tmp`` are taken
  for comments only where the database is known to be MySQL;
- ``/* /* */`` is closed in MySQL, Oracle and SQLite and open in PostgreSQL and SQL Server.

``[…]`` directly after a word, quote or bracket (or after ``ARRAY``) is a subscript or array: ``:name`` in it
is a parameter. So is a list that starts with ``:``, a digit or a quote. Otherwise it is an identifier of SQL
Server or SQLite; one that seems to hold a parameter is an error. MySQL's ``/*! … */`` is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product


class SqlTextError(ValueError):
    """SQL text that cannot be read with certainty; ``offset`` is where in the text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Dialect(Enum):
    """How a database reads quotes and comments. ``ANY`` accepts what all of them read alike."""

    ANY = "any"
    STANDARD = "standard"
    POSTGRES = "postgres"
    MYSQL = "mysql"
    BACKSLASH = "backslash"


class Kind(Enum):
    """What a token is."""

    PARAMETER = "parameter"
    ESCAPED_COLON = "escaped colon"
    QUESTION_MARK = "question mark"
    SEMICOLON = "semicolon"
    QUOTED = "quoted"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Token:
    """A part of the text that is no plain code, or that means something in it."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read quotes and comments."""

    backslash: bool = False
    nested: bool = False
    hash_comments: str = ""  # a pattern for what follows the "#"; empty for none
    dashes: str = ""  # a pattern for what must follow "--"
    dollars: bool = True  # $tag$ … $tag$ is a literal


READINGS = {
    Dialect.STANDARD: Reading(),
    Dialect.POSTGRES: Reading(nested=True),
    Dialect.MYSQL: Reading(backslash=True, hash_comments=r".|\Z", dashes=r"\s|\Z", dollars=False),
    Dialect.BACKSLASH: Reading(backslash=True),
}
_SOFT_HASH = r"\s|\Z"

# Every alternative starts with a plain character: `re` then skips ordinary text at full speed.
_SPECIAL = re.compile(r"""'|"|`|\[|\]|\$|--|/\*|\*/(?!\*)|\#|\\:|:|\?|;""", re.VERBOSE)
_NAME = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)")
_PLAIN_QUOTES = {
    "'": re.compile(r"'[^']*(?:''[^']*)*'"),
    '"': re.compile(r'"[^"]*(?:""[^"]*)*"'),
    "`": re.compile(r"`[^`]*(?:``[^`]*)*`"),
}
_BACKSLASH_QUOTES = {
    "'": re.compile(r"'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'", re.DOTALL),
    '"': re.compile(r'"[^"\\]*(?:(?:\\.|"")[^"\\]*)*"', re.DOTALL),
    "`": _PLAIN_QUOTES["`"],
}
# Oracle's q'[…]': the closing delimiter of an opening one; other punctuation closes itself.
_ORACLE_CLOSERS = {"[": "]", "{": "}", "(": ")", "<": ">"}
_DOLLAR_TAG = re.compile(r"\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_BRACKETS = re.compile(r"\[([^\]]*(?:\]\][^\]]*)*)\]")
_LONGEST_BRACKETS = 1_000  # far more than an identifier has; each [ of a long text would else be looked at to its end
_ARRAY_BEFORE = re.compile(r"\bARRAY\s+\Z", re.IGNORECASE)
_BIND_INSIDE = re.compile(r"""(?<![\w:\\'"`\])]):[A-Za-z_]""")


def tokens_of(sql: str, dialect: Dialect, compared: tuple[Kind, ...]) -> list[Token]:
    """The tokens of the text; an error if readings that are possible differ in the compared kinds."""
    if dialect is not Dialect.ANY:
        return list(scan(sql, READINGS[dialect]))
    readings = possible_readings(sql)
    results: list[list[Token]] = []
    failure: SqlTextError | None = None
    for reading in readings:
        try:
            results.append(list(scan(sql, reading)))
        except SqlTextError as error:
            failure = failure or error
    if not results:
        assert failure is not None
        raise failure
    first = [token for token in results[0] if token.kind in compared]
    for other in results[1:]:
        rest = [token for token in other if token.kind in compared]
        if rest != first:
            raise _ambiguous(sql, first, rest)
    return results[0]


def possible_readings(sql: str) -> list[Reading]:
    """The readings that may differ for this text; one for most."""
    backslash = (False, True) if "\\'" in sql or '\\"' in sql else (False,)
    nested = (True, False) if sql.count("/*") > 1 else (True,)
    hashes = ("", _SOFT_HASH) if "#" in sql else ("",)
    return [Reading(b, n, h) for b, n, h in product(backslash, nested, hashes)]


def _ambiguous(sql: str, first: list[Token], second: list[Token]) -> SqlTextError:
    differing = sorted({(t.start, t.end) for t in first} ^ {(t.start, t.end) for t in second})
    start, end = differing[0]
    return SqlTextError(
        f"databases disagree whether {sql[start:end]!r} is inside a literal or comment here; "
        "write '' instead of \\' in a literal, start comments with '-- ' and do not nest /* */",
        start,
    )


def scan(sql: str, reading: Reading) -> Iterator[Token]:
    """Tokens in order; whatever lies between them is plain code."""
    search = _SPECIAL.search
    position, subscripts = 0, 0
    while match := search(sql, position):
        start, position, text = match.start(), match.end(), match.group()
        if text == ":":
            token = _parameter(sql, start)
            if token is not None:
                yield token
                position = token.end
            elif sql.startswith((":", "="), position):
                position += 1
        elif text in "'\"`":
            position = _quote_end(sql, start, reading)
            yield Token(Kind.QUOTED, start, position)
        elif text == "$":
            closed = _dollar_end(sql, start) if reading.dollars else None
            if closed is not None:
                position = closed
                yield Token(Kind.QUOTED, start, position)
        elif text in ("--", "/*", "#"):
            closed = _comment_end(sql, start, text, reading)
            if closed is not None:
                position = closed
                yield Token(Kind.COMMENT, start, position)
        elif text == "[":
            closed = None if subscripts else _bracket_end(sql, start)
            if closed is None:
                subscripts += 1
            else:
                position = closed
                yield Token(Kind.QUOTED, start, position)
        elif text == "]":
            subscripts = max(0, subscripts - 1)
        elif text == "*/":
            raise SqlTextError("'*/' closes a comment that was never opened", start)
        else:
            yield Token(_SIMPLE[text], start, position)


_SIMPLE = {"\\:": Kind.ESCAPED_COLON, "?": Kind.QUESTION_MARK, ";": Kind.SEMICOLON}


def _parameter(sql: str, start: int) -> Token | None:
    before = sql[start - 1] if start else ""
    if before and (_is_word(before) or before in "'\"`])"):
        return None
    match = _NAME.match(sql, start)
    end = match.end() if match else start + 1
    after = sql[end : end + 1]
    if after and not after.isascii() and _is_word(after):
        raise SqlTextError("the name of a bind parameter is [A-Za-z_][A-Za-z0-9_]*", start)
    return Token(Kind.PARAMETER, start, end) if match else None


def _is_word(character: str) -> bool:
    return character.isalnum() or character in "_$"


def _quote_end(sql: str, start: int, reading: Reading) -> int:
    quote = sql[start]
    patterns = _BACKSLASH_QUOTES if reading.backslash else _PLAIN_QUOTES
    prefix = _prefix(sql, start) if quote == "'" else ""
    delimiter = sql[start + 1 : start + 2]
    if prefix in ("Q", "NQ") and not (delimiter.isalnum() or delimiter.isspace() or delimiter in "_'"):
        return _closed(sql, start, start + 2, _ORACLE_CLOSERS.get(delimiter, delimiter) + "'")
    if prefix == "E":
        patterns = _BACKSLASH_QUOTES
    match = patterns[quote].match(sql, start)
    if match is None:
        raise SqlTextError(f"a quote {quote} is never closed", start)
    return match.end()


def _prefix(sql: str, start: int) -> str:
    """The word of one or two letters directly before a quote, as in ``E'…'``."""
    begin = start
    while begin > 0 and start - begin < 3 and _is_word(sql[begin - 1]):
        begin -= 1
    return sql[begin:start].upper()


def _dollar_end(sql: str, start: int) -> int | None:
    """The end of ``$tag$ … $tag$``; None where the dollar is part of a name or a ``$1``."""
    if start and _is_word(sql[start - 1]):
        return None
    tag = _DOLLAR_TAG.match(sql, start)
    if tag is None:
        return None
    return _closed(sql, start, tag.end(), tag.group())


def _closed(sql: str, start: int, inside: int, closer: str) -> int:
    close = sql.find(closer, inside)
    if close < 0:
        raise SqlTextError(f"quotes {sql[start:inside]} are never closed", start)
    return close + len(closer)


def _comment_end(sql: str, start: int, opener: str, reading: Reading) -> int | None:
    """The end of the comment; None where the characters are an operator."""
    if opener == "/*":
        return _block_comment_end(sql, start, nested=reading.nested)
    condition = reading.dashes if opener == "--" else reading.hash_comments
    if opener == "#" and not condition:
        return None
    if condition and not re.compile(condition, re.DOTALL).match(sql, start + len(opener)):
        return None
    end = sql.find("\n", start)
    return len(sql) if end < 0 else end


def _block_comment_end(sql: str, start: int, *, nested: bool) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        if edge.group() == "*/":
            depth -= 1
        elif nested or not depth:
            depth += 1
        if not depth:
            return edge.end()
    raise SqlTextError("a comment /* is never closed", start)


def _bracket_end(sql: str, start: int) -> int | None:
    """The end of an identifier in brackets; None for a subscript, an array or a list."""
    before = sql[start - 1] if start else ""
    if before and (_is_word(before) or before in "]\")`'"):
        return None
    if _ARRAY_BEFORE.search(sql, max(0, start - 40), start):
        return None
    match = _BRACKETS.match(sql, start, start + _LONGEST_BRACKETS)
    if match is None or not match[1].lstrip()[:1].isalpha():
        return None
    inside = _BIND_INSIDE.search(match[1])
    if inside:
        raise SqlTextError(
            "in [ ] this may be a list or an identifier; write ARRAY[…], or the identifier in double quotes",
            match.start(1) + inside.start(),
        )
    return match.end()
