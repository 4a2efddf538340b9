"""template_text: templates and conditions that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.references import (
    TemplateSyntaxError,
    condition_references,
    template_references,
    texts,
)

RULE: Final = "template_text"


def check(definition: Definition) -> Iterator[Finding]:
    """Parse every template and every condition."""
    for name, task in definition.tasks.items():
        if task.if_ is not None:
            try:
                condition_references(task.if_)
            except TemplateSyntaxError as error:
                yield Finding(("tasks", name, "if"), str(error), RULE)
        yield from check_arguments(task.variables, ("tasks", name, "variables"))
    for name, operator_task in definition.operator_tasks():
        yield from check_arguments(operator_task.arguments, ("tasks", name, "arguments"))


def check_arguments(arguments: Any, location: Location) -> Iterator[Finding]:
    """Parse every template inside a value."""
    for place, text in texts(arguments, location):
        try:
            template_references(text)
        except TemplateSyntaxError as error:
            yield Finding(place, str(error), RULE)
