"""template_text: templates and conditions that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.references import (
    TemplateSyntaxError,
    condition_references,
    template_references,
    templates,
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
        if task.variables:
            yield from check_arguments(task.variables, ("tasks", name, "variables"))
    for found in definition.argument_templates.values():
        yield from _check_templates(found)


def check_arguments(arguments: Any, location: Location) -> Iterator[Finding]:
    """Parse every template inside a value."""
    yield from _check_templates(templates(arguments, location))


def _check_templates(found: Iterable[tuple[Location, str]]) -> Iterator[Finding]:
    for place, text in found:
        try:
            template_references(text)
        except TemplateSyntaxError as error:
            yield Finding(place, str(error), RULE)
