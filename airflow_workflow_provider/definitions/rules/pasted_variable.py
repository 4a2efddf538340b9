"""pasted_variable: a variable pasted into a shell command or an operator's SQL, where its text becomes code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location, Severity
from airflow_workflow_provider.definitions.reads import template_reads

RULE: Final = "pasted_variable"

_INSTEAD: Final = {
    "bash_command": "pass it through 'env' and write \"$NAME\" in the command",
    "command": "pass it through the operator's environment instead",
    "sql": "use a 'sql' task, where :name binds the value, or the operator's 'parameters'",
}


def check(definition: Definition) -> Iterator[Finding]:
    """Check the arguments of every operator task."""
    for name, task in definition.operator_tasks():
        yield from check_arguments(task.arguments, ("tasks", name, "arguments"))


def check_arguments(arguments: Mapping[str, Any], location: Location) -> Iterator[Finding]:
    """Warn at arguments that are executed as text."""
    for argument, instead in _INSTEAD.items():
        if argument not in arguments:
            continue
        for place, variable in template_reads(arguments[argument], (*location, argument)):
            message = f"the value of '{variable}' is pasted into {argument} and would run as code; {instead}"
            yield Finding(place, message, RULE, Severity.WARNING)
