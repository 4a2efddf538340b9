"""notifier: templates in a notifier's arguments that cannot be read, or read what it is not told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.models import Notify
from airflow_workflow_provider.definitions.references import TemplateSyntaxError, template_references, texts

RULE: Final = "notifier"

TOLD: Final = (
    "reason",
    "failed_tasks",
    "broken_expectations",
    "run_url",
    "task_urls",
    "workflow",
    "run_id",
    "state",
    "event",
)
"""What every notifier is told about the run; its templates read these beside Airflow's own names."""


def check(definition: Definition) -> Iterator[Finding]:
    """Parse every template inside a notifier's arguments."""
    notify = definition.workflow.notify
    for event in Notify.model_fields if notify is not None else ():
        for index, each in enumerate(getattr(notify, event)):
            for location, text in texts(each.arguments, ("notify", event, index, "arguments")):
                yield from _template(text, location)


def _template(text: str, location: Location) -> Iterator[Finding]:
    try:
        variables = template_references(text)
    except TemplateSyntaxError as error:
        yield Finding(location, str(error), RULE)
        return
    if variables:
        yield Finding(
            location,
            f"a notifier is not told the variables of the run, so 'vars.{variables[0]}' has no value; "
            f"it is told {', '.join(TOLD)}",
            RULE,
        )
