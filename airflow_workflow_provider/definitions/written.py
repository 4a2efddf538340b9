"""What an author sees of a text in YAML, beside what YAML hands over: folded lines, comments that cut, quotes.

Asked only of texts that are code. Literal text (``|``) is handed over as it is seen; a text in one line is, too, unless
a `` #`` behind it ends it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import yaml

_ESCAPED_BREAK: Final = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
_COMMENT: Final = re.compile(r"--|#")
_CUT: Final = re.compile(r"[ \t]+(#[^\n]*)")


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it stands in the file: its lines without their indentation and quotes, and a comment that ends it."""

    lines: tuple[str, ...]
    comment: str
    quote: str
    folded: bool


def as_written(node: yaml.ScalarNode, source: str) -> Written:
    """How the text of a node is written in its source."""
    start, end = node.start_mark.index, node.end_mark.index
    raw = source[start:end]
    style = str(node.style or "")
    folded = style != "|" and "\n" in raw.rstrip()
    if style in ("|", ">"):
        return Written(_block(raw), "", "", folded)
    cut = _CUT.match(source, end) if not style else None
    lines = [line.strip() for line in raw.split("\n")]
    if style:
        lines = [lines[0][1:], *lines[1:]]
        lines[-1] = lines[-1][:-1]
        lines = [line.replace("''", "'") for line in lines] if style == "'" else _unescaped(lines)
    return Written(tuple(lines), cut[1] if cut else "", style, folded)


def _block(raw: str) -> tuple[str, ...]:
    lines = raw.rstrip().split("\n")[1:]
    margin = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return tuple(line[margin:] for line in lines)


def _unescaped(lines: list[str]) -> list[str]:
    """Lines in double quotes; one that ends in a backslash goes on in the next, but no comment does."""
    joined = [""]
    for line in lines:
        escaped = _ESCAPED_BREAK.search(line) is not None
        joined[-1] += line[:-1] if escaped else line
        if not escaped or _COMMENT.search(line):
            joined.append("")
    return [str(yaml.safe_load(f'"{line}"')) for line in joined if line]
