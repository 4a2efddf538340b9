"""Workflows in phases, on the real scheduler."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from scripts.airflow_answers import TaskInstance
from scripts.local_airflow import LocalAirflow

Define = Callable[..., str]
BASH = "airflow.providers.standard.operators.bash.BashOperator"
NEVER = datetime.max.replace(tzinfo=timezone.utc)
PHASES = [["step_1"], ["step_2", "step_3", "step_4"], ["step_5", "step_6"], ["step_7"]]


def steps(airflow: LocalAirflow, define: Define, fails: str = "") -> None:
    for name in (name for phase in PHASES for name in phase):
        command = "exit 1" if name == fails else "sleep 1"
        define(name, f"tasks:\n  work: {{operator: {BASH}, arguments: {{bash_command: {command}}}}}\n")
        airflow.set_paused(name, paused=False)


def work_of(airflow: LocalAirflow, name: str) -> TaskInstance:
    """The one task of the latest run of a step."""
    (task,) = airflow.task_instances(name, airflow.runs(name)[-1].run_id)
    return task


def end_of(task: TaskInstance) -> datetime:
    assert task.started is not None
    return task.started + timedelta(seconds=task.seconds or 0)


def test_each_phase_runs_side_by_side_after_the_one_before_it(airflow: LocalAirflow, define: Define) -> None:
    steps(airflow, define)
    dag = define("in_phases", f"phases: {PHASES}\n".replace("'", ""))
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "success"
    work = {name: work_of(airflow, name) for phase in PHASES for name in phase}
    assert {task.state for task in work.values()} == {"success"}
    for before, after in pairwise(PHASES):
        ended = max(end_of(work[name]) for name in before)
        started = min(work[name].started or NEVER for name in after)
        assert ended <= started < NEVER, (before, after)


def test_a_phase_that_fails_is_the_last(airflow: LocalAirflow, define: Define) -> None:
    steps(airflow, define, fails="step_3")
    dag = define("in_phases_until_one_fails", f"phases: {PHASES}\n".replace("'", ""))
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    states = airflow.task_states(dag, run)
    assert {name: states[name] for name in ("step_1", "step_2", "step_3", "step_4")} == {
        "step_1": "success",
        "step_2": "success",
        "step_3": "failed",
        "step_4": "success",
    }
    assert {states[name] for name in ("step_5", "step_6", "step_7")} <= {"upstream_failed", "skipped"}
