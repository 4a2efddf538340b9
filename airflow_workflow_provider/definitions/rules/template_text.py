"""template_text: templates and conditions that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location, Severity
from airflow_workflow_provider.definitions.references import (
    TemplateSyntaxError,
    condition_references,
    template_references,
    templates,
)

RULE: Final = "template_text"

_TRUTH: Final = re.compile(r"(?:^|\b(?:and|or|not)\b|\()\s*vars\.([A-Za-z_]\w*)\s*(?=\Z|\)|\b(?:and|or)\b)")
_FALSE: Final = frozenset({"false", "no", "off", "0", "n", "f"})


def check(definition: Definition) -> Iterator[Finding]:
    """Parse every template and every condition."""
    for name, task in definition.tasks.items():
        if task.if_ is not None:
            try:
                condition_references(task.if_)
            except TemplateSyntaxError as error:
                yield Finding(("tasks", name, "if"), str(error), RULE)
            yield from _check_truth(definition, task.if_, ("tasks", name, "if"))
        if task.variables:
            yield from check_arguments(task.variables, ("tasks", name, "variables"))
    for found in definition.argument_templates.values():
        yield from _check_templates(found)


def _check_truth(definition: Definition, condition: str, where: Location) -> Iterator[Finding]:
    """A variable that is asked for its truth and is text: all text but the empty one is true."""
    for variable in _TRUTH.findall(condition):
        declared = definition.workflow.variables.get(variable)
        text = declared.default if declared and declared.type in (None, "string") else None
        if isinstance(text, str) and text.lower() in _FALSE:
            message = f"'{variable}' is the text '{text}', and text is true; write {_instead(variable)}"
            yield Finding(where, message, RULE, Severity.WARNING)


def _instead(variable: str) -> str:
    return f"'{variable}: false' without quotes, or give it 'type: boolean'"


def check_arguments(arguments: Any, location: Location) -> Iterator[Finding]:
    """Parse every template inside a value."""
    yield from _check_templates(templates(arguments, location))


def _check_templates(found: Iterable[tuple[Location, str]]) -> Iterator[Finding]:
    for place, text in found:
        try:
            template_references(text)
        except TemplateSyntaxError as error:
            yield Finding(place, str(error), RULE)
