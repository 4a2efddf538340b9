"""Values of variables and their declared types: what a type can hold, and how it looks as JSON."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID


class ValueTypeError(ValueError):
    """A value that a declared type cannot hold; the text names variable, type and value."""


def describe(value: object) -> str:
    """A value as a message shows it: its kind and, if short, itself."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    kind = {int: "the integer", float: "the number"}.get(type(value), "the text")
    shown = repr(value)
    return f"{kind} {shown if len(shown) <= 60 else shown[:57] + '…'}"


_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME: Final = re.compile(_DATE.pattern + r"[T ][0-9:.,]+(?:Z|[-+][0-9:]+)?")


def parse_date(text: str) -> date:
    """``2026-01-31``; ``ValueError`` for the other forms of ISO-8601, which only some versions of Python read."""
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def parse_datetime(text: str) -> datetime:
    """``2026-01-31T08:00:00`` with ``Z``, an offset or neither."""
    if not _DATETIME.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text.removesuffix("Z") + "+00:00" if text.endswith("Z") else text)


_EXPECTED: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2026-01-31",
    "datetime": "a date and time such as 2026-01-31T08:00:00Z",
    "json": "a value that JSON can hold",
}


def coerce(value: Any, declared: str | None, name: str) -> Any:
    """``value`` as the declared type holds it, exactly; ``None`` and undeclared types pass unchanged.

    Accepted besides the type itself: numbers and dates written as text (forms and ``conf`` have only text),
    0 and 1 for booleans (databases without a boolean type), midnight for a date, ISO text for dates.
    Raises ``ValueTypeError`` rather than losing a digit, a zone or a fraction.
    """
    if value is None or declared is None:
        return value
    try:
        return _CONVERT[declared](value)
    except (ValueError, TypeError, InvalidOperation, OverflowError, RecursionError):
        raise ValueTypeError(
            f"variable '{name}' is declared {declared} and cannot hold {_shown(value)}; expected {_EXPECTED[declared]}"
        ) from None


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of too many digits, or nested too deeply
        return f"this {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "…"


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return int(value.strip()) if "_" not in value else _refuse()
    if isinstance(value, Decimal | float) and value == int(value):
        return int(value)
    raise TypeError


def _number(value: Any) -> int | float | Decimal:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, str):
        number = Decimal(value.strip()) if "_" not in value else _refuse()
        return _finite(int(number) if _is_integer_text(value) else number)
    if isinstance(value, int | float | Decimal):
        return _finite(value)
    raise TypeError


def _is_integer_text(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()


def _finite(number: int | float | Decimal) -> int | float | Decimal:
    return number if math.isfinite(number) else _refuse()


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise TypeError


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        midnight = not (value.hour or value.minute or value.second or value.microsecond)
        return value.date() if midnight else _refuse()
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        text = value.strip()
        return parse_date(text) if len(text) == 10 else _date(parse_datetime(text))
    raise TypeError


def _datetime(value: Any) -> datetime:
    """Without an offset it is UTC; with one it is the same instant, in UTC."""
    if isinstance(value, str):
        text = value.strip()
        value = parse_datetime(text if len(text) > 10 else f"{text} 00:00")
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise TypeError
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def _json(value: Any) -> Any:
    """Values as they are; text that is a list or mapping, as databases without a JSON type return it, is read.

    Other texts stay: whoever reads ``12345`` once and again must not find another value the second time.
    """
    if isinstance(value, str):
        try:
            read = json.loads(value, parse_float=Decimal, parse_constant=_refuse)
        except json.JSONDecodeError:
            return value
        return read if isinstance(read, list | dict) else value
    if isinstance(value, list | tuple):
        return [_json_item(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _json_item(item) for key, item in value.items()}
    if isinstance(value, bool | int | float | Decimal):
        return value
    raise TypeError


def _json_item(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else _json(value)


def _refuse(*_: Any) -> Any:
    raise ValueError


_CONVERT: Final = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "json": _json,
}


def to_json(value: Any) -> Any:
    """A value as XCom keeps it: plain where JSON has the type, ``{"type": …, "value": …}`` where it does not.

    No key in it begins with ``__``: by such keys Airflow knows objects, imports their classes and makes them.
    ``from_json`` gives back an equal value of the same type. Raises ``TypeError`` for a value of another type.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"type": "float", "value": repr(value)}
    if isinstance(value, Decimal):
        return {"type": "decimal", "value": str(value)}
    if isinstance(value, datetime):
        return {"type": "datetime", "value": value.isoformat()}
    if isinstance(value, date):
        return {"type": "date", "value": value.isoformat()}
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {"type": "json", "value": {_escaped(str(key)): to_json(item) for key, item in value.items()}}
    raise TypeError(
        f"a value of type {type(value).__name__} cannot be kept in a variable; select text or a number instead"
    )


_ESCAPE: Final = "~"


def _escaped(key: str) -> str:
    return f"{_ESCAPE}{key}" if key.startswith(("__", _ESCAPE)) else key


def without_reserved_keys(value: Any) -> Any:
    """A result of any objects, in whose mappings no key is one by which Airflow would know an object.

    Lists, tuples (rows with names, too), sets and deques are looked through; mappings become plain ones.
    """
    if isinstance(value, Mapping):
        return {
            _escaped(key) if isinstance(key, str) else without_reserved_keys(key): without_reserved_keys(item)
            for key, item in value.items()
        }
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(map(without_reserved_keys, value))
    if isinstance(value, deque):
        return deque(map(without_reserved_keys, value), value.maxlen)
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(map(without_reserved_keys, value))
    return value


def with_reserved_keys(value: Any) -> Any:
    """The value that ``without_reserved_keys`` was given."""
    if isinstance(value, dict):
        return {
            key.removeprefix(_ESCAPE) if isinstance(key, str) else key: with_reserved_keys(item)
            for key, item in value.items()
        }
    return [with_reserved_keys(item) for item in value] if type(value) is list else value


def from_json(value: Any) -> Any:
    """The value that ``to_json`` was given."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    inner = value["value"]
    if value["type"] == "json":
        return {key.removeprefix(_ESCAPE): from_json(item) for key, item in inner.items()}
    readers: dict[str, Callable[[str], Any]] = {
        "decimal": Decimal,
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "float": float,
    }
    return readers[value["type"]](inner)


def plain_json(value: Any) -> Any:
    """A value as JSON and people have it; what JSON has no type for is near it, or text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        return int(value) if value == value.to_integral_value() else plain_json(float(value))
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool | int | str) else str(value)
