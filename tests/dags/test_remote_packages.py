"""Packages whose work is a job of Integrate.io or Aperture Data Studio: what arrives there, and what comes back."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo
from tests.dag_test_run import FinishedRun, run_definition
from tests.remote_systems import account, aperture_connection, integrate_io_connection, studio

__all__ = ["account", "studio"]

pytestmark = pytest.mark.usefixtures("airflow_database")

SECRET = "s3cr3t-of-the-crm"
LOAD: dict[str, Any] = {"package": "load", "cluster": {"nodes": 2, "time_to_idle": "30m"}, "poll_interval": "0.01s"}
CHECK: dict[str, Any] = {"workflow": "Workflow 1", "poll_interval": "0.01s"}


@pytest.fixture
def integrate_io(account: IntegrateIo, monkeypatch: pytest.MonkeyPatch) -> IntegrateIo:
    """The account behind ``integrate_io_default``, with the package ``load``."""
    account.add_package("load")
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATE_IO_DEFAULT", integrate_io_connection(account))
    return account


@pytest.fixture
def aperture(studio: Aperture, monkeypatch: pytest.MonkeyPatch) -> Aperture:
    """The installation behind ``aperture_default``, with one workflow."""
    studio.add_workflow("Workflow 1")
    monkeypatch.setenv("AIRFLOW_CONN_APERTURE_DEFAULT", aperture_connection(studio))
    return studio


def run(
    job: dict[str, Any],
    own: dict[str, Any] | None = None,
    task: dict[str, Any] | None = None,
    conf: dict[str, Any] | None = None,
    **workflow: Any,
) -> FinishedRun:
    """Run a workflow whose task ``job`` is a package with this ``run:`` and its ``own`` variables.

    ``workflow``: more of the definition.
    """
    package = {"package": "job", "variables": own or {}, "run": job}
    tasks = {"job": {"package": "job", "retries": 0, **(task or {})}, **workflow.pop("tasks", {})}
    document = {"workflow": "w", "tasks": tasks, **workflow}
    return run_definition(
        {"w.workflow.json": json.dumps(document), "job.package.json": json.dumps(package)},
        conf,
    )


def sent(account: IntegrateIo) -> dict[str, Any]:
    """What the newest job got, without the mark."""
    return {name: value for name, value in account.jobs[-1].values["variables"].items() if name != "airflow_task"}


def parameters(studio: Aperture) -> dict[str, Any]:
    """What the newest job got."""
    given: dict[str, Any] = studio.jobs[-1].values["request"]["workflowParameters"]
    return given


VARIABLES = {
    "count": {"type": "integer", "required": True},
    "share": {"type": "number", "default": 0.5},
    "day": {"type": "date", "default": "2026-01-31"},
    "at": {"type": "datetime", "default": "2026-01-31T08:00:00+02:00"},
    "dry": {"type": "boolean", "default": False},
    "names": {"type": "json", "default": ["a", "ü"]},
    "text": "17",
    "nothing": {"type": "string"},
}


def test_without_names_all_variables_of_the_package_are_sent_as_integrate_io_takes_them(
    integrate_io: IntegrateIo,
) -> None:
    finished = run({"integrate_io": LOAD}, VARIABLES, {"variables": {"count": "3"}})
    assert finished.state == "success"
    assert sent(integrate_io) == {
        "count": "3",
        "share": "0.5",
        "day": "2026-01-31",
        "at": "2026-01-31T06:00:00Z",
        "dry": "false",
        "names": '["a", "ü"]',
        "text": "17",
    }


def test_without_names_all_variables_of_the_package_are_parameters_of_their_types(aperture: Aperture) -> None:
    finished = run({"aperture": CHECK}, VARIABLES, {"variables": {"count": "3"}})
    assert finished.state == "success"
    assert parameters(aperture) == {
        "count": 3,
        "share": 0.5,
        "day": "2026-01-31",
        "at": "2026-01-31T06:00:00Z",
        "dry": False,
        "names": ["a", "ü"],
        "text": "17",
    }


def test_only_values_that_are_named_are_sent(integrate_io: IntegrateIo, aperture: Aperture) -> None:
    named = {"limit": "{{ vars.count }}", "label": "{{ vars.count }} of {{ vars.text }}", "fixed": 1}
    task = {"variables": {"count": 3}}
    assert run({"integrate_io": {**LOAD, "variables": named}}, VARIABLES, task).state == "success"
    assert sent(integrate_io) == {"limit": "3", "label": "3 of 17", "fixed": "1"}
    assert run({"aperture": {**CHECK, "parameters": named}}, VARIABLES, task).state == "success"
    assert parameters(aperture) == {"limit": 3, "label": "3 of 17", "fixed": 1}
    assert run({"integrate_io": {**LOAD, "variables": {}}}, VARIABLES, task).state == "success"
    assert sent(integrate_io) == {}


def test_package_cluster_and_space_may_be_variables(integrate_io: IntegrateIo, aperture: Aperture) -> None:
    aperture.add_workflow("Workflow 9")
    names = {"nodes": {"type": "integer", "default": 3}, "what": "load", "number": 9, "space": "marketing"}
    cluster = {"nodes": "{{ vars.nodes }}", "time_to_idle": "90s"}
    assert run({"integrate_io": {**LOAD, "package": "{{ vars.what }}", "cluster": cluster}}, names).state == "success"
    [made] = integrate_io.clusters
    assert {key: made.values[key] for key in ("nodes", "type", "terminate_on_idle", "time_to_idle")} == {
        "nodes": 3,
        "type": "production",
        "terminate_on_idle": True,
        "time_to_idle": 90,
    }
    studio_job = {**CHECK, "workflow": "Workflow {{ vars.number }}", "space": "{{ vars.space }}"}
    assert run({"aperture": studio_job}, names).state == "success"
    assert aperture.jobs[-1].values["workflowName"] == "Workflow 9"


def test_all_that_can_be_said_of_a_job_arrives(integrate_io: IntegrateIo, aperture: Aperture) -> None:
    cluster = integrate_io.add_cluster().id
    job = {**LOAD, "package": 100, "cluster": cluster, "dynamic_variables": {"since": "$day"}, "variables": {}}
    assert run({"integrate_io": job}).state == "success"
    assert integrate_io.jobs[0].values["cluster_id"] == cluster
    assert integrate_io.jobs[0].values["dynamic_variables"] == {"since": "$day"}
    studio_job = {**CHECK, "version": "PreferDraft", "refresh_sources": True, "dependencies": "latest"}
    assert run({"aperture": {**studio_job, "min_duration": "0s", "max_duration": "1h"}}).state == "success"
    assert aperture.jobs[0].values["request"] == {
        "externalLabel": "Workflow 1",
        "spaceExternalLabel": "marketing",
        "versionToExecute": "PreferDraft",
        "dependenciesToUse": "latest",
        "refreshSources": True,
        "workflowParameters": {},
    }


def test_the_connection_is_the_jobs_own_else_the_tasks(
    integrate_io: IntegrateIo, aperture: Aperture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for system, job in (("INTEGRATE_IO", {"integrate_io": LOAD}), ("APERTURE", {"aperture": CHECK})):
        right = f"AIRFLOW_CONN_{system}_DEFAULT"
        [(kind, body)] = job.items()
        with monkeypatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_OTHER", os.environ[right])
            patch.delenv(right)
            assert run(job, task={"connection": "other"}).state == "success"
            assert run({kind: {**body, "connection": "other"}}, task={"connection": "nowhere"}).state == "success"
            assert run(job).state == "failed"
            # The default connection of SQL tasks is not one for jobs.
            assert run(job, defaults={"connection": "other"}).state == "failed"


def test_parts_of_the_result_are_variables_for_tasks_after_it(integrate_io: IntegrateIo) -> None:
    again = {
        "package": "job",
        "variables": {"count": "{{ vars.records }}"},
        "depends_on": "job",
        "set": {"second_job": "job_id"},
    }
    finished = run(
        {"integrate_io": LOAD},
        {"count": {"type": "integer", "default": None}},
        {"set": {"records": "outputs.0.records_count", "status": "status"}},
        tasks={"again": again},
        variables={"records": {"type": "integer"}},
    )
    assert finished.state == "success"
    assert (finished.xcoms["job", "records"], finished.xcoms["job", "status"]) == (42, "completed")
    assert (sent(integrate_io), finished.xcoms["again", "second_job"]) == ({"count": "42"}, 1001)


def test_the_result_of_a_studio_workflow_is_read_by_its_path(aperture: Aperture) -> None:
    finished = run({"aperture": CHECK}, task={"set": {"rows": "result.rowsProcessed", "took": "duration_seconds"}})
    assert finished.xcoms["job", "rows"] == 42
    assert finished.xcoms["job", "took"] >= 0


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (["running", "failed"], "Integrate.io: job 1000 failed: line 3: no such column"),
        (["running", "pending_stoppage", "stopping", "stopped"], "Integrate.io: job 1000 was stopped"),
    ],
)
def test_a_job_that_failed_or_was_stopped_is_a_failure_that_says_why(
    integrate_io: IntegrateIo, script: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    integrate_io.job_script = script
    empty = "airflow.providers.standard.operators.empty.EmptyOperator"
    after = {name: {"operator": empty, "depends_on": {"job": name}} for name in ("failure", "success", "completion")}
    finished = run({"integrate_io": LOAD}, tasks=after)
    assert finished.state == "failed"
    states = {name: finished.states[name] for name in ("job", *after)}
    assert states == {"job": "failed", "failure": "success", "success": "upstream_failed", "completion": "success"}
    assert message in "".join(capfd.readouterr())
    assert len(integrate_io.jobs) == 1


@pytest.mark.parametrize(
    ("script", "job", "message"),
    [
        (["FAILED"], {}, "workflow 'Workflow 1' failed: job 9000 ended FAILED: step Validate: 3 rows refused"),
        (["CANCELLED"], {}, "workflow 'Workflow 1' failed: job 9000 ended CANCELLED"),
        (["COMPLETED"], {"conditions": "result.rowsFailed > 0"}, "'result.rowsFailed > 0' does not hold"),
        (["COMPLETED"], {"min_duration": "1d"}, "less than min_duration"),
    ],
)
def test_a_studio_job_that_failed_or_breaks_a_condition_is_a_failure_that_says_why(
    aperture: Aperture, script: list[str], job: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    aperture.job_script = script
    assert run({"aperture": {**CHECK, **job}}).states["job"] == "failed"
    assert message in "".join(capfd.readouterr())
    assert len(aperture.jobs) == 1


def test_a_job_that_takes_longer_than_the_tasks_timeout_is_stopped(
    integrate_io: IntegrateIo, aperture: Aperture
) -> None:
    integrate_io.job_script, aperture.job_script = ["running"], ["RUNNING"]
    assert run({"integrate_io": LOAD}, task={"timeout": "3s"}).states["job"] == "failed"
    assert run({"aperture": CHECK}, task={"timeout": "3s"}).states["job"] == "failed"
    assert integrate_io.jobs[0].status == "pending_stoppage"
    assert aperture.jobs[0].state == "CANCELLING"


def test_a_condition_that_is_false_starts_no_job(integrate_io: IntegrateIo, aperture: Aperture) -> None:
    for job in ({"integrate_io": LOAD}, {"aperture": CHECK}):
        finished = run(job, task={"if": "vars.go"}, variables={"go": {"type": "boolean", "default": False}})
        assert finished.states["job"] == "skipped"
    assert integrate_io.served.app.requests == aperture.served.app.requests == []


def test_a_value_that_its_variable_cannot_hold_starts_no_job(
    integrate_io: IntegrateIo, capfd: pytest.CaptureFixture[str]
) -> None:
    task = {"variables": {"count": "{{ vars.given }}"}}
    finished = run({"integrate_io": LOAD}, VARIABLES, task, {"given": "many"}, variables={"given": "3"})
    assert finished.states["job"] == "failed"
    assert "variable 'count' is declared integer and cannot hold 'many'" in "".join(capfd.readouterr())
    assert integrate_io.jobs == []


def test_a_secret_reaches_the_job_and_nothing_else(
    integrate_io: IntegrateIo,
    aperture: Aperture,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CRM", SECRET)
    integrate_io.outputs = [{"id": 1, "name": f"rows of {SECRET}", "records_count": 42}]
    aperture.result = {"echo": f"got {SECRET}"}
    token = {"token": {"secret": True, "from": "crm"}}
    for job in ({"integrate_io": LOAD}, {"aperture": CHECK}):
        finished = run(job, token)
        assert finished.state == "success"
        assert SECRET not in repr(finished.xcoms)
    assert sent(integrate_io) == parameters(aperture) == {"token": SECRET}
    assert run({"aperture": CHECK}, token, {"set": {"echo": "result.echo"}}).states["job"] == "failed"
    assert "variable 'echo' would hold a secret" in "".join(capfd.readouterr())
