"""phases: they stand instead of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding

RULE: Final = "phases"


def check(definition: Definition) -> Iterator[Finding]:
    """Refuse a workflow that has both."""
    if definition.workflow.phases is not None and definition.workflow.tasks is not None:
        message = "a workflow has 'tasks' or 'phases', not both; keep one of them"
        yield Finding(("phases",), message, RULE, on_key=True)
