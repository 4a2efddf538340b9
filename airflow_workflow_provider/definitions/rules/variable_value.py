"""variable_value: a default that the variable's declared type cannot hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.models import Variable
from airflow_workflow_provider.definitions.values import ValueTypeError, coerce

RULE: Final = "variable_value"


def check(definition: Definition) -> Iterator[Finding]:
    """Check the defaults of the workflow's variables."""
    yield from check_values(definition.workflow.variables, ("variables",))


def check_values(variables: Mapping[str, Variable], location: Location) -> Iterator[Finding]:
    """Check some defaults."""
    for name, variable in variables.items():
        try:
            coerce(variable.default, variable.type, name)
        except ValueTypeError as error:
            yield Finding((*location, name, "default"), str(error), RULE)
