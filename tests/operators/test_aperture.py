"""Running Aperture's workflows, in both dialects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_workflow_provider.exceptions import RemoteJobError
from airflow_workflow_provider.operators.aperture import ApertureRunWorkflowOperator
from scripts.test_servers import faults
from scripts.test_servers.aperture import Aperture
from tests.dag_test_run import run_definition
from tests.operators.conftest import Crash, Task, crash, fire
from tests.remote_systems import aperture_connection


def run_workflow(**arguments: Any) -> ApertureRunWorkflowOperator:
    given = {"workflow": "Workflow 1", "deferrable": False, "poll_interval": 0.01, **arguments}
    return ApertureRunWorkflowOperator(task_id="run_workflow", **given)


def starts(studio: Aperture) -> int:
    return len(studio.served.seen("POST", "/execute"))


DEFINITION = """
workflow: aperture
tasks:
  run_workflow:
    operator: airflow_workflow_provider.operators.aperture.ApertureRunWorkflowOperator
    arguments:
      workflow: Workflow 1
      space: marketing
      parameters: {{day: "2026-01-01"}}
      refresh_sources: true
      conditions: ["result.rowsFailed == 0", "duration < 600"]
      poll_interval: 0.01
      deferrable: {deferrable}
"""


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("deferrable", ["true", "false"])
def test_a_workflow_runs_in_a_workflow(aperture: Aperture, deferrable: str) -> None:
    run = run_definition({"aperture.workflow.yaml": DEFINITION.format(deferrable=deferrable)})
    assert (run.state, starts(aperture)) == ("success", 1)
    told = run.xcoms["run_workflow", "return_value"]
    assert (told["job_id"], told["state"], told["result"]["rowsProcessed"]) == ("9000", "completed", 42)
    assert aperture.jobs[0].values["request"]["workflowParameters"] == {"day": "2026-01-01"}


def test_login_readiness_and_failure_are_told_apart(
    aperture: Aperture, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    aperture.job_script = ["running", "failed"]
    with pytest.raises(
        RemoteJobError, match=r"^workflow 'Workflow 1' failed: job 9000 ended FAILED: step Validate: 3 rows refused$"
    ):
        task.attempt(run_workflow())
    aperture.workflows[0]["executable"] = False
    with pytest.raises(RemoteJobError, match=r"^workflow 'Workflow 1' is not ready: it exists but cannot be executed"):
        task.attempt(run_workflow())
    dialect = "v1" if aperture.tokens else "v2"
    monkeypatch.setenv("AIRFLOW_CONN_APERTURE_DEFAULT", aperture_connection(aperture, dialect, password="wrong"))
    with pytest.raises(AirflowFailException, match=r"^login failed: "):
        task.attempt(run_workflow())
    assert starts(aperture) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"conditions": "result.rowsFailed > 0"}, "'result.rowsFailed > 0' does not hold"),
        ({"conditions": ["duration > 200", "result.rowsLost == 0"]}, "'result.rowsLost == 0' cannot be evaluated: "),
        ({"min_duration": 100}, "it took 90s, less than min_duration"),
        ({"max_duration": 60}, "it took 90s, more than max_duration; '1 > 2' does not hold"),
    ],
)
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_condition_that_does_not_hold_fails_the_task_for_good(
    aperture: Aperture, task: Task, arguments: dict[str, Any], message: str, deferrable: bool
) -> None:
    aperture.times = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z")
    arguments = {"conditions": "1 > 2", **arguments, "deferrable": deferrable}
    with pytest.raises(AirflowFailException, match="workflow 'Workflow 1' completed, but .*" + message):
        task.finish(run_workflow(**arguments))


def test_conditions_see_a_result_that_is_too_large_to_keep(aperture: Aperture, task: Task) -> None:
    aperture.result = {"rows": ["x" * 1000] * 50}
    operator = run_workflow(deferrable=True, conditions="result.rows | length == 50")
    deferred = task.attempt(operator)
    assert task.resume(run_workflow(conditions=operator.conditions), fire(deferred.trigger))["result"] is None


@pytest.mark.parametrize("script", [["RUNNING", "COMPLETED"], ["COMPLETED"]], ids=["still running", "completed"])
@pytest.mark.parametrize("point", ["read_job", "wait_until_ended"])
def test_after_a_crash_the_next_attempt_goes_on_with_the_job(
    aperture: Aperture, task: Task, monkeypatch: pytest.MonkeyPatch, script: list[str], point: str
) -> None:
    aperture.job_script = script
    aperture.add_job(aperture.workflows[0])

    with monkeypatch.context() as patch:
        patch.setattr(f"airflow_workflow_provider.remote.aperture.Api.{point}", crash)
        with pytest.raises(Crash):
            task.attempt(run_workflow())
    assert task.attempt(run_workflow())["job_id"] == "9001"
    assert starts(aperture) == 1


def test_without_notes_a_retry_goes_on_with_the_running_job(aperture: Aperture, task: Task) -> None:
    task.notes = None  # Airflow 3.2
    aperture.job_script = ["RUNNING", "COMPLETED"]
    task.attempt(run_workflow(deferrable=True))
    assert task.attempt(run_workflow())["job_id"] == "9000"
    assert starts(aperture) == 1


def test_a_crash_with_a_foreign_job_beside_ours_is_not_guessed_about(
    aperture: Aperture, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("airflow_workflow_provider.remote.aperture.Api.read_job", crash)
        with pytest.raises(Crash):
            task.attempt(run_workflow())
    aperture.add_job(aperture.workflows[0])
    with pytest.raises(RemoteJobError, match="jobs 9001, 9000 of workflow 'Workflow 1' could each be the one"):
        task.attempt(run_workflow())
    assert starts(aperture) == 1


def test_a_retry_after_the_job_failed_starts_a_new_one(aperture: Aperture, task: Task) -> None:
    aperture.job_script = ["FAILED"]
    with pytest.raises(RemoteJobError):
        task.attempt(run_workflow())
    aperture.job_script = ["COMPLETED"]
    assert task.attempt(run_workflow())["job_id"] == "9001"


def test_a_cleared_task_stops_its_job_and_starts_a_new_one(aperture: Aperture, task: Task) -> None:
    aperture.job_script = ["RUNNING"]
    task.attempt(run_workflow(deferrable=True))
    task.clear()
    aperture.job_script = ["COMPLETED"]
    assert task.attempt(run_workflow())["job_id"] == "9001"
    assert aperture.jobs[0].state == "CANCELLED"


def test_the_end_of_the_job_from_before_the_clear_does_not_end_the_new_one(aperture: Aperture, task: Task) -> None:
    """On SQLite, the new trigger may have the id of the old one, and get its event."""
    aperture.job_script = ["RUNNING"]
    before = task.attempt(run_workflow(deferrable=True)).trigger
    task.clear()
    again = task.attempt(run_workflow(deferrable=True))
    still = task.resume(run_workflow(deferrable=True), fire(before))
    assert still.trigger.serialize() == again.trigger.serialize()
    aperture.jobs[1].script = ["COMPLETED"]
    assert task.resume(run_workflow(deferrable=True), fire(still.trigger))["job_id"] == "9001"


@pytest.mark.parametrize("lose", [faults.lost, faults.cut], ids=["lost", "cut"])
def test_a_lost_answer_never_starts_a_second_job(
    aperture: Aperture, task: Task, lose: Callable[[str, str], faults.Fault]
) -> None:
    aperture.add_job(aperture.workflows[0])
    aperture.served.order(lose("POST", "/execute$"))
    assert task.attempt(run_workflow())["job_id"] == "9001"
    assert len(aperture.jobs) == 2


@pytest.mark.parametrize("deferrable", [True, False])
def test_over_the_timeout_the_job_is_stopped_and_the_task_fails(
    aperture: Aperture, task: Task, deferrable: bool
) -> None:
    aperture.job_script = ["RUNNING"]
    with pytest.raises(RemoteJobError, match="the timeout is over, but job 9000 has not ended"):
        task.finish(run_workflow(timeout=0.05, deferrable=deferrable))
    assert aperture.jobs[0].state == "CANCELLING"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "Draft"}, "'version' is 'Draft'; it must be one of PreferDraft, PublishedOnly"),
        ({"conditions": "result.rows >"}, "'result.rows >' is not an expression: "),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(
    aperture: Aperture, task: Task, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        task.attempt(run_workflow(**arguments))
    assert aperture.served.app.requests == []


def test_v2_needs_a_space(studio: Aperture, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_APERTURE_DEFAULT", aperture_connection(studio, extra={"space": None}))
    with pytest.raises(AirflowFailException, match="has no Space; add 'space' to the task or the connection"):
        task.attempt(run_workflow())
