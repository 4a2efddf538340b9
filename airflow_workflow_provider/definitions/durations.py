"""Durations as people write them: ``90s``, ``5m``, ``2h``, ``1d`` or ISO-8601 (``PT1H30M``)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_SHORT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_ISO: Final = re.compile(
    r"P(?=\d|T\d)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

PATTERN: Final = rf"^({_SHORT.pattern}|P[0-9WDTHMS.]+)$"
"""JSON Schema pattern of a duration."""


def parse_duration(text: object) -> timedelta:
    """The duration that ``text`` says; ``ValueError`` tells what was expected."""
    match = _SHORT.fullmatch(text) if isinstance(text, str) else None
    iso = _ISO.fullmatch(text) if isinstance(text, str) and not match else None
    try:
        if match:
            return timedelta(**{_UNITS[match[2]]: float(match[1])})
        if iso:
            return timedelta(**{unit: float(value) for unit, value in iso.groupdict().items() if value})
    except OverflowError:
        pass
    raise ValueError(f"{text!r} is not a duration; write for example 90s, 5m, 2h, 1d or PT1H30M")


def format_duration(duration: timedelta) -> str:
    """The shortest exact writing of a duration, which ``parse_duration`` reads back."""
    seconds = duration.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s" if seconds % 1 else f"{int(seconds)}s"
