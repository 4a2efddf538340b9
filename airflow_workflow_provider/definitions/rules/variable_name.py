"""variable_name: a variable that bears the name of a built-in would hide it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition, set_by
from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.references import BUILT_INS

RULE: Final = "variable_name"


def check(definition: Definition) -> Iterator[Finding]:
    """Check the names of declared, set and task variables."""
    yield from check_names(definition.workflow.variables, ("variables",))
    for name, task in definition.tasks.items():
        yield from check_names(task.variables, ("tasks", name, "variables"))
        yield from check_names(set_by(task), ("tasks", name, "set"))


def check_names(names: Iterable[str], location: Location) -> Iterator[Finding]:
    """Check some names."""
    for name in names:
        if name in BUILT_INS:
            message = f"'{name}' is a built-in value; give the variable another name"
            yield Finding((*location, name), message, RULE, on_key=True)
