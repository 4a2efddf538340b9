"""Which of a workflow's schedules started a run.

All schedules of a workflow share one DAG, whose runs need distinct logical dates. So the logical date of a run is the
time at which its schedule fired plus the schedule's mark, less than a second; the run id of a scheduled run also ends
with the schedule's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zlib import crc32

from airflow_workflow_provider.compiler.plan import PlannedSchedule

_STARTED_BY_SCHEDULES: Final = frozenset({"scheduled", "backfill"})
_SEPARATOR: Final = "__"
_HIGHEST_MARK: Final = 999_999


def marks(names: Sequence[str]) -> dict[str, int]:
    """The mark of each schedule, in microseconds, 1 to 999999.

    It follows from the name alone (unless two names happen to have the same one: then the later moves on), so that old
    runs keep their schedule when schedules are added, removed or put into another order.
    """
    found: dict[str, int] = {}
    for name in names:
        mark = crc32(name.encode()) % _HIGHEST_MARK + 1
        while mark in found.values():
            mark = mark % _HIGHEST_MARK + 1
        found[name] = mark
    return found


def named_run_id(run_id: str, schedule: str) -> str:
    """Airflow's run id, ``scheduled__<time>``, with the schedule's name after it."""
    return f"{run_id}{_SEPARATOR}{schedule}"


def schedule_of_run(
    run_type: str, run_id: str, logical_date: datetime | None, schedules: Sequence[PlannedSchedule]
) -> PlannedSchedule | None:
    """The schedule that started a run; ``None`` for a run that a person or a program started.

    ``run_type`` as Airflow has it: ``scheduled``, ``backfill``, ``manual``… A backfill's run id bears no name: there
    the logical date tells.
    """
    if run_type not in _STARTED_BY_SCHEDULES or not schedules:
        return None
    by_name = {each.name: each for each in schedules}
    parts = run_id.split(_SEPARATOR, 2)
    if len(parts) == 3:
        return by_name.get(parts[2])
    if logical_date is None:
        return None
    by_mark = {mark: by_name[name] for name, mark in marks(list(by_name)).items()}
    return by_mark.get(logical_date.microsecond)
