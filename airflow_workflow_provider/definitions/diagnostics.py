"""What can be wrong with a definition, as data: collected, never thrown, rendered by the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import TypeAlias

Location: TypeAlias = "tuple[str | int, ...]"


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
    """``("tasks", "a", "sql", 0)`` as ``tasks.a.sql[0]``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def quoted_list(names: Iterable[str], *, limit: int = 12) -> str:
    """Names for a message: sorted by the caller, cut with a count when there are many."""
    names = list(names)
    shown = ", ".join(f"'{name}'" for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def suggestion(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the nearest known name, or ``""``."""
    nearest = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{nearest[0]}'?" if nearest else ""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist: the nearest one, else the ones that do exist."""
    known = sorted(known)
    hint = suggestion(name, known)
    if not hint:
        hint = f"; known: {quoted_list(known)}" if known else "; there are none"
    return f"unknown {kind} '{name}'{hint}"
