"""schedule: cron expressions and presets that Airflow could not read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, quoted_list, suggestion

RULE: Final = "schedule"

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
    """Check the workflow's ``schedule``."""
    text = definition.workflow.schedule
    if text is None:
        return
    if text.startswith("@"):
        if text not in PRESETS:
            hint = suggestion(text, PRESETS) or f"; known: {quoted_list(PRESETS)}"
            yield Finding(("schedule",), f"unknown preset '{text}'{hint}", RULE)
        elif text == "@continuous" and (definition.workflow.max_active_runs or 2) > 1:
            yield Finding(("schedule",), "@continuous needs 'max_active_runs: 1'", RULE)
    elif not _is_cron(text):
        message = f"'{text}' is not a cron expression; write five fields such as '30 23 * * *', or a preset"
        yield Finding(("schedule",), message, RULE)


@lru_cache(maxsize=1024)
def _is_cron(text: str) -> bool:
    from croniter import croniter

    return len(text.split()) in (5, 6) and bool(croniter.is_valid(text))
