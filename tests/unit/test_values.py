"""Values keep their type and every digit, in variables as on the way through JSON; what a type cannot hold is named."""

from __future__ import annotations

import json
from collections import deque, namedtuple
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_workflow_provider.definitions.values import (
    ValueTypeError,
    coerce,
    from_json,
    to_json,
    with_reserved_keys,
    without_reserved_keys,
)

# Python 3.11 loses offsets of less than a second, which no time zone and no database has.
OFFSETS = st.integers(-23 * 3600, 23 * 3600).map(lambda seconds: timezone(timedelta(seconds=seconds)))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes(timezones=st.none() | OFFSETS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _types(value: Any) -> Any:
    if isinstance(value, list):
        return [_types(item) for item in value]
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    return type(value), repr(value) if isinstance(value, float | Decimal) else value


@given(VALUES)
def test_through_json_and_back(value: Any) -> None:
    back = from_json(json.loads(json.dumps(to_json(value))))
    assert back == value
    assert _types(back) == _types(value)


RESERVED = ["__type", "__var", "__classname__", "__version__", "__data__", "__source", "__x", "~", "~__type"]
WITH_RESERVED_KEYS = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(RESERVED) | st.text(max_size=3), inner, max_size=3) | st.lists(inner),
    max_leaves=8,
)


Row = namedtuple("Row", ["value"])


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | deque) else ()
    for item in inner:
        yield from _keys(item)


@given(WITH_RESERVED_KEYS)
def test_no_key_by_which_airflow_knows_an_object_is_kept(value: Any) -> None:
    assert not [key for key in _keys(to_json(value)) if key.startswith("__")]
    assert from_json(to_json(value)) == value
    for rows in ((value,), [(value, 1)], {"rows": [Row(value)]}, deque([value])):
        assert not [key for key in _keys(without_reserved_keys(rows)) if key.startswith("__")]
        assert type(without_reserved_keys(rows)) is type(rows)
    kept = without_reserved_keys(value)
    assert not [key for key in _keys(kept) if key.startswith("__")]
    assert with_reserved_keys(kept) == value


@pytest.mark.parametrize(
    "value",
    [{"type": "date", "value": "x"}, {"type": "json", "value": {}}, {"type": 1}, {"value": 1}, [{"type": "float"}], {}],
)
def test_mappings_that_look_like_kept_values(value: Any) -> None:
    assert from_json(to_json(value)) == value


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", timedelta(1)])
def test_what_cannot_be_kept_says_so(value: Any) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        to_json(value)


UTC = timezone.utc
HELD: list[tuple[str, Any, Any]] = [
    ("string", "", ""),
    ("string", " 42 ", " 42 "),
    ("string", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("integer", "-42", -42),
    ("integer", 2**70, 2**70),
    ("integer", Decimal("5.00"), 5),
    ("number", "0.1", Decimal("0.1")),
    ("number", "12345678901234567890.123", Decimal("12345678901234567890.123")),
    ("number", "7", 7),
    ("number", Decimal("1.10"), Decimal("1.10")),
    ("boolean", 1, True),
    ("boolean", "False", False),
    ("date", "2026-01-31", date(2026, 1, 31)),
    ("date", datetime(2026, 1, 31), date(2026, 1, 31)),
    ("datetime", "2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
    ("datetime", "2026-01-31T08:00:00+02:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
    ("datetime", "2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ("datetime", date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
    ("json", '{"a": 1.10}', {"a": Decimal("1.10")}),
    ("json", "plain text", "plain text"),
    ("json", "12345", "12345"),
    ("json", "null", "null"),
    ("json", '"[1]"', '"[1]"'),
    ("json", [1, (2,)], [1, [2]]),
]


@pytest.mark.parametrize(("declared", "value", "expected"), HELD)
def test_what_a_type_holds(declared: str, value: Any, expected: Any) -> None:
    held = coerce(value, declared, "v")
    assert held == expected
    assert type(held) is type(expected)
    assert coerce(held, declared, "v") == held


REFUSED: list[tuple[str, Any]] = [
    ("string", 42),
    ("string", True),
    ("string", ["a"]),
    ("integer", "4.2"),
    ("integer", "1_000"),
    ("integer", 4.5),
    ("integer", True),
    ("integer", "0x1F"),
    ("integer", float("nan")),
    ("integer", float("inf")),
    ("integer", ""),
    ("integer", "9" * 5000),
    ("number", "nan"),
    ("number", float("inf")),
    ("number", "1_0.5"),
    ("number", False),
    ("number", "'; DROP TABLE t; --"),
    ("boolean", 2),
    ("boolean", "NO"),
    ("boolean", "1"),
    ("date", "2026-02-30"),
    ("date", "2026-W05-1"),
    ("date", "20260131"),
    ("date", datetime(2026, 1, 31, 8)),
    ("date", 20260131),
    ("datetime", "yesterday"),
    ("datetime", "2026-01-31T25:00"),
    ("datetime", 1767225600),
    ("json", object()),
]


@pytest.mark.parametrize(("declared", "value"), REFUSED)
def test_what_a_type_refuses(declared: str, value: Any) -> None:
    with pytest.raises(ValueTypeError) as caught:
        coerce(value, declared, "limit")
    message = str(caught.value)
    assert "'limit'" in message
    assert declared in message
    assert len(message) < 250
    assert "\n" not in message


# What databases and forms have for JSON: the text of a value, of that text again, and so on.
JSON_TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3) | inner.map(json.dumps)
    ),
    max_leaves=6,
).map(json.dumps)


@given(VALUES | JSON_TEXTS, st.sampled_from(["string", "integer", "number", "boolean", "date", "datetime", "json"]))
def test_a_value_is_held_or_refused(value: Any, declared: str) -> None:
    try:
        held = coerce(value, declared, "v")
    except ValueTypeError:
        return
    assert coerce(held, declared, "v") == held
    assert _types(from_json(to_json(held))) == _types(held)
