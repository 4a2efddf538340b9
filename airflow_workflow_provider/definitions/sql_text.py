r"""Bind parameters, statements and placeholders in SQL text, whatever the database.

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
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Parameters: TypeAlias = "tuple[object, ...] | dict[str, object]"


class SqlTextError(ValueError):
    """SQL text that cannot be read with certainty; ``offset`` is where in the text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class ParamStyle(str, Enum):
    """The placeholder styles of the Python DB-API (PEP 249)."""

    QMARK = "qmark"
    NUMERIC = "numeric"
    NAMED = "named"
    FORMAT = "format"
    PYFORMAT = "pyformat"


class Dialect(Enum):
    """How a database reads quotes and comments. ``ANY`` accepts what all of them read alike."""

    ANY = "any"
    STANDARD = "standard"
    POSTGRES = "postgres"
    MYSQL = "mysql"
    BACKSLASH = "backslash"


@dataclass(frozen=True, slots=True)
class BindParameter:
    """One ``:name``; ``sql[start:end]`` is the colon and the name."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Translated:
    """A statement in the driver's style; ``names`` is in the order of the parameters."""

    text: str
    names: tuple[str, ...]
    named: bool
    prefix: str = ""


class _Kind(Enum):
    PARAMETER = "parameter"
    ESCAPED_COLON = "escaped colon"
    QUESTION_MARK = "question mark"
    SEMICOLON = "semicolon"
    QUOTED = "quoted"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read quotes and comments."""

    backslash: bool = False
    nested: bool = False
    hash_comments: str = ""  # a pattern for what follows the "#"; empty for none
    dashes: str = ""  # a pattern for what must follow "--"


_READINGS = {
    Dialect.STANDARD: _Reading(),
    Dialect.POSTGRES: _Reading(nested=True),
    Dialect.MYSQL: _Reading(backslash=True, hash_comments=r".|\Z", dashes=r"\s|\Z"),
    Dialect.BACKSLASH: _Reading(backslash=True),
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
_ARRAY_BEFORE = re.compile(r"\bARRAY\s+\Z", re.IGNORECASE)
_BIND_INSIDE = re.compile(r"""(?<![\w:\\'"`\])]):[A-Za-z_]""")


def find_bind_parameters(sql: str, dialect: Dialect = Dialect.ANY) -> tuple[BindParameter, ...]:
    """Every ``:name`` in order, repeats included."""
    return tuple(
        BindParameter(sql[token.start + 1 : token.end], token.start, token.end)
        for token in _tokens(sql, dialect, (_Kind.PARAMETER, _Kind.ESCAPED_COLON))
        if token.kind is _Kind.PARAMETER
    )


def translate(
    sql: str,
    paramstyle: ParamStyle,
    dialect: Dialect = Dialect.ANY,
    *,
    doubles_percent: bool = True,
    prefix: str = "",
) -> Translated:
    """The statement with the driver's placeholders.

    ``doubles_percent=False`` is for a driver that takes ``%`` as it is (mysql-connector-python). ``prefix``
    goes before every name of a named style (Oracle refuses reserved words and a leading underscore).
    """
    paramstyle = ParamStyle(paramstyle)
    kinds: tuple[_Kind, ...] = (_Kind.PARAMETER, _Kind.ESCAPED_COLON)
    if paramstyle is ParamStyle.QMARK:
        kinds = (*kinds, _Kind.QUESTION_MARK)
    tokens = [token for token in _tokens(sql, dialect, kinds) if token.kind in kinds]
    found = [sql[token.start + 1 : token.end] for token in tokens if token.kind is _Kind.PARAMETER]
    if found and paramstyle is ParamStyle.QMARK:
        _refuse_question_marks(tokens)
    distinct = tuple(dict.fromkeys(found))
    percent = paramstyle in (ParamStyle.FORMAT, ParamStyle.PYFORMAT)
    # With no parameters the driver is called without any and reads no "%" at all.
    doubled = bool(found) and percent and doubles_percent
    pieces, position = [], 0
    for token in tokens:
        pieces.append(_literal(sql[position : token.start], doubled))
        pieces.append(_replacement(sql, token, paramstyle, distinct, prefix))
        position = token.end
    pieces.append(_literal(sql[position:], doubled))
    positional = paramstyle in (ParamStyle.QMARK, ParamStyle.FORMAT)
    named = paramstyle in (ParamStyle.NAMED, ParamStyle.PYFORMAT)
    names = tuple(found) if positional else distinct
    return Translated("".join(pieces), names, named, prefix if named else "")


def parameters(translated: Translated, values: Mapping[str, object]) -> Parameters:
    """The values in the shape the driver wants; a name without a value is a ``KeyError``."""
    if translated.named:
        return {translated.prefix + name: values[name] for name in translated.names}
    return tuple(values[name] for name in translated.names)


def split_statements(sql: str, dialect: Dialect = Dialect.ANY) -> list[str]:
    """The statements of a text, split at ``;`` and stripped; empty ones are dropped.

    ``BEGIN … END`` stays whole, with its last ``;``, in CREATE or ALTER of a trigger, procedure, function or
    event. Not known, so to be given as one item of a list: blocks outside these (Oracle's ``DECLARE …``),
    Oracle's declarations before ``BEGIN``, packages. Comments stay with the statement that follows them.
    """
    tokens = _tokens(sql, dialect, (_Kind.SEMICOLON,))
    statements, start, blank = [], 0, True
    body = _Body()
    position = 0
    for token in [*tokens, _Token(_Kind.SEMICOLON, len(sql), len(sql))]:
        code = sql[position : token.start]
        if code.strip():
            _refuse_delimiter(code, position, first=blank)
            blank = False
            body.read(code)
        position = token.end
        if token.kind is _Kind.SEMICOLON:
            body.end_of_statement()
            if body.open and token.start < len(sql):
                continue
            if not blank:
                statements.append(sql[start : token.end if body.is_block else token.start].strip())
            start, blank, body = token.end, True, _Body()
        elif token.kind is not _Kind.COMMENT or sql.startswith("/*!", token.start):
            blank = False
    return statements


class _Body:
    """Whether a statement is inside the ``BEGIN … END`` of a stored program."""

    _WORD = re.compile(r"[A-Za-z_][\w$]*")
    _KINDS = frozenset({"TRIGGER", "PROCEDURE", "PROC", "FUNCTION", "EVENT"})
    _BETWEEN = frozenset(
        {
            "OR",
            "REPLACE",
            "ALTER",
            "TEMP",
            "TEMPORARY",
            "CONSTRAINT",
            "AGGREGATE",
            "EDITIONABLE",
            "NONEDITIONABLE",
        }
    )
    # END IF closes an IF, which is not counted.
    _UNCOUNTED = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})

    def __init__(self) -> None:
        self._program: bool | None = None  # not known yet
        self._depth = 0
        self._previous = ""
        self._definer = False
        self.is_block = False

    @property
    def open(self) -> bool:
        return self._depth > 0

    def end_of_statement(self) -> None:
        """``END; IF`` is not ``END IF``."""
        self._previous = ";"

    def read(self, code: str) -> None:
        """Take in the next piece of plain code."""
        if self._program is False:
            return
        for word in self._WORD.findall(code):
            upper = word.upper()
            if self._program is None:
                self._read_head(upper)
            elif self._program:
                self._count(upper)
            self._previous = upper

    def _read_head(self, word: str) -> None:
        if not self._previous:
            self._program = None if word in ("CREATE", "ALTER") else False
        elif word in self._KINDS:
            self._program = True
        elif word == "DEFINER":
            self._definer = True
        elif word not in self._BETWEEN and not self._definer:
            self._program = False

    def _count(self, word: str) -> None:
        if self._previous == "END":
            if word in self._UNCOUNTED:
                self._depth += 1
                return
            if word in ("CASE", "TRY", "CATCH"):
                return
        if word in ("BEGIN", "CASE"):
            self._depth += 1
            self.is_block = self.is_block or word == "BEGIN"
        elif word == "END" and self._depth:
            self._depth -= 1


def _refuse_delimiter(code: str, position: int, *, first: bool) -> None:
    match = re.match(r"\s*DELIMITER\s", code, re.IGNORECASE) if first else None
    if match:
        raise SqlTextError(
            "DELIMITER is a command of the mysql client, not SQL; leave it out: "
            "BEGIN … END of a trigger or procedure is kept whole",
            position + len(code) - len(code.lstrip()),
        )


def _refuse_question_marks(tokens: list[_Token]) -> None:
    for token in tokens:
        if token.kind is _Kind.QUESTION_MARK:
            raise SqlTextError(
                "this connection's driver takes '?' as a placeholder; bind the value with :name", token.start
            )


def _literal(text: str, doubled: bool) -> str:
    return text.replace("%", "%%") if doubled else text


def _replacement(sql: str, token: _Token, style: ParamStyle, distinct: tuple[str, ...], prefix: str) -> str:
    if token.kind is _Kind.ESCAPED_COLON:
        return ":"
    if token.kind is _Kind.QUESTION_MARK:
        return "?"
    name = sql[token.start + 1 : token.end]
    if style is ParamStyle.QMARK:
        return "?"
    if style is ParamStyle.FORMAT:
        return "%s"
    if style is ParamStyle.NUMERIC:
        return f":{distinct.index(name) + 1}"
    return f":{prefix}{name}" if style is ParamStyle.NAMED else f"%({prefix}{name})s"


def _tokens(sql: str, dialect: Dialect, compared: tuple[_Kind, ...]) -> list[_Token]:
    """The tokens of the text; an error if readings that are possible differ in the compared kinds."""
    if dialect is not Dialect.ANY:
        return list(_scan(sql, _READINGS[dialect]))
    readings = _possible_readings(sql)
    results: list[list[_Token]] = []
    failure: SqlTextError | None = None
    for reading in readings:
        try:
            results.append(list(_scan(sql, reading)))
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


def _possible_readings(sql: str) -> list[_Reading]:
    backslash = (False, True) if "\\'" in sql or '\\"' in sql else (False,)
    nested = (True, False) if sql.count("/*") > 1 else (True,)
    hashes = ("", _SOFT_HASH) if "#" in sql else ("",)
    return [_Reading(b, n, h) for b, n, h in product(backslash, nested, hashes)]


def _ambiguous(sql: str, first: list[_Token], second: list[_Token]) -> SqlTextError:
    differing = sorted({(t.start, t.end) for t in first} ^ {(t.start, t.end) for t in second})
    start, end = differing[0]
    return SqlTextError(
        f"databases disagree whether {sql[start:end]!r} is inside a literal or comment here; "
        "write '' instead of \\' in a literal, start comments with '-- ' and do not nest /* */",
        start,
    )


def _scan(sql: str, reading: _Reading) -> Iterator[_Token]:
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
            yield _Token(_Kind.QUOTED, start, position)
        elif text == "$":
            closed = _dollar_end(sql, start)
            if closed is not None:
                position = closed
                yield _Token(_Kind.QUOTED, start, position)
        elif text in ("--", "/*", "#"):
            closed = _comment_end(sql, start, text, reading)
            if closed is not None:
                position = closed
                yield _Token(_Kind.COMMENT, start, position)
        elif text == "[":
            closed = None if subscripts else _bracket_end(sql, start)
            if closed is None:
                subscripts += 1
            else:
                position = closed
                yield _Token(_Kind.QUOTED, start, position)
        elif text == "]":
            subscripts = max(0, subscripts - 1)
        elif text == "*/":
            raise SqlTextError("'*/' closes a comment that was never opened", start)
        else:
            yield _Token(_SIMPLE[text], start, position)


_SIMPLE = {"\\:": _Kind.ESCAPED_COLON, "?": _Kind.QUESTION_MARK, ";": _Kind.SEMICOLON}


def _parameter(sql: str, start: int) -> _Token | None:
    before = sql[start - 1] if start else ""
    if before and (_is_word(before) or before in "'\"`])"):
        return None
    match = _NAME.match(sql, start)
    end = match.end() if match else start + 1
    after = sql[end : end + 1]
    if after and not after.isascii() and _is_word(after):
        raise SqlTextError("the name of a bind parameter is [A-Za-z_][A-Za-z0-9_]*", start)
    return _Token(_Kind.PARAMETER, start, end) if match else None


def _is_word(character: str) -> bool:
    return character.isalnum() or character in "_$"


def _quote_end(sql: str, start: int, reading: _Reading) -> int:
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


def _comment_end(sql: str, start: int, opener: str, reading: _Reading) -> int | None:
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
    match = _BRACKETS.match(sql, start)
    if match is None or not match[1].lstrip()[:1].isalpha():
        return None
    inside = _BIND_INSIDE.search(match[1])
    if inside:
        raise SqlTextError(
            "in [ ] this may be a list or an identifier; write ARRAY[…], or the identifier in double quotes",
            match.start(1) + inside.start(),
        )
    return match.end()
