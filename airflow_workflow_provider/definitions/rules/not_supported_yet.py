"""not_supported_yet: keys of the language that this version reads but does not carry out. None is silently ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.models import Variable, WorkflowTask

RULE: Final = "not_supported_yet"


def check(definition: Definition) -> Iterator[Finding]:
    """Find ``schedules``, ``expect``, ``notify``, ``phases``, secret variables and ``workflow:`` tasks."""
    for key in ("schedules", "expect", "notify", "phases"):
        if key in definition.workflow.model_fields_set:
            yield _finding((key,), f"'{key}'")
    yield from check_variables(definition.workflow.variables, ("variables",))
    for name, task in definition.tasks.items():
        if isinstance(task, WorkflowTask):
            yield _finding(("tasks", name, "workflow"), "a task that runs another workflow")


def check_variables(variables: Mapping[str, Variable], location: Location) -> Iterator[Finding]:
    """Find secret variables."""
    for name, variable in variables.items():
        if variable.secret:
            yield _finding((*location, name, "secret"), "a secret variable")
        if variable.from_ is not None:
            yield _finding((*location, name, "from"), "a variable from an Airflow Variable")


def _finding(location: Location, what: str) -> Finding:
    return Finding(location, f"{what} is not supported yet; remove it", RULE, on_key=True)
