"""Edges, constraints and values in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow_workflow_provider.cli.console import Console, printable

_HAPPENS: Final = {
    "success": "succeeds",
    "failure": "fails",
    "completion": "completes",
    "skipped": "is skipped",
}


def outcome_words(words: tuple[str, ...]) -> str:
    """``("completion", "skipped")`` as ``completes or is skipped``."""
    return " or ".join(_HAPPENS[word] for word in words)


def when(constraint: str, edges: Mapping[str, tuple[str, ...]], condition: str | None = None) -> str:
    """When a task runs, as one sentence without its subject."""
    return " ".join((_constraint(constraint, edges), *([f"and if {printable(condition)}"] if condition else [])))


def _constraint(constraint: str, edges: Mapping[str, tuple[str, ...]]) -> str:
    if not edges:
        return "at the start of the run"
    parts = [f"{source} {outcome_words(words)}" for source, words in edges.items()]
    if len(parts) == 1:
        return f"when {parts[0]}"
    if constraint == "any":
        return f"as soon as {', or '.join(parts)}"
    return f"when {', and '.join(parts)}"


def head_lines(name: str, what: str, description: str | None, console: Console) -> Iterator[str]:
    """The first lines about a definition: its name, what it is, its description."""
    yield f"{console.paint(name, 'bold')}  {console.paint(what, 'dim')}"
    if description:
        yield from (printable(line) for line in description.strip().splitlines())
    yield ""


def value_text(value: Any, limit: int = 60) -> str:
    """A value as JSON, cut when it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return printable(text if len(text) <= limit else text[: limit - 1] + "…")
