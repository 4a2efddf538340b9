"""schedule: cron expressions and presets that Airflow could not read; ``catchup`` from no date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from functools import lru_cache
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, quoted_list, suggestion

RULE: Final = "schedule"

_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)

PRESETS: Final = (
    "@once",
    "@continuous",
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@quarterly",
    "@yearly",
)


def check(definition: Definition) -> Iterator[Finding]:
    """Check the workflow's ``schedule`` and ``catchup``."""
    text = definition.workflow.schedule
    if definition.workflow.catchup and definition.workflow.start_date is None:
        yield Finding(("catchup",), "there is nothing to catch up with; add the 'start_date' to catch up from", RULE)
    if text is None:
        return
    if text.startswith("@"):
        if text not in PRESETS:
            hint = suggestion(text, PRESETS) or f"; known: {quoted_list(PRESETS)}"
            yield Finding(("schedule",), f"unknown preset '{text}'{hint}", RULE)
        elif text == "@continuous" and (definition.workflow.max_active_runs or 2) > 1:
            yield Finding(("schedule",), "@continuous needs 'max_active_runs: 1'", RULE)
    else:
        problem = _cron_problem(text)
        if problem:
            yield Finding(("schedule",), f"'{text}' {problem}", RULE)


@lru_cache(maxsize=1024)
def _cron_problem(text: str) -> str | None:
    from croniter import CroniterBadDateError, croniter

    if len(text) > 200 or len(text.split()) not in (5, 6) or not croniter.is_valid(text):
        return "is not a cron expression; write five fields such as '30 23 * * *', or a preset"
    try:
        croniter(text, _SOME_DAY).get_next()
    except CroniterBadDateError:
        return "is a cron expression that no date matches"
    return None
