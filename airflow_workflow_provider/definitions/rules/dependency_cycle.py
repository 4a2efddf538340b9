"""dependency_cycle: tasks that wait for each other in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding

RULE: Final = "dependency_cycle"


def check(definition: Definition) -> Iterator[Finding]:
    """Report circles, each at its first task in the file; of circles that share tasks, one."""
    if len(definition.order) == len(definition.tasks):
        return
    waiting = _waiting(definition)
    position = {name: number for number, name in enumerate(definition.tasks)}
    visited: set[str] = set()
    for name in definition.tasks:
        if name not in waiting:
            continue
        cycle = _cycle(name, waiting, visited)
        if not cycle:
            continue
        first = min(cycle, key=position.__getitem__)
        at = cycle.index(first)
        ring = [*cycle[at:], *cycle[:at], first]
        shown = " → ".join(ring if len(ring) <= 12 else [*ring[:6], "…", *ring[-5:]])
        yield Finding(
            ("tasks", first, "depends_on", ring[-2]),
            f"these tasks wait for each other: {shown}; remove one of these edges",
            RULE,
            on_key=True,
        )


def _waiting(definition: Definition) -> dict[str, list[str]]:
    """The tasks on or behind a circle with their sources there. Self-edges do not count: unknown_source says them."""
    sources = {
        name: [source for source in task.depends_on if source in definition.tasks and source != name]
        for name, task in definition.tasks.items()
    }
    count = {name: len(found) for name, found in sources.items()}
    ready = [name for name, number in count.items() if not number]
    for name in ready:  # grows while it is walked
        for dependant in definition.dependants[name]:
            if dependant != name:
                count[dependant] -= 1
                if not count[dependant]:
                    ready.append(dependant)
    settled = set(ready)
    return {
        name: [source for source in found if source not in settled]
        for name, found in sources.items()
        if name not in settled
    }


def _cycle(start: str, waiting: dict[str, list[str]], visited: set[str]) -> list[str]:
    """Walk upstream to a task seen before: if on this walk, the circle between, in the order of the edges."""
    path: dict[str, int] = {}
    name = start
    while name not in visited:
        visited.add(name)
        path[name] = len(path)
        name = waiting[name][0]
    return [task for task, at in path.items() if at >= path[name]][::-1] if name in path else []
