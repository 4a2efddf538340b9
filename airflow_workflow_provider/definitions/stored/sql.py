"""SQL of definitions from the store: statements by which a client sends files of its machine to the database.

The second layer: where a driver can be told to send no files, it is (``operators.client_files``).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_WORD: Final = re.compile(r"[A-Za-z]+")
_LINE_COMMENT: Final = re.compile(r"(?:--|//|#)[^\n]*")
_EXPLAINS: Final = frozenset({"EXPLAIN", "PROFILE", "ANALYZE", "VERBOSE", "LOCAL"})
_TRANSFERS: Final = frozenset({"PUT", "GET"})
_LOADS: Final = {
    "": frozenset({"LOAD", "LOCAL", "INFILE"}),
    "COPY": frozenset({"LOCAL"}),
    "IMPORT": frozenset({"LOCAL"}),
}
"""Words of such a statement, by its first one; the first of all is looked for everywhere."""


def file_problem(text: str) -> str | None:
    """Why a text may not stand in a definition from the store; ``None`` if it may.

    Every statement in it is looked at, wherever a database may take one to begin. Words in comments and literals
    count, too: databases do not agree on what these are.
    """
    visible = "".join(each for each in text if unicodedata.category(each) != "Cf")
    words = {word.upper() for word in _WORD.findall(visible)}
    if _LOADS[""] <= words:
        return _LOADED
    for reading in (visible, _without_comments(visible)):
        for statement in reading.split(";"):
            first = _first_word(statement)
            if first in _TRANSFERS:
                return f"{first} reads or writes files of the worker, which a definition from the store may not"
            if first and _LOADS.get(first, frozenset({""})) <= words:
                return _LOADED
    return None


_LOADED: Final = "this loads a file of the worker, which a definition from the store may not"


def _first_word(statement: str) -> str:
    """The first word, not counting those by which a statement is only explained."""
    words = (word.upper() for word in _WORD.findall(statement))
    return next((word for word in words if word not in _EXPLAINS), "")


def _without_comments(text: str) -> str:
    """Comments gone, nested ones with all that is in them; what MySQL runs of a comment (``/*! … */``) stays."""
    text = re.sub(r"/\*[!M][0-9!]*", " ", _LINE_COMMENT.sub("", text))
    parts, depth, position = [], 0, 0
    for mark in re.finditer(r"/\*|\*/", text):
        if depth == 0:
            parts.append(text[position : mark.start()])
        depth = depth + 1 if mark[0] == "/*" else max(depth - 1, 0)
        position = mark.end()
    return " ".join((*parts, text[position:] if depth == 0 else ""))
