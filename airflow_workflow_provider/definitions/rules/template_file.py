"""template_file: a command or path that Airflow takes for the name of a template file because of how it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location, Severity
from airflow_workflow_provider.definitions.references import texts

RULE: Final = "template_file"

_ENDINGS: Final = {"bash_command": (".sh", ".bash"), "sql": (".sql",), "hql": (".hql", ".sql")}


def check(definition: Definition) -> Iterator[Finding]:
    """Check the arguments of every operator task; definitions of the store read no files."""
    if not definition.stored:
        for name, task in definition.operator_tasks():
            yield from check_arguments(task.arguments, ("tasks", name, "arguments"))


def check_arguments(arguments: Mapping[str, Any], location: Location) -> Iterator[Finding]:
    """Warn at what cannot be meant as a file beside the DAG: a command with arguments, an absolute path."""
    for argument, endings in _ENDINGS.items():
        for place, text in texts(arguments.get(argument), (*location, argument)):
            if text.endswith(endings) and (text.startswith(("/", "~", "$")) or " " in text):
                ending = next(each for each in endings if text.endswith(each))
                message = (
                    f"Airflow takes a text that ends in '{ending}' for the name of a template file in the DAG folder; "
                    "if it is none, put it in quotes and end it with a space"
                )
                yield Finding(place, message, RULE, Severity.WARNING)
