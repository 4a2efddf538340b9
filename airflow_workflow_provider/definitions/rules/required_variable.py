"""required_variable: a required variable that a scheduled run could not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, quoted_list

RULE: Final = "required_variable"


def check(definition: Definition) -> Iterator[Finding]:
    """A schedule starts runs without asking anybody for a value."""
    workflow = definition.workflow
    for name, variable in workflow.variables.items():
        if not variable.required or variable.default is not None or variable.secret:
            continue
        if workflow.schedule is not None:
            message = f"'{name}' is required, but runs started by a schedule have no value for it; add a default"
            yield Finding(("variables", name), message, RULE, on_key=True)
        without = [each.name for each in workflow.schedules if each.variables.get(name) is None]
        if without:
            message = (
                f"'{name}' is required, but runs started by {quoted_list(without)} have no value for it; "
                "give it one there, or a default"
            )
            yield Finding(("variables", name), message, RULE, on_key=True)
