"""What Airflow calls when a run has not ended by its deadline: waits until it is late, then tells. In the triggerer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async

from airflow_workflow_provider.notifications.notifiers import anotify
from airflow_workflow_provider.notifications.told import told
from airflow_workflow_provider.runs.expectations import shown_duration
from airflow_workflow_provider.runs.states import RUNS_ENDED

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 5.0
# Between working out a deadline and making its id.
_INEXACT_SECONDS: Final = 1.0


async def tell_of_late_run(
    tasks: Sequence[str],
    limits: Mapping[str, float],
    notifications: Sequence[Mapping[str, Any]],
    context: Mapping[str, Any],
    stored: bool,
) -> str:
    """Tell the notifiers once the run has really taken longer than expected; in words what was done.

    A deadline counts from when the run was queued, an expected duration from its start: the difference is waited for.
    ``tasks``: those of the definition; ``limits``: ``max`` and ``of_usual`` as far as they are given;
    ``notifications``: ``notifier`` and ``arguments`` of each; ``context``: the run and its deadline, from Airflow;
    ``stored``: whether the definition is one of the store.
    """
    if not notifications:
        return "nobody is to be told"
    run = context["dag_run"]
    workflow, run_id = run["dag_id"], run["dag_run_id"]
    longest = _longest(context["deadline"], limits)
    if not await _is_late(workflow, run_id, _time(run["start_date"]), longest):
        return "the run has ended"
    about = told(
        "on_late",
        workflow,
        run_id,
        "running",
        _reason(longest, limits),
        tasks=tasks,
        failed=await _failed(workflow, run_id, tasks),
    )
    airflow = {"dag_run": run, "deadline": context["deadline"]}
    reached = [
        await anotify(each["notifier"], each.get("arguments", {}), about, airflow, stored=stored)
        for each in notifications
    ]
    return f"told {sum(reached)} of {len(reached)} notifiers"


def _longest(deadline: Mapping[str, Any], limits: Mapping[str, float]) -> float:
    """The longest expected duration in seconds: ``max`` where it is the shorter limit, and then exactly.

    Else the time from when the deadline was made, which its id tells, to the deadline.
    """
    maximum = limits.get("max")
    if maximum is not None and "of_usual" not in limits:
        return maximum
    needed_by = _time(deadline["deadline_time"])
    assert needed_by is not None
    longest = (needed_by - _made(deadline)).total_seconds()
    return maximum if maximum is not None and maximum - longest < _INEXACT_SECONDS else longest


def _made(deadline: Mapping[str, Any]) -> datetime:
    """A version 7 UUID begins with the milliseconds of its making."""
    milliseconds = UUID(str(deadline["id"])).int >> 80
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


def _time(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value


async def _is_late(workflow: str, run_id: str, started: datetime | None, longest: float) -> bool:
    """Wait until the run has ended or has taken that long, whichever is first."""
    while (state := await _state(workflow, run_id)) not in RUNS_ENDED:
        now = datetime.now(timezone.utc)
        if state != "running":
            started = None  # in the queue, for the first time or once more
        elif started is None:
            started = now
        left = longest if started is None else longest - (now - started).total_seconds()
        if left <= 0:
            return True
        await asyncio.sleep(min(left, _LOOK_SECONDS))
    return False


def _reason(longest: float, limits: Mapping[str, float]) -> str:
    if longest == limits.get("max"):
        return f"the run is still going after the expected {shown_duration(longest)}"
    factor = limits["of_usual"]
    return (
        f"the run is still going after {shown_duration(longest)}, {factor:g} times the usual "
        f"{shown_duration(longest / factor)}"
    )


async def _state(workflow: str, run_id: str) -> str:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    state: Any = await sync_to_async(RuntimeTaskInstance.get_dagrun_state)(dag_id=workflow, run_id=run_id)
    return str(getattr(state, "value", state))


async def _failed(workflow: str, run_id: str, tasks: Sequence[str]) -> list[str]:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    look: Any = sync_to_async(RuntimeTaskInstance.get_task_states)
    states = (await look(dag_id=workflow, task_ids=list(tasks), run_ids=[run_id])).get(run_id, {})
    return [task for task in tasks if getattr(states.get(task), "value", states.get(task)) == "failed"]
