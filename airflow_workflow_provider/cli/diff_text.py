"""Differences between two definitions, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from itertools import groupby
from typing import Any, Final

from airflow_workflow_provider.cli.console import Console, printable
from airflow_workflow_provider.cli.words import outcome_words, value_text
from airflow_workflow_provider.compiler.differences import Change, Difference
from airflow_workflow_provider.definitions.diagnostics import Location, dotted

_SIGNS: Final = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}
_COLOURS: Final = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}
_NAMED: Final = ("tasks", "variables", "schedules", "packages")
_SHORT: Final = 60


def painted_line(line: str, console: Console) -> str:
    """A line of a unified diff."""
    style = "bold" if line.startswith(("---", "+++")) else _COLOURS.get(line[:1], "")
    return console.paint(printable(line.replace("\t", "    ")), *([style] if style and style != "yellow" else []))


def meaning_lines(differences: Sequence[Difference], console: Console) -> Iterator[str]:
    """By part: what the workflow itself says, then its variables, schedules, tasks and packages."""
    for section, found in groupby(sorted(differences, key=_section_order), key=_section):
        yield ""
        yield console.paint(section, "bold")
        if section not in _NAMED:
            for each in found:
                yield from _difference(each, dotted(each.location), console, "  ")
            continue
        for name, own in groupby(found, key=lambda each: str(each.location[1])):
            yield from _named(section, name, list(own), console)


def _section(difference: Difference) -> str:
    first = str(difference.location[0])
    return first if first in _NAMED and len(difference.location) > 1 else "settings"


def _section_order(difference: Difference) -> int:
    return ("settings", "schedules", "variables", "tasks", "packages").index(_section(difference))


def _named(section: str, name: str, found: Sequence[Difference], console: Console) -> Iterator[str]:
    """An entry that came or went as a whole, or one that changed, with what changed in it."""
    if len(found) == 1 and len(found[0].location) == 2:
        yield from _difference(found[0], name, console, "  ", summary=section == "tasks")
        return
    yield f"  {console.paint(f'~ {printable(name)}', 'yellow')}"
    for each in found:
        inner = each.location[2:]
        label = f"edge from {inner[1]}" if section == "tasks" and _is_edge(inner) else dotted(inner)
        yield from _difference(each, label, console, "      ")


def _is_edge(inner: Location) -> bool:
    return len(inner) == 2 and inner[0] == "depends_on"


def _difference(
    difference: Difference, label: str, console: Console, indent: str, *, summary: bool = False
) -> Iterator[str]:
    sign = _SIGNS[difference.change]
    head = f"{indent}{console.paint(f'{sign} {printable(label)}', _COLOURS[sign])}"
    values = (difference.before, difference.after)
    texts = [_text(value, label, summary) for value in values]
    if difference.change is not Change.CHANGED:
        yield f"{head}  {texts[0] if difference.change is Change.REMOVED else texts[1]}".rstrip()
    elif texts[0] == texts[1] or any(map(_is_long, values)):
        yield head
        for line in _changed_lines(_lines(difference.before), _lines(difference.after)):
            yield f"{indent}    {painted_line(line, console)}"
    else:
        yield f"{head}  {texts[0]} → {texts[1]}"


def _text(value: Any, label: str, summary: bool) -> str:
    """On one line, cut when it is long."""
    if summary and isinstance(value, dict):
        return printable(_task_summary(value))
    if label.startswith("edge from ") and isinstance(value, list):
        return outcome_words(tuple(value))
    return value_text(value, _SHORT)


def _task_summary(task: dict[str, Any]) -> str:
    """What an added or removed task does, in a few words."""
    kind = next((kind for kind in ("sql", "package", "workflow", "operator") if kind in task), "")
    what = task.get("connection", "") if kind == "sql" else task.get(kind, "")
    after = f", after {', '.join(task['depends_on'])}" if "depends_on" in task else ""
    return f"{kind} {what}".strip() + after


def _is_long(value: Any) -> bool:
    """Whether it is a text that is read by its lines."""
    return isinstance(value, str) and (len(value) > _SHORT - 2 or "\n" in value)


def _changed_lines(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """The lines that differ, with one around them; `…` stands for the others in between."""
    lines = list(unified_diff(before, after, n=1, lineterm=""))[2:]
    for index, line in enumerate(lines):
        if not line.startswith("@@"):
            yield f"{line[0]} {line[1:]}"
        elif index:
            yield "…"


def _lines(value: Any) -> list[str]:
    """A text by its lines, another value as JSON by its lines."""
    if isinstance(value, str):
        return value.splitlines()
    return json.dumps(value, indent=2, ensure_ascii=False).splitlines()
