"""What a run's end tells, from what Airflow answers about its tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetTaskStates, GetXCom, TaskStatesResult, XComResult

from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.notifications.run_end import RunEnd
from tests.dag_test_run import run_definition
from tests.unit.reading import read

Run = Callable[..., list[dict[str, Any]]]

TEXT = """
workflow: w
outcome: {outcome}
defaults: {{connection: db}}
{expect}
notify:
  on_success: [{{notifier: tests.notifications.notifiers.FileNotifier, arguments: {{file: FILE}}}}]
  on_failure: [{{notifier: tests.notifications.notifiers.FileNotifier, arguments: {{file: FILE}}}}]
tasks:
  a: {{sql: SELECT 1}}
  b: {{sql: SELECT 1}}
  h: {{sql: SELECT 1, depends_on: {{a: failure, b: completion}}, constraint: any}}
"""


@dataclass
class Supervisor:
    """Answers as the dag processor answers the process that runs callbacks."""

    states: Mapping[str, str]
    xcoms: Mapping[str, Any] = field(default_factory=dict)

    def send(self, msg: Any) -> Any:
        if isinstance(msg, GetTaskStates):
            return TaskStatesResult(
                task_states={"r": {t: s for t, s in self.states.items() if t in (msg.task_ids or ())}}
            )
        assert isinstance(msg, GetXCom)
        assert (msg.dag_id, msg.task_id, msg.run_id) == ("w", "workflow.outcome", "r")
        return XComResult(key=msg.key, value=self.xcoms.get(msg.key))


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The end of a run, for Airflow's reason, whose tasks and XComs are these: what was told."""

    def run(
        event: str,
        states: Mapping[str, str] | None,
        xcoms: Mapping[str, Any] | None = None,
        *,
        reason: str = "task_failure",
        outcome: str = "strict",
        expect: str = "",
    ) -> list[dict[str, Any]]:
        file = tmp_path / "told"
        text = TEXT.format(outcome=outcome, expect=expect).replace("FILE", str(file))
        definition = read(tmp_path, text).definition
        assert definition is not None
        if states is not None:
            monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(states, xcoms or {}), raising=False)
        else:
            monkeypatch.delattr(task_runner, "SUPERVISOR_COMMS", raising=False)
        RunEnd(compile_workflow(definition), event)({"run_id": "r", "reason": reason})
        return [json.loads(line) for line in file.read_text().splitlines()]

    return run


STATES = {"a": "failed", "b": "success", "h": "success"}


def test_the_reason_is_what_the_outcome_node_said(ends: Run) -> None:
    (told,) = ends("on_failure", {**STATES, "workflow.outcome": "failed"}, {"reason": "as it says"})
    assert (told["event"], told["state"], told["reason"]) == ("on_failure", "failed", "as it says")
    assert told["failed_tasks"] == ["a"]


def test_what_a_skipped_outcome_node_said_in_an_earlier_attempt_is_not_told(ends: Run) -> None:
    states = dict.fromkeys(STATES, "success") | {"workflow.outcome": "skipped"}
    (told,) = ends("on_success", states, {"reason": "failed: 'a'"}, reason="success")
    assert told["reason"] == "no task failed"


@pytest.mark.parametrize(
    ("outcome", "event", "reason"),
    [
        ("strict", "on_failure", "failed: 'a'; handled: 'a' by 'h'"),
        ("handled", "on_success", "every failure was handled: 'a' by 'h'"),
    ],
)
def test_without_an_outcome_node_the_tasks_give_the_reason(ends: Run, outcome: str, event: str, reason: str) -> None:
    airflow = "task_failure" if event == "on_failure" else "success"
    (told,) = ends(event, STATES, outcome=outcome, reason=airflow)
    assert told["reason"] == reason


def test_a_decision_that_failed_is_in_the_reason(ends: Run) -> None:
    (told,) = ends("on_failure", {"a": "success", "b": "success", "h": "skipped", "h.any": "failed"})
    assert told["reason"] == "could not be decided: h.any; no task failed"


@pytest.mark.parametrize(
    ("airflow", "reason"),
    [
        ("timed_out", "Airflow ended the run: timed_out; failed: 'a'; handled: 'a' by 'h'"),
        ("all_tasks_deadlocked", "Airflow ended the run: all_tasks_deadlocked; failed: 'a'; handled: 'a' by 'h'"),
    ],
)
def test_airflows_own_reason_is_told(ends: Run, airflow: str, reason: str) -> None:
    (told,) = ends("on_failure", STATES, reason=airflow)
    assert told["reason"] == reason


def test_a_run_that_no_task_failed_is_not_said_to_be_fine(ends: Run) -> None:
    (told,) = ends("on_failure", dict.fromkeys(STATES, "success"))
    assert (
        told["reason"] == "no task failed, yet Airflow ended the run as failed; a person or a limit of Airflow did that"
    )


def test_where_nobody_answers_notifiers_are_told_what_is_known(ends: Run) -> None:
    (told,) = ends("on_failure", None)
    assert (told["reason"], told["failed_tasks"]) == ("the run failed", [])


@pytest.mark.usefixtures("airflow_database")
@pytest.mark.timeout(180)
def test_a_run_by_dag_test_tells_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DB", '{"conn_type": "sqlite", "host": ":memory:"}')
    text = TEXT.format(outcome="strict", expect="expect: {duration: {max: 1h}}").replace("FILE", str(tmp_path / "told"))
    ended = run_definition({"w.workflow.yaml": text.replace("workflow: w", "workflow: tells_in_dag_test")})
    assert ended.state == "success"
    (told,) = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert (told["event"], told["run_id"], told["reason"]) == ("on_success", ended.run_id, "the run succeeded")
