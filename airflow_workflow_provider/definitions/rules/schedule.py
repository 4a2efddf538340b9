"""schedule: what could not start runs: crons, presets and time zones that are none; values that no run could take."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import (
    Finding,
    Location,
    Severity,
    quoted_list,
    suggestion,
    unknown_name,
)
from airflow_workflow_provider.definitions.models import Schedule
from airflow_workflow_provider.definitions.references import BUILT_INS
from airflow_workflow_provider.definitions.values import ValueTypeError, coerce

RULE: Final = "schedule"

_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
_ALONE: Final = ("@once", "@continuous")

_STEP: Final = re.compile(r"\*/([0-9]{1,4})")

PRESETS: Final = (
    *_ALONE,
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@quarterly",
    "@yearly",
)


def check(definition: Definition) -> Iterator[Finding]:
    """Check the workflow's ``schedule``, ``schedules`` and ``catchup``."""
    workflow = definition.workflow
    if workflow.catchup and workflow.start_date is None:
        yield Finding(("catchup",), "there is nothing to catch up with; add the 'start_date' to catch up from", RULE)
    if workflow.schedule is not None:
        yield from _check_cron(workflow.schedule, ("schedule",), PRESETS)
        if workflow.schedule == "@continuous" and (workflow.max_active_runs or 2) > 1:
            yield Finding(("schedule",), "@continuous needs 'max_active_runs: 1'", RULE)
        if workflow.schedules:
            message = "a workflow has 'schedule' or 'schedules', not both; make it one of the 'schedules'"
            yield Finding(("schedule",), message, RULE, on_key=True)
    names: set[str] = set()
    for index, schedule in enumerate(workflow.schedules):
        if schedule.name in names:
            message = f"there is already a schedule '{schedule.name}'; give this one another name"
            yield Finding(("schedules", index, "name"), message, RULE)
        names.add(schedule.name)
        yield from _check_schedule(definition, schedule, ("schedules", index))


def _check_schedule(definition: Definition, schedule: Schedule, where: Location) -> Iterator[Finding]:
    if schedule.cron in _ALONE:
        message = f"'{schedule.cron}' cannot be one of several schedules; write it as the workflow's 'schedule'"
        yield Finding((*where, "cron"), message, RULE)
    else:
        yield from _check_cron(schedule.cron, (*where, "cron"), PRESETS[len(_ALONE) :])
    problem = _zone_problem(schedule.timezone)
    if problem:
        yield Finding((*where, "timezone"), problem, RULE)
    for name, value in schedule.variables.items():
        yield from _check_value(definition, name, value, (*where, "variables", name))


def _check_cron(text: str, where: Location, presets: Collection[str]) -> Iterator[Finding]:
    if text.startswith("@"):
        if text not in presets:
            hint = suggestion(text, presets) or f"; known: {quoted_list(presets)}"
            yield Finding(where, f"unknown preset '{text}'{hint}", RULE)
    else:
        problem = _cron_problem(text)
        if problem:
            yield Finding(where, f"'{text}' {problem}", RULE)
        else:
            yield from (Finding(where, f"'{text}' {trap}", RULE, Severity.WARNING) for trap in _cron_traps(text))


@lru_cache(maxsize=1024)
def _cron_problem(text: str) -> str | None:
    from croniter import CroniterBadDateError, croniter

    fields = text.split()
    is_random = any(field[0] in "Rr" for field in fields)  # the library's own, another time at every look
    if len(text) > 200 or len(fields) not in (5, 6) or is_random or not croniter.is_valid(text):
        return "is not a cron expression; write five fields such as '30 23 * * *', or a preset"
    try:
        croniter(text, _SOME_DAY).get_next()
    except CroniterBadDateError:
        return "is a cron expression that no date matches"
    return None


def _cron_traps(text: str) -> Iterator[str]:
    """What a cron does that few expect."""
    minute, hour, day, _, weekday = text.split()[:5]
    if "*" not in (day[0], weekday[0]) and "?" not in (day, weekday):
        yield f"starts on days {day} of the month and also on every weekday {weekday}, not where both meet"
    for field, size, unit, whole in ((minute, 60, "minutes", "hour"), (hour, 24, "hours", "day")):
        step = _STEP.fullmatch(field)
        if step and int(step[1]) > 1 and size % int(step[1]):
            yield f"does not start every {step[1]} {unit}: it counts anew in every {whole}, and the last gap is shorter"


@lru_cache(maxsize=1024)
def _zone_problem(name: str) -> str | None:
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a name with odd characters may be a path that cannot be read
        known = available_timezones()
        of_city = sorted(zone for zone in known if zone.rpartition("/")[2].casefold() == name.casefold())
        hint = f"; did you mean '{of_city[0]}'?" if of_city else suggestion(name, known)
        return f"unknown time zone '{name}'{hint or '; write for example Europe/Paris'}"
    return None


def _check_value(definition: Definition, name: str, value: Any, where: Location) -> Iterator[Finding]:
    """A schedule's value for a variable: it stands where the default stood."""
    declared = definition.workflow.variables.get(name)
    if name in BUILT_INS:
        yield Finding(where, f"'{name}' is a built-in value, which no schedule can give; remove it", RULE, on_key=True)
    elif declared is None:
        if name in definition.setters:
            message = f"'{name}' is only set by tasks; add it to the workflow's 'variables' to give it a value here"
        else:
            message = unknown_name("variable", name, definition.workflow.variables)
        yield Finding(where, message, RULE, on_key=True)
    elif declared.secret:
        message = f"'{name}' is secret and comes from an Airflow Variable, not from a schedule; remove it"
        yield Finding(where, message, RULE, on_key=True)
    else:
        try:
            coerce(value, declared.type, name)
        except ValueTypeError as error:
            yield Finding(where, str(error), RULE)
        if isinstance(value, str) and "{{" in value:
            message = "a schedule gives the text as it stands; templates are not filled here"
            yield Finding(where, message, RULE, Severity.WARNING)
