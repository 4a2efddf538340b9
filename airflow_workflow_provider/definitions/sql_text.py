"""Bind parameters and placeholders of SQL text, whatever the database; what they are, ``sql_scan`` says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_workflow_provider.definitions.sql_scan import Dialect, Kind, SqlTextError, Token, tokens_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BindParameter",
    "Dialect",
    "ParamStyle",
    "Parameters",
    "SqlTextError",
    "Translated",
    "find_bind_parameters",
    "parameters",
    "parameters_alone_in_lists",
    "translate",
]

_IN_OPENS: Final = re.compile(r"\bIN\s*\(\s*$", re.IGNORECASE)
_CAST: Final = re.compile(r"\s*::")
_IN_CLOSES: Final = re.compile(r"\s*\)")

Parameters: TypeAlias = "tuple[object, ...] | dict[str, object]"


class ParamStyle(str, Enum):
    """The placeholder styles of the Python DB-API (PEP 249)."""

    QMARK = "qmark"
    NUMERIC = "numeric"
    NAMED = "named"
    FORMAT = "format"
    PYFORMAT = "pyformat"


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


def find_bind_parameters(sql: str, dialect: Dialect = Dialect.ANY) -> tuple[BindParameter, ...]:
    """Every ``:name`` in order, repeats included."""
    return tuple(
        BindParameter(sql[token.start + 1 : token.end], token.start, token.end)
        for token in tokens_of(sql, dialect, (Kind.PARAMETER, Kind.ESCAPED_COLON))
        if token.kind is Kind.PARAMETER
    )


def parameters_alone_in_lists(sql: str, dialect: Dialect = Dialect.ANY) -> frozenset[str]:
    """Names of parameters that are the whole list of an ``IN``: ``IN (:name)``, which compares with one value."""
    return frozenset(
        found.name
        for found in find_bind_parameters(sql, dialect)
        if _IN_OPENS.search(sql, max(found.start - 40, 0), found.start) and _IN_CLOSES.match(sql, found.end)
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
    kinds: tuple[Kind, ...] = (Kind.PARAMETER, Kind.ESCAPED_COLON)
    if paramstyle is ParamStyle.QMARK:
        kinds = (*kinds, Kind.QUESTION_MARK)
    tokens = [token for token in tokens_of(sql, dialect, kinds) if token.kind in kinds]
    found = [sql[token.start + 1 : token.end] for token in tokens if token.kind is Kind.PARAMETER]
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


def _refuse_question_marks(tokens: list[Token]) -> None:
    for token in tokens:
        if token.kind is Kind.QUESTION_MARK:
            raise SqlTextError(
                "this connection's driver takes '?' as a placeholder; bind the value with :name", token.start
            )


def _literal(text: str, doubled: bool) -> str:
    return text.replace("%", "%%") if doubled else text


def _replacement(sql: str, token: Token, style: ParamStyle, distinct: tuple[str, ...], prefix: str) -> str:
    if token.kind is Kind.ESCAPED_COLON:
        return ":"
    if token.kind is Kind.QUESTION_MARK:
        return "?"
    name = sql[token.start + 1 : token.end]
    if style is ParamStyle.QMARK:
        return "?"
    if style is ParamStyle.FORMAT:
        return "%s"
    if style is ParamStyle.NUMERIC:
        return f":{distinct.index(name) + 1}"
    if style is ParamStyle.NAMED:
        return f":{prefix}{name}"
    placeholder = f"%({prefix}{name})s"
    # psycopg writes -2 there, and -2::text would be the negative of a text.
    return f"({placeholder})" if _CAST.match(sql, token.end) else placeholder
