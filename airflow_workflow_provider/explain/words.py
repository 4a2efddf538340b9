"""Values, times and durations of an explanation as people read them."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Final

from airflow_workflow_provider.explain.explanation import Value

TOO_DEEP: Final = "a value that is nested too deeply to be shown"


def shown_value(value: Value, limit: int = 200) -> str:
    """A value as JSON, other types as their texts; cut when it is long."""
    if value.problem is not None:
        return value.problem
    if value.secret:
        return str(value.value)
    plain = value.value
    if plain is None or isinstance(plain, bool | int | float | str | list | tuple | dict):
        try:
            text = json.dumps(plain, ensure_ascii=False, default=str)
        except RecursionError:
            return TOO_DEEP
    else:
        text = _text(plain)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _text(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def shown_time(time: datetime | None) -> str:
    """``2026-01-31 08:00:00 UTC``; empty for none."""
    return f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC" if time else ""


def iso_time(time: datetime) -> str:
    """``2026-01-31T08:00:00Z``, as times stand in JSON."""
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def shown_seconds(seconds: float | None) -> str:
    """``0.4s``, ``12s``, ``3m 5s``, ``2h 10m``, ``4d 1h``; empty for none."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size}{unit}" + (f" {rest}{name}" if rest else "")
    return f"{whole}s"
