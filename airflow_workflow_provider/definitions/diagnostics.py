"""What can be wrong with a definition, as data: collected, never thrown, rendered by the command line."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Final, TypeAlias

Location: TypeAlias = "tuple[str | int, ...]"

_CONTROL: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
_PLAIN_KEY: Final = re.compile(r"[\w\-]+|<<|~")


class Severity(str, Enum):
    """An error keeps the workflow from being built; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says, before anyone has looked up where in the text it is.

    ``location`` is the path inside the document (keys and list indexes, may be empty); ``on_key`` points at the
    key rather than at its value.
    """

    location: Location
    message: str
    rule: str
    severity: Severity = Severity.ERROR
    on_key: bool = False


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message with its place. ``line`` and ``column`` count from 1; ``location`` is ``""`` for a whole file."""

    file: str
    line: int
    column: int
    location: str
    message: str
    rule: str
    severity: Severity = Severity.ERROR

    @property
    def is_error(self) -> bool:
        """Whether it keeps the workflow from being built."""
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        return f"{self.file}:{self.line}:{self.column}: {self.severity.value}: {where}{self.message} [{self.rule}]"


def sort_key(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
    """Order in which people read: by file, then from top to bottom."""
    return (diagnostic.file, diagnostic.line, diagnostic.column, diagnostic.message)


def dotted(location: Location) -> str:
    """``("tasks", "a", "sql", 0)`` as ``tasks.a.sql[0]``; keys that are no plain word in quotes."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if _PLAIN_KEY.fullmatch(part) else f"'{part}'"
            text += f".{shown}" if text else shown
    return one_line(text, limit=300)


def one_line(text: str, *, limit: int = 1000) -> str:
    """Text that came from a file, fit to be shown: no line breaks or control characters, and not endless."""
    shown = text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 2 :]}"
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), shown)


def quoted_list(names: Iterable[str], *, limit: int = 12) -> str:
    """Names for a message: sorted by the caller, cut with a count when there are many."""
    names = list(names)
    shown = ", ".join(f"'{name}'" for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def suggestion(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the nearest known name, or ``""``."""
    known = list(known)
    other_case = [other for other in known if other.casefold() == name.casefold()]
    nearest = other_case or get_close_matches(name, _near(name, known), n=1, cutoff=0.6)
    return f"; did you mean '{nearest[0]}'?" if nearest else ""


def _near(name: str, known: list[str]) -> list[str]:
    """Comparing is slow: among hundreds of names only those that begin alike."""
    if len(name) > 200:
        return []
    known = [other for other in known if 2 * abs(len(other) - len(name)) <= len(other) + len(name)]
    if len(known) <= 100:
        return known
    known.sort()
    at = bisect_left(known, name)
    return known[max(0, at - 20) : at + 20]


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist: the nearest one, else the ones that do exist."""
    known = sorted(known)
    hint = suggestion(name, known)
    if not hint:
        hint = f"; known: {quoted_list(known)}" if known else "; there are none"
    return f"unknown {kind} '{name}'{hint}"
