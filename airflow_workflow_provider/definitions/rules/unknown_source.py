"""unknown_source: an edge from a task that does not exist, or from the task itself; a workflow without tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location, unknown_name

RULE: Final = "unknown_source"


def check(definition: Definition) -> Iterator[Finding]:
    """Look up the source of every edge."""
    if not definition.tasks and "phases" not in definition.workflow.model_fields_set:
        location: Location = ("tasks",) if definition.workflow.tasks is not None else ()
        yield Finding(location, "a workflow needs at least one task; add it under 'tasks', or use 'phases'", RULE)
    for name, task in definition.tasks.items():
        for source in task.depends_on:
            location = ("tasks", name, "depends_on", source)
            if source == name:
                yield Finding(location, f"'{name}' depends on itself; remove this edge", RULE, on_key=True)
            elif source not in definition.tasks:
                yield Finding(location, unknown_name("task", source, definition.tasks), RULE, on_key=True)
