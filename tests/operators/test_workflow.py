"""``workflow:`` tasks: ids of child runs, who waits for which, and what is written into them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType, TaskDeferred
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_workflow_provider.exceptions import VariableError
from airflow_workflow_provider.listeners.abandoned import is_waited_for
from airflow_workflow_provider.operators.workflow import WorkflowRunOperator, refusal
from airflow_workflow_provider.runs.children import TaskAttempt, children_prefix, started_by
from airflow_workflow_provider.runs.resolution import STARTED_BY, Given

FIRST = TaskAttempt(
    workflow="campaign_launch",
    run_id="scheduled__2026-01-31T23:30:00+00:00__nightly",
    run_started="2026-01-31T23:30:01+00:00",
    task="refresh_metrics",
    number=1,
    last=3,
)


def test_the_id_of_a_child_run_tells_where_it_comes_from() -> None:
    assert re.fullmatch(
        r"workflow__campaign_launch__[0-9a-f]{12}__refresh_metrics__1of3_[0-9a-f]{12}", FIRST.child_run_id
    )
    assert FIRST.child_run_id == replace(FIRST).child_run_id
    assert FIRST.child_run_id.startswith(children_prefix(FIRST.workflow, FIRST.run_id))


def test_a_task_has_nothing_to_do_with_the_children_from_before_it_was_cleared() -> None:
    second = replace(FIRST, number=2)
    assert second.may_wait_for() == (second.child_run_id, FIRST.child_run_id)
    cleared = replace(FIRST, number=3, last=5)
    assert not set(cleared.may_wait_for()) & set(second.may_wait_for())


@pytest.mark.parametrize(
    "other",
    [
        {"workflow": "campaign_launch_2"},
        {"run_id": "scheduled__2026-02-01T23:30:00+00:00__nightly"},
        {"run_started": "2026-01-31T23:30:02+00:00"},
        {"task": "refresh_metrics_2"},
        {"number": 2},
        {"last": 4},
    ],
)
def test_no_two_attempts_share_a_child(other: dict[str, Any]) -> None:
    assert replace(FIRST, **other).child_run_id != FIRST.child_run_id


def test_long_names_and_deep_nesting_do_not_lengthen_the_id() -> None:
    attempt = replace(FIRST, workflow="w" * 250, task="t" * 250)
    ids = set()
    for _ in range(5):
        assert len(attempt.child_run_id) <= 250
        ids.add(attempt.child_run_id)
        attempt = replace(attempt, run_id=attempt.child_run_id)
    assert len(ids) == 5
    assert replace(attempt, task="t" * 249 + "u").child_run_id != attempt.child_run_id
    assert replace(attempt, workflow="w" * 249 + "v").child_run_id != attempt.child_run_id


@pytest.mark.parametrize("name", ["a..b", "...", "ünï", "with space/slash", "." * 300])
def test_airflow_takes_the_id_whatever_the_name(name: str) -> None:
    from airflow.configuration import conf

    pattern = conf.get("scheduler", "allowed_run_id_pattern")
    assert pattern
    run_id = replace(FIRST, workflow=name, task=name).child_run_id
    assert re.match(pattern, run_id)
    assert ".." not in run_id


def test_earlier_attempts_are_those_since_the_last_clear() -> None:
    third = replace(FIRST, number=3)
    assert [(each.number, each.last) for each in third.earlier()] == [(2, 3), (1, 3)]
    assert list(FIRST.earlier()) == []
    cleared = replace(FIRST, number=4, last=6)
    assert not {each.child_run_id for each in cleared.earlier()} & {
        replace(FIRST, number=number).child_run_id for number in (1, 2, 3)
    }


VALUES = {
    "text": "a",
    "whole": 2**60,
    "ratio": 0.1,
    "flag": True,
    "nothing": None,
    "list": [1, "b", None],
    "mapping": {"a": {"b": [1.5]}},
    "price": Decimal("12.50"),
    "day": date(2026, 1, 31),
    "at": datetime(2026, 1, 31, 8, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
    "naive": datetime(2026, 1, 31, 8, 30),
    "deep": {"prices": [Decimal("0.1"), {"day": date(2026, 1, 31)}]},
    "endless": float("inf"),
}


def test_values_reach_the_child_as_they_are() -> None:
    conf = json.loads(json.dumps(FIRST.conf(VALUES), allow_nan=False))
    received = Given.of(conf).values
    assert received == VALUES
    assert {name: type(value) for name, value in received.items()} == {
        name: type(value) for name, value in VALUES.items()
    }


def test_a_value_that_somebody_corrects_in_a_copied_conf_is_the_one_that_counts() -> None:
    conf = json.loads(json.dumps(FIRST.conf(VALUES), allow_nan=False))
    corrected = {**conf, "price": 13, "day": "2026-02-01"}
    received = Given.of(corrected).values
    assert (received["price"], received["day"]) == (13, "2026-02-01")
    assert received["at"] == VALUES["at"]


@pytest.mark.parametrize("exact", [[1], "x", 5, {"x": {"type": "decimal", "value": "no"}}, {"x": {"a": 1}}])
def test_a_conf_that_no_task_has_made_is_one_sentence(exact: Any) -> None:
    with pytest.raises(VariableError, match="'started-by' in the run's conf is not as a task writes it"):
        Given.of({"x": 1, STARTED_BY: {"exact": exact}})


def test_conf_holds_what_airflow_can_check_and_people_can_read() -> None:
    conf = FIRST.conf(VALUES)
    assert (conf["price"], conf["day"], conf["naive"]) == (12.5, "2026-01-31", "2026-01-31T08:30:00+00:00")
    assert conf["deep"] == {"prices": [0.1, {"day": "2026-01-31"}]}
    assert conf["mapping"] == VALUES["mapping"]
    assert set(conf[STARTED_BY]["exact"]) == {"price", "day", "at", "naive", "deep", "endless"}
    assert FIRST.conf({"a": 1})[STARTED_BY] == {
        "workflow": "campaign_launch",
        "run_id": FIRST.run_id,
        "task": "refresh_metrics",
        "attempt": 1,
        "last": 3,
    }


def test_a_value_that_no_run_can_be_given_is_named() -> None:
    with pytest.raises(VariableError, match="variable 'x': a value of type bytes cannot be kept"):
        FIRST.conf({"x": b"raw"})


@pytest.mark.parametrize(("started", "least", "most"), [(0, 55, 60), (50, 5, 10), (300, 1, 1)])
def test_a_timeout_is_one_however_often_a_task_waits(started: float, least: float, most: float) -> None:
    operator = WorkflowRunOperator(workflow="child", task_id="t", execution_timeout=timedelta(seconds=60))
    ti = SimpleNamespace(start_date=datetime.now(timezone.utc) - timedelta(seconds=started))
    with pytest.raises(TaskDeferred) as caught:
        operator._wait({"ti": ti}, "r")  # type: ignore[typeddict-item]
    assert caught.value.timeout is not None
    assert least <= caught.value.timeout.total_seconds() <= most


def test_a_run_that_a_person_started_with_the_conf_of_a_child_has_no_parent() -> None:
    conf = FIRST.conf({})
    assert started_by(FIRST.child_run_id, conf) == conf[STARTED_BY]
    assert started_by("manual__2026-01-31T23:30:00+00:00", conf) is None
    assert started_by(FIRST.child_run_id, None) is None
    assert started_by(FIRST.child_run_id, {STARTED_BY: "me"}) is None
    assert started_by(FIRST.child_run_id, {STARTED_BY: {"workflow": 1}}) is None


@pytest.mark.parametrize(
    ("run", "task", "waits"),
    [
        ("running", ("deferred", 2), True),
        ("running", ("running", 2), True),
        ("running", ("up_for_retry", 2), True),
        ("running", ("scheduled", 2), True),
        ("running", (None, 2), True),  # reset: its scheduler has gone
        ("running", (None, 3), False),  # cleared
        ("running", ("deferred", 3), False),  # cleared, and waiting for another child
        ("running", ("restarting", 2), False),
        ("running", ("failed", 2), False),
        ("running", ("success", 2), False),
        ("running", ("skipped", 2), False),
        ("running", ("removed", 2), False),
        ("running", None, False),
        ("queued", ("deferred", 2), True),
        ("failed", ("deferred", 2), False),
        ("success", ("deferred", 2), False),
        (None, None, False),
    ],
)
def test_who_waits_for_a_child(run: str | None, task: tuple[str | None, int] | None, waits: bool) -> None:
    assert is_waited_for(FIRST.conf({})[STARTED_BY], run, task) is waits


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        (
            {"status_code": 404, "message": "x", "detail": {"detail": {"reason": "not_found", "message": "y"}}},
            (
                "there is no workflow 'metrics' in this Airflow; correct 'workflow' of the task, or see to it that the "
                "file that defines it is loaded"
            ),
        ),
        (
            {"status_code": 400, "message": "x", "detail": {"detail": {"reason": "value_error", "message": "bad n"}}},
            "workflow 'metrics' could not be started: bad n",
        ),
        (
            {"status_code": 500, "message": "Internal Server Error", "detail": None},
            "workflow 'metrics' could not be started: Internal Server Error",
        ),
        (
            {"detail": "Invalid input for param n: 'x' is not of type 'integer'\n\nFailed validating\n\nOn instance"},
            "workflow 'metrics' could not be started: Invalid input for param n: 'x' is not of type 'integer'",
        ),
        (None, "workflow 'metrics' could not be started: Airflow did not say why"),
    ],
)
def test_what_airflow_refuses_is_told_in_a_sentence(detail: dict[str, Any] | None, told: str) -> None:
    error = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))
    assert refusal("metrics", error) == told
