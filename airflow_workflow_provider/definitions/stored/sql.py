"""SQL of definitions from the store: statements by which a client sends files of its machine to the database."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[A-Za-z]+")
_BEFORE: Final = re.compile(r"(?:\s|;|--[^\n]*(?:\n|$)|//[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*")
_TRANSFERS: Final = frozenset({"PUT", "GET"})
_LOADS: Final = {
    "": frozenset({"LOAD", "LOCAL", "INFILE"}),
    "COPY": frozenset({"LOCAL"}),
    "IMPORT": frozenset({"LOCAL"}),
}
"""Words of such a statement, by its first one; the first of all is looked for everywhere."""


def file_problem(statement: str) -> str | None:
    """Why a statement may not stand in a definition from the store; ``None`` if it may.

    Words in comments and literals count, too: databases do not agree on what these are.
    """
    start = _BEFORE.match(statement)
    found = _WORD.match(statement, start.end() if start else 0)
    first = found[0].upper() if found else ""
    if first in _TRANSFERS:
        return f"{first} reads or writes files of the worker, which a definition from the store may not"
    if "local" in statement.lower():
        words = {word.upper() for word in _WORD.findall(statement)}
        if any(word in ("", first) and loads <= words for word, loads in _LOADS.items()):
            return "this loads a file of the worker, which a definition from the store may not"
    return None
