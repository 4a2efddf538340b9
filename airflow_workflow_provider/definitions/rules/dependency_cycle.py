"""dependency_cycle: tasks that wait for each other in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding

RULE: Final = "dependency_cycle"


def check(definition: Definition) -> Iterator[Finding]:
    """Report each circle once, at its first task in the file."""
    on_or_behind = set(definition.tasks) - set(definition.order)
    reported: set[str] = set()
    for name in definition.tasks:
        if name in on_or_behind and name not in reported:
            cycle = _cycle(definition, name, on_or_behind)
            if not cycle or reported.intersection(cycle):
                continue
            reported.update(cycle)
            if len(cycle) == 1:
                continue  # a self-edge: unknown_source says it
            first = min(cycle, key=list(definition.tasks).index)
            at = cycle.index(first)
            ring = [*cycle[at:], *cycle[:at], first]
            shown = " → ".join(ring if len(ring) <= 12 else [*ring[:6], "…", *ring[-5:]])
            yield Finding(
                ("tasks", first, "depends_on", ring[-2]),
                f"these tasks wait for each other: {shown}; remove one of these edges",
                RULE,
                on_key=True,
            )


def _cycle(definition: Definition, start: str, candidates: set[str]) -> list[str]:
    """Walk upstream until a task comes again: the circle between, in the order of the edges."""
    path: dict[str, int] = {}
    name = start
    while name not in path:
        path[name] = len(path)
        name = next(source for source in definition.tasks[name].depends_on if source in candidates)
    return [task for task, at in path.items() if at >= path[name]][::-1]
