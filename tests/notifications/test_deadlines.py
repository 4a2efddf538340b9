"""When a run is to be late, from the runs in Airflow's database; and what waits until it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

import pytest
import uuid6
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import DagRunStateResult, GetDagRunState, GetTaskStates, TaskStatesResult

from airflow_workflow_provider.notifications import late
from airflow_workflow_provider.notifications.deadlines import LongestExpectedDuration

_names = (f"deadline_{number}" for number in count())
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def runs(session: Any, seconds: list[float], **changes: Any) -> str:
    """A DAG with successful runs of these durations, one a day, and one more that has just been queued."""
    from airflow.models import DagRun
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    dag_id = next(_names)
    for day, duration in enumerate([*seconds, None]):
        start = START + timedelta(days=day)
        run = DagRun(
            dag_id=dag_id,
            run_id=f"run_{day}",
            logical_date=start,
            run_after=start,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            start_date=start if duration is not None else None,
            state=DagRunState.SUCCESS if duration is not None else DagRunState.QUEUED,
        )
        if duration is not None:
            run.end_date = start + timedelta(seconds=duration)
            for name, value in changes.items():
                setattr(run, name, value)
        session.add(run)
    session.flush()
    return dag_id


def evaluated(session: Any, dag_id: str, run: int, **limits: float) -> float | None:
    """Seconds from now to the deadline that Airflow makes of it."""
    reference = LongestExpectedDuration.deserialize_reference(LongestExpectedDuration(**limits).serialize_reference())
    base = reference._evaluate_with(session=session, dag_id=dag_id, run_id=f"run_{run}")
    if base is None:
        return None
    interval = timedelta(seconds=limits.get("max", 0))
    return round((base + interval - datetime.now(timezone.utc)).total_seconds())


@pytest.mark.parametrize(
    ("past", "limits", "deadline"),
    [
        ([], {"max": 600}, 600),
        ([100, 100], {"of_usual": 3}, None),
        ([100, 100], {"of_usual": 3, "max": 600}, 600),
        ([100, 200, 9000], {"of_usual": 3}, 600),
        ([100, 200, 9000], {"of_usual": 3, "max": 500}, 500),
        ([100, 200, 9000], {"of_usual": 2, "max": 500}, 400),
        ([9000] * 5 + [100] * 10, {"of_usual": 2}, 200),
    ],
)
def test_a_run_is_late_after_the_first_limit(
    session: Any, past: list[float], limits: dict[str, float], deadline: int | None
) -> None:
    assert evaluated(session, runs(session, past), len(past), **limits) == deadline


@pytest.mark.parametrize(
    "changes", [{"_state": "failed"}, {"clear_number": 1}, {"logical_date": None}, {"end_date": None}]
)
def test_other_runs_do_not_tell_what_is_usual(session: Any, changes: dict[str, Any]) -> None:
    assert evaluated(session, runs(session, [100] * 5, **changes), 5, of_usual=2) is None


def test_later_runs_do_not_tell_what_is_usual(session: Any) -> None:
    dag_id = runs(session, [100] * 6)
    assert evaluated(session, dag_id, 2, of_usual=2) is None
    assert evaluated(session, dag_id, 3, of_usual=2) == 200


def test_airflow_finds_the_reference_by_its_registered_name() -> None:
    from airflow.serialization.decoders import decode_deadline_reference
    from airflow.serialization.encoders import encode_deadline_reference

    reference = LongestExpectedDuration(60, 2.5)
    assert decode_deadline_reference(encode_deadline_reference(reference)).inner_ref == reference


class Triggerer:
    """Answers as the triggerer answers a callback: the run's states one after the other, the last for ever."""

    def __init__(self, states: list[str]) -> None:
        self.states = states
        self.asked = 0

    def send(self, msg: Any) -> Any:
        if isinstance(msg, GetTaskStates):
            return TaskStatesResult(task_states={"r": {"a": "failed", "b": "running"}})
        assert isinstance(msg, GetDagRunState)
        state = self.states[min(self.asked, len(self.states) - 1)]
        self.asked += 1
        return DagRunStateResult.model_validate({"state": state})


def wait(monkeypatch: pytest.MonkeyPatch, states: list[str], started: float | None, limits: Mapping[str, float]) -> str:
    """What became of the callback of a deadline that a run, started so many seconds ago, has missed."""
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Triggerer(states), raising=False)
    monkeypatch.setattr(late, "_LOOK_SECONDS", 0.01)
    now = datetime.now(timezone.utc)
    start = None if started is None else (now - timedelta(seconds=started)).isoformat().replace("+00:00", "Z")
    context = {
        "dag_run": {"dag_id": "w", "dag_run_id": "r", "start_date": start},
        "deadline": {"id": str(uuid6.uuid7()), "deadline_time": now.isoformat()},
    }
    notifications = [{"notifier": "tests.notifications.notifiers.FailingNotifier"}]
    telling = late.tell_of_late_run(["a", "b"], limits, notifications, context, stored=False)
    return asyncio.run(asyncio.wait_for(telling, 20))


@pytest.mark.parametrize("states", [["success"], ["failed"], ["queued", "queued", "failed"], ["running", "success"]])
def test_nobody_is_told_of_a_run_that_ends(monkeypatch: pytest.MonkeyPatch, states: list[str]) -> None:
    assert wait(monkeypatch, states, 1, {"max": 1000}) == "the run has ended"


@pytest.mark.parametrize(
    ("states", "started"), [(["running"], 1000), (["running"], 999.9), (["queued", "running"], None)]
)
def test_a_run_is_told_when_it_has_really_taken_longer(
    monkeypatch: pytest.MonkeyPatch, states: list[str], started: float | None
) -> None:
    longest = 1000 if started else 0.05
    assert wait(monkeypatch, states, started, {"max": longest}) == "told 0 of 1 notifiers"


def test_a_run_that_was_cleared_while_it_was_waited_for_counts_from_its_new_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    states = ["running", "queued", *["running"] * 150, "success"]
    assert wait(monkeypatch, states, 999, {"max": 1000}) == "the run has ended"


def deadline_after(seconds: float) -> dict[str, Any]:
    made = uuid6.uuid7()
    return {"id": made, "deadline_time": late._made({"id": made}) + timedelta(seconds=seconds)}


@pytest.mark.parametrize(
    ("seconds", "limits", "longest", "reason"),
    [
        (59.9, {"max": 60.0}, 60, "the run is still going after the expected 1m"),
        (59.9, {"max": 60.0, "of_usual": 3.0}, 60, "the run is still going after the expected 1m"),
        (30.0, {"max": 60.0, "of_usual": 3.0}, 30, "the run is still going after 30s, 3 times the usual 10s"),
        (90.0, {"of_usual": 1.5}, 90, "the run is still going after 1m 30s, 1.5 times the usual 1m"),
    ],
)
def test_the_reason_names_the_limit(seconds: float, limits: dict[str, float], longest: float, reason: str) -> None:
    found = late._longest(deadline_after(seconds), limits)
    assert found == pytest.approx(longest)
    assert late._reason(found, limits) == reason
