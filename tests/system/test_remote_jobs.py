"""Jobs of other systems on a real Airflow whose processes are killed and whose users clear and mark tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.test_servers import faults
from tests.postgres import metadata_database
from tests.system.remote_jobs import (
    WAITING,
    Remote,
    crash,
    kill_worker,
    running,
    set_state,
    start_airflow,
    state,
    systems,
    until,
)

Both = tuple[LocalAirflow, Remote, Remote]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    yield from running(tmp_path_factory.mktemp("remote"))


@pytest.fixture
def airflow(both: Both) -> LocalAirflow:  # in place of the one that other tests share
    return both[0]


@pytest.fixture(params=["package", "workflow"])
def remote(request: pytest.FixtureRequest, both: Both) -> Iterator[Remote]:
    """One of the systems, without a past."""
    made = both[1] if request.param == "package" else both[2]
    made.empty()
    yield made
    assert made.system.strict.violations == []


def start_and_wait(airflow: LocalAirflow, remote: Remote, way: str) -> tuple[str, str]:
    """A run whose task waits for a job that runs; the DAG and the run."""
    remote.hold()
    dag = f"{remote.dag}_{way}"
    run = airflow.trigger(dag)
    until(lambda: remote.system.jobs and remote.status(0) == remote.running, "the job")
    until(lambda: state(airflow, dag, run) == WAITING[way], "the task to wait")
    return dag, run


@pytest.mark.parametrize("way", WAITING)
def test_a_job_is_started_once_and_leaves_its_result(airflow: LocalAirflow, remote: Remote, way: str) -> None:
    dag, run = start_and_wait(airflow, remote, way)
    if remote.dag == "package":
        links = airflow._call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/run/links")
        assert links["extra_links"]["Integrate.io job"].endswith("/jobs/1000"), "there while the job runs"
    remote.finish()
    assert airflow.wait_for_run(dag, run) == "success"
    assert remote.starts() == 1
    log = airflow.task_log(dag, run, "run")
    assert "Started job" in log
    assert "Job 1000 is running, 30% done" in log or "Job 9000 is running" in log
    assert "key-of" not in log


@pytest.mark.parametrize("way", WAITING)
def test_clearing_stops_the_job_and_starts_a_new_one(airflow: LocalAirflow, remote: Remote, way: str) -> None:
    dag, run = start_and_wait(airflow, remote, way)
    remote.release()  # before anything can start the second job
    airflow.clear(dag, run, ["run"])
    until(lambda: remote.status(0) != remote.running, "the job to be stopped")
    assert airflow.wait_for_run(dag, run) == "success"
    assert (remote.status(0), remote.starts()) == (remote.stopped, 2)


@pytest.mark.parametrize("way", WAITING)
def test_marking_the_task_as_failed_stops_the_job(airflow: LocalAirflow, remote: Remote, way: str) -> None:
    dag, run = start_and_wait(airflow, remote, way)
    set_state(airflow, dag, run, "failed")
    until(lambda: remote.status(0) != remote.running, "the job to be stopped")
    assert remote.starts() == 1


def test_a_worker_that_is_killed_while_it_waits_loses_nothing(airflow: LocalAirflow, remote: Remote) -> None:
    dag, run = start_and_wait(airflow, remote, "in_worker")
    kill_worker(airflow, dag, run)
    until(lambda: airflow.task_instances(dag, run)[0].try_number == 2, "the next attempt")
    remote.finish()
    assert airflow.wait_for_run(dag, run) == "success"
    assert (remote.starts(), len(remote.system.jobs)) == (1, 1)


@pytest.mark.parametrize("way", WAITING)
def test_a_worker_that_is_killed_before_the_answer_never_starts_a_second_job(
    airflow: LocalAirflow, remote: Remote, way: str
) -> None:
    remote.hold()
    remote.system.served.order(faults.lost("POST", "/(jobs|execute)$"))
    dag = f"{remote.dag}_{way}"
    run = airflow.trigger(dag)
    until(lambda: remote.system.jobs, "the job")
    kill_worker(airflow, dag, run)
    until(lambda: airflow.task_instances(dag, run)[0].try_number == 2, "the next attempt")
    until(lambda: state(airflow, dag, run) == WAITING[way], "the task to wait")
    remote.finish()
    assert airflow.wait_for_run(dag, run) == "success"
    assert (remote.starts(), len(remote.system.jobs)) == (1, 1)


def test_a_crash_of_everything_neither_repeats_nor_loses_nor_stops_a_job(tmp_path: Path) -> None:
    """Scheduler, triggerer, workers and API server, all at once; then a new Airflow on the same database."""
    package, workflow = systems()
    with package.system.served, workflow.system.served, metadata_database() as metadata:
        airflow = start_airflow(tmp_path, metadata, package, workflow)
        try:
            airflow.wait_for_dag("workflow_in_worker")
            runs = [start_and_wait_apart(airflow, remote, way) for remote in (package, workflow) for way in WAITING]
        finally:
            crash(airflow)
        airflow = start_airflow(tmp_path, metadata, package, workflow)
        try:
            assert [remote.status(job) for remote in (package, workflow) for job in (0, 1)] == [
                *[package.running] * 2,
                *[workflow.running] * 2,
            ]
            for remote in (package, workflow):
                remote.finish(0)
                remote.finish(1)
            assert [airflow.wait_for_run(dag, run) for dag, run in runs] == ["success"] * 4
        finally:
            airflow.stop()
    assert (package.starts(), workflow.starts()) == (2, 2)


def start_and_wait_apart(airflow: LocalAirflow, remote: Remote, way: str) -> tuple[str, str]:
    """As ``start_and_wait``, beside jobs of other tasks."""
    remote.hold()
    before = len(remote.system.jobs)
    dag = f"{remote.dag}_{way}"
    run = airflow.trigger(dag)
    until(lambda: len(remote.system.jobs) > before and remote.status(before) == remote.running, "the job")
    until(lambda: state(airflow, dag, run) == WAITING[way], "the task to wait")
    return dag, run
