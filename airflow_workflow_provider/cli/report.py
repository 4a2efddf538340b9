"""Diagnostics as text for people, JSON for programs, and workflow commands for GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_workflow_provider.cli.console import Console, printable
from airflow_workflow_provider.cli.source import excerpt, file_lines, lines_of
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Severity


def text_lines(
    diagnostics: Sequence[Diagnostic], console: Console, *, with_source: bool, texts: Mapping[str, str] | None = None
) -> Iterator[str]:
    """A line for each, and its source below; ``texts`` of those that are in no file, by name."""
    for diagnostic in diagnostics:
        yield _text(diagnostic, console)
        if with_source:
            yield from _source(diagnostic, console, (texts or {}).get(diagnostic.file))


def note_diagnostics(
    diagnostics: Sequence[Diagnostic], console: Console, texts: Mapping[str, str] | None = None
) -> None:
    """The same, where errors belong."""
    on_stderr = replace(console, colours=console.err_colours)
    for line in text_lines(diagnostics, on_stderr, with_source=console.err.isatty(), texts=texts):
        console.note(line)


def _text(diagnostic: Diagnostic, console: Console) -> str:
    place = f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}:"
    colour = "red" if diagnostic.is_error else "yellow"
    where = f"{diagnostic.location}: " if diagnostic.location else ""
    return " ".join(
        (
            console.paint(printable(place), "bold"),
            console.paint(f"{diagnostic.severity.value}:", "bold", colour),
            printable(where + diagnostic.message),
            console.paint(f"[{diagnostic.rule}]", "dim"),
        )
    )


def _source(diagnostic: Diagnostic, console: Console, text: str | None) -> Iterator[str]:
    gutter = str(diagnostic.line)
    lines = file_lines(diagnostic.file) if text is None else lines_of(text)
    found = excerpt(lines, diagnostic.line, diagnostic.column, max(40, console.width - len(gutter) - 4))
    if found is None:
        return
    line, mark = found
    bar = console.paint("|", "blue")
    yield f" {console.paint(gutter, 'blue')} {bar} {line}"
    colour = "red" if diagnostic.is_error else "yellow"
    indent = mark[: -len(mark.lstrip())]
    yield f" {' ' * len(gutter)} {bar} {indent}{console.paint(mark.lstrip(), 'bold', colour)}"


def as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as what JSON can hold."""
    return {
        "file": diagnostic.file,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "severity": diagnostic.severity.value,
        "location": diagnostic.location,
        "message": diagnostic.message,
        "rule": diagnostic.rule,
    }


def json_text(diagnostics: Sequence[Diagnostic]) -> str:
    """A list of objects, one a line."""
    objects = [json.dumps(as_json(each)) for each in diagnostics]
    return "[\n  " + ",\n  ".join(objects) + "\n]" if objects else "[]"


def github_lines(diagnostics: Sequence[Diagnostic]) -> Iterator[str]:
    """See "Workflow commands for GitHub Actions"."""
    for each in diagnostics:
        command = "error" if each.is_error else "warning"
        title = f"{each.location} ({each.rule})" if each.location else each.rule
        place = f"file={_property(printable(each.file))},line={each.line},col={each.column}"
        yield f"::{command} {place},title={_property(printable(title))}::{_data(printable(each.message))}"


def summary(diagnostics: Sequence[Diagnostic], files: Iterable[str], console: Console) -> str:
    """One line about all of it; ``files`` were checked, and the packages that they call."""
    troubled = {each.file for each in diagnostics}
    checked = _count(len(troubled.union(files)), "file")
    if not diagnostics:
        return f"{console.paint_note('no problems', 'bold', 'green')} in {checked}"
    counts = [
        console.paint_note(_count(count, severity.value), "bold", colour)
        for severity, colour in ((Severity.ERROR, "red"), (Severity.WARNING, "yellow"))
        if (count := sum(each.severity is severity for each in diagnostics))
    ]
    return f"{' and '.join(counts)} in {len(troubled)} of {checked}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
