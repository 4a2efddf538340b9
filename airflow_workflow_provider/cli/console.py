"""Where commands write: colours where they are welcome, and texts that cannot upset a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.diagnostics import Diagnostic

_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


class UsageError(Exception):
    """The command cannot be carried out as it was given; each argument is a sentence that says why."""


class CommandError(Exception):
    """The command was right, and could not be carried out; one sentence."""


class DefinitionErrors(Exception):  # noqa: N818 - many of them
    """The definition has errors, so that there is nothing to show; ``texts`` of those that are in no file, by name."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], texts: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{len(diagnostics)} diagnostics")
        self.diagnostics = diagnostics
        self.texts = texts or {}


@dataclass(frozen=True, slots=True)
class Console:
    """Output of one command. ``starts_airflow``: operators may be imported."""

    out: TextIO
    err: TextIO
    colours: bool = False
    err_colours: bool = False
    is_terminal: bool = False
    width: int = 100
    starts_airflow: bool = False

    @staticmethod
    def of_process(*, starts_airflow: bool) -> Console:
        """The console of this process. A character that the encoding lacks is written as its code."""
        sys.stdout = sys.stdout or _nowhere()
        sys.stderr = sys.stderr or _nowhere()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return Console(
            sys.stdout,
            sys.stderr,
            _welcomes_colours(sys.stdout),
            _welcomes_colours(sys.stderr),
            sys.stdout.isatty(),
            shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100,
            starts_airflow,
        )

    def write(self, line: str = "") -> None:
        """A line of the result."""
        self.out.write(line + "\n")

    def note(self, line: str) -> None:
        """A line that is no result: summaries and errors."""
        self.err.write(line + "\n")

    def paint(self, text: str, *styles: str) -> str:
        """The text in colour, where the result is read by a person."""
        return _painted(text, styles) if self.colours else text

    def paint_note(self, text: str, *styles: str) -> str:
        """The same for notes."""
        return _painted(text, styles) if self.err_colours else text


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey (a definition may hold anything)."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode() for each in text
    )


def _nowhere() -> TextIO:
    """For a process that was started with a closed stream."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - as long as the process


def _welcomes_colours(stream: TextIO) -> bool:
    """See https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _painted(text: str, styles: tuple[str, ...]) -> str:
    codes = ";".join(_CODES[style] for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text
