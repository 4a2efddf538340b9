"""Lines of definition files, to show where a problem is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from airflow_workflow_provider.definitions.files import MAX_BYTES

# YAML 1.1 has more of them, which definitions may not hold: see ``document``.
_LINE_END: Final = re.compile(r"\r\n|[\n\r]")
_WORD: Final = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,:\]}]+|.")


def excerpt(lines: Sequence[str], line: int, column: int, width: int) -> tuple[str, str] | None:
    """The line and, below it, the mark under the word at ``column``; ``None`` if there is none."""
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return None
    text = "".join(each if each.isprintable() else " " for each in lines[line - 1])
    start = min(column - 1, len(text))
    text, start = _window(text.rstrip(), start, width)
    word = _WORD.match(text, start)
    length = _columns(word[0]) if word else 1
    return text, " " * _columns(text[:start]) + "^" + "~" * (length - 1)


@cache
def file_lines(file: str) -> list[str]:
    """The lines of a file; none if it cannot be read."""
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(MAX_BYTES)
    except OSError:
        return []
    return lines_of(content.decode("utf-8", "replace"))


def lines_of(text: str) -> list[str]:
    """The lines of a definition's text."""
    return _LINE_END.split(text.removeprefix("\ufeff"))


def _window(text: str, start: int, width: int) -> tuple[str, int]:
    """Of a long line the part around ``start``: JSON may be one line."""
    if len(text) <= width:
        return text, start
    first = max(0, min(start - width // 3, len(text) - width + 1))
    part = text[first : first + width - (2 if first else 1)]
    if first + len(part) < len(text):
        part += "…"
    return ("…" + part, start - first + 1) if first else (part, start)


def _columns(text: str) -> int:
    """Columns that a terminal takes for a text."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(bool(unicodedata.combining(each)) for each in text)
