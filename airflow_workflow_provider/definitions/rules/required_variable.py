"""required_variable: a required variable that a scheduled run could not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding

RULE: Final = "required_variable"


def check(definition: Definition) -> Iterator[Finding]:
    """A schedule starts runs without asking anybody for a value."""
    if definition.workflow.schedule is None:
        return
    for name, variable in definition.workflow.variables.items():
        if variable.required and variable.default is None:
            yield Finding(
                ("variables", name),
                f"'{name}' is required, but runs started by the schedule have no value for it; add a default",
                RULE,
                on_key=True,
            )
