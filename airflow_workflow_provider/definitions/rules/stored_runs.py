"""stored_limits: how many runs and attempts a definition from the store may make the scheduler start."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from itertools import islice, pairwise
from typing import Final

from airflow_workflow_provider.definitions.diagnostics import Finding, Location
from airflow_workflow_provider.definitions.models import Workflow
from airflow_workflow_provider.definitions.rules.stored_limits import RULE
from airflow_workflow_provider.definitions.stored.trust import Limits

_PERIODS: Final = {
    "@hourly": timedelta(hours=1),
    "@daily": timedelta(days=1),
    "@weekly": timedelta(days=7),
    "@monthly": timedelta(days=30),
    "@quarterly": timedelta(days=90),
    "@yearly": timedelta(days=365),
}
_LOOKED_AT: Final = 121
_LOOKED_FOR: Final = timedelta(days=2)
"""So many runs, and for so long, the shortest time between two is looked for: one day is as the other."""
_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)


def check(workflow: Workflow, limits: Limits, at: datetime | None = None) -> Iterator[Finding]:
    """Check a well-shaped workflow. ``at`` is when it was published, by default now: what is one day old today would
    else be too old one day.
    """
    if (workflow.max_active_runs or 0) > limits.active_runs:
        message = f"a definition from the store may have {limits.active_runs} runs at the same time at most"
        yield _finding(("max_active_runs",), message, "most_active_runs")
    given: dict[Location, int | None] = {("defaults",): workflow.defaults.retries}
    given |= {("tasks", name): task.retries for name, task in (workflow.tasks or {}).items()}
    for where, retries in given.items():
        if (retries or 0) > limits.retries:
            message = f"a task in a definition from the store may have {limits.retries} retries at most"
            yield _finding((*where, "retries"), message, "most_retries")
    crons: dict[Location, str] = {("schedules", i, "cron"): each.cron for i, each in enumerate(workflow.schedules)}
    if workflow.schedule is not None:
        crons["schedule",] = workflow.schedule
    for where, cron in crons.items():
        if _shortest_seconds(cron) < limits.interval:
            message = f"a definition from the store may start a run every {limits.interval} seconds at most"
            yield _finding(where, message, "shortest_interval")
    if workflow.catchup and workflow.start_date is not None:
        until = (at or datetime.now(timezone.utc)).astimezone()
        yield from _missed(list(crons.values()), workflow.start_date, until, limits)


def _missed(crons: list[str], first: date, at: datetime, limits: Limits) -> Iterator[Finding]:
    start = first if isinstance(first, datetime) else datetime.combine(first, time())
    start = start if start.tzinfo else start.replace(tzinfo=timezone.utc)
    left = limits.missed_runs
    for cron in crons:
        left -= _runs_between(cron, start, at, left) if left >= 0 else 0
    if left < 0:
        message = f"a definition from the store may make up for {limits.missed_runs} missed runs at most; start later"
        yield _finding(("start_date",), message, "most_missed_runs")


def _finding(where: Location, message: str, setting: str) -> Finding:
    return Finding(where, f"{message} ([workflows] {setting})", RULE)


@lru_cache(maxsize=1024)
def _shortest_seconds(cron: str) -> float:
    """Between two runs; endless for what is no cron expression, which another rule says."""
    if cron.startswith("@"):
        return _PERIODS.get(cron, timedelta.max).total_seconds()
    shortest, first = timedelta.max, None
    for earlier, later in pairwise(islice(_runs(cron, _SOME_DAY), _LOOKED_AT)):
        shortest, first = min(shortest, later - earlier), first or earlier
        if later - first > _LOOKED_FOR:
            break
    return shortest.total_seconds()


def _runs_between(cron: str, start: datetime, end: datetime, most: int) -> int:
    """As many as there are, or some more than ``most``."""
    if cron.startswith("@"):
        period = _PERIODS.get(cron)
        return max(0, (end - start) // period) if period else 0
    found = 0
    for found, run in enumerate(_runs(cron, start), 1):
        if run > end or found > most:
            break
    return found


def _runs(cron: str, start: datetime) -> Iterator[datetime]:
    from croniter import CroniterError, croniter

    try:
        ticks = croniter(cron, start)
        while True:
            yield ticks.get_next(datetime)
    except (CroniterError, ValueError, OverflowError):
        return
