"""dead_task: a task whose edges contradict each other, so that no run can ever start it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Severity
from airflow_workflow_provider.definitions.reachability import Reachability

RULE: Final = "dead_task"


def check(definition: Definition) -> Iterator[Finding]:
    """Warn at tasks that wait for outcomes which exclude each other (only joins can)."""
    reachability = Reachability(definition)
    if not reachability.contradictions:
        return
    joins = [
        name for name in definition.order if len(definition.tasks[name].depends_on) > 1 and _known(definition, name)
    ]
    dead: set[str] = set()
    for name in joins:
        if reachability.needs(name) is None and not dead.intersection(definition.tasks[name].depends_on):
            yield Finding(
                ("tasks", name, "depends_on"),
                f"'{name}' can never run: its edges need outcomes that exclude each other; "
                "drop one of them or use 'constraint: any'",
                RULE,
                Severity.WARNING,
                on_key=True,
            )
            dead.add(name)


def _known(definition: Definition, name: str) -> bool:
    return all(source in definition.tasks for source in definition.tasks[name].depends_on)
