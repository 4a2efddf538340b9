"""expectation: what a run is expected to do must be sayable, possible and about things that exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.checks import check_references
from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Location, unknown_name
from airflow_workflow_provider.definitions.durations import format_duration
from airflow_workflow_provider.definitions.models import Expect, ExpectedDuration
from airflow_workflow_provider.definitions.references import BUILT_INS, TemplateSyntaxError

RULE: Final = "expectation"

_NO_DURATION: Final = ExpectedDuration()


def check(definition: Definition) -> Iterator[Finding]:
    """Check ``expect``, and that what ``notify`` waits for can happen."""
    expect = definition.workflow.expect
    if expect is not None:
        yield from _says_something(expect)
        yield from _duration(expect.duration or _NO_DURATION)
        for index, text in enumerate(expect.checks):
            yield from _check(definition, text, ("expect", "checks", index))
    yield from _notifications(definition)


def _says_something(expect: Expect) -> Iterator[Finding]:
    if expect.duration == _NO_DURATION:
        message = "an expected duration needs at least one of 'min', 'max', 'of_usual'"
        yield Finding(("expect", "duration"), message, RULE, on_key=True)
    elif expect.duration is None and not expect.checks:
        yield Finding(("expect",), "nothing is expected here; add 'duration' or 'checks'", RULE, on_key=True)


def _duration(duration: ExpectedDuration) -> Iterator[Finding]:
    if duration.min is not None and duration.max is not None and duration.min > duration.max:
        yield Finding(
            ("expect", "duration", "min"),
            f"no run can take at least {format_duration(duration.min)} and at most {format_duration(duration.max)}; "
            "'min' is the shorter one",
            RULE,
        )


def _check(definition: Definition, text: str, location: Location) -> Iterator[Finding]:
    try:
        variables, tasks = check_references(text)
    except TemplateSyntaxError as error:
        yield Finding(location, str(error), RULE)
        return
    known = {*definition.workflow.variables, *definition.setters, *BUILT_INS}
    for name in variables:
        if name not in known:
            message = unknown_name("variable", name, known)
            if name in definition.tasks:
                message = f"'{name}' is a task, not a variable; write tasks.{name} for its outcome"
            yield Finding(location, message, RULE)
    for name in tasks:
        if name not in definition.tasks:
            yield Finding(location, unknown_name("task", name, definition.tasks), RULE)


def _notifications(definition: Definition) -> Iterator[Finding]:
    notify, expect = definition.workflow.notify, definition.workflow.expect
    if notify is None:
        return
    duration = (expect.duration if expect else None) or _NO_DURATION
    if notify.on_late and duration.max is None and duration.of_usual is None:
        message = "nothing says when a run is late; add 'expect: {duration: {max: …}}' (or 'of_usual')"
        yield Finding(("notify", "on_late"), message, RULE, on_key=True)
    if notify.on_broken_expectation and expect is None:
        message = "nothing is expected of a run; add 'expect' with a 'duration' or 'checks'"
        yield Finding(("notify", "on_broken_expectation"), message, RULE, on_key=True)
