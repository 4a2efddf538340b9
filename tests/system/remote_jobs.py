"""A real Airflow whose tasks call both systems on loopback, and what the tests do to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from scripts.airflow_api import wait_for
from scripts.local_airflow import LocalAirflow
from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo
from tests.postgres import metadata_database
from tests.remote_systems import aperture_connection, integrate_io_connection

ROOT = Path(__file__).resolve().parents[2]
WAITING = {"deferred": "deferred", "in_worker": "running"}
"""The state of a task that waits for its job, by the way it waits."""

DAGS = '''"""An airflow dag for each operator and way to wait."""
from datetime import timedelta

from airflow.sdk import DAG

from airflow_workflow_provider.operators.aperture import ApertureRunWorkflowOperator
from airflow_workflow_provider.operators.integrate_io import IntegrateIoRunPackageOperator

for way in ("deferred", "in_worker"):
    common = {
        "task_id": "run",
        "deferrable": way == "deferred",
        "poll_interval": 0.3,
        "retries": 2,
        "retry_delay": timedelta(seconds=1),
    }
    with DAG(f"package_{way}", schedule=None):
        IntegrateIoRunPackageOperator(package="load", cluster={"nodes": 2}, **common)
    with DAG(f"workflow_{way}", schedule=None):
        ApertureRunWorkflowOperator(workflow="Workflow 1", **common)
'''


@dataclass
class Remote:
    """One of the systems, seen as all tests see it."""

    system: IntegrateIo | Aperture
    dag: str
    running: str
    completed: str
    stopped: str

    def hold(self) -> None:
        """Jobs that are started from now on run until ``finish``."""
        self.system.job_script = [self.running]

    def release(self) -> None:
        """Jobs that are started from now on complete at once."""
        self.system.job_script = [self.completed]

    def finish(self, index: int = -1) -> None:
        """Let a job complete."""
        self.system.jobs[index].script = [self.completed]

    def status(self, index: int) -> str:
        """What a job last told."""
        values = self.system.jobs[index].values
        return str(values.get("status", values.get("state")))

    def starts(self) -> int:
        """How often a job was asked for."""
        return len(self.system.served.seen("POST", "/jobs")) + len(self.system.served.seen("POST", "/execute"))

    def empty(self) -> None:
        """Forget everything that happened."""
        self.system.jobs.clear()
        self.system.served.mend()
        self.system.served.app.requests.clear()


def systems() -> tuple[Remote, Remote]:
    """Both, furnished with what the DAGs name."""
    account, studio = IntegrateIo(), Aperture()
    account.add_package("load")
    account.add_cluster()
    studio.add_workflow("Workflow 1")
    return (
        Remote(account, "package", "running", "completed", "stopped"),
        Remote(studio, "workflow", "RUNNING", "COMPLETED", "CANCELLED"),
    )


def start_airflow(home: Path, metadata: str | None, package: Remote, workflow: Remote) -> LocalAirflow:
    """Start an Airflow that soon notices when one of its processes is gone; again with the same, it goes on."""
    dags = home / "dags"
    dags.mkdir(parents=True, exist_ok=True)
    (dags / "remote_jobs.py").write_text(DAGS)
    assert isinstance(package.system, IntegrateIo)
    assert isinstance(workflow.system, Aperture)
    # An answer that is lost is waited for until the test has killed who waits.
    extra = {"timeout": 60}
    env = {
        "AIRFLOW_CONN_INTEGRATE_IO_DEFAULT": integrate_io_connection(package.system, extra=extra),
        "AIRFLOW_CONN_APERTURE_DEFAULT": aperture_connection(workflow.system, extra=extra),
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "3",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    made = LocalAirflow(dags, home=home, sql_alchemy_conn=metadata, env=env)
    made.start()
    return made


def crash(airflow: LocalAirflow) -> None:
    """Kill every process of this Airflow at once; none can do anything any more."""
    processes = [psutil.Process(pid) for pid in airflow.process_ids()]
    for process in processes:
        process.suspend()  # so that none starts or reports anything while the others die
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=20)
    airflow.stop()


def kill_worker(airflow: LocalAirflow, dag: str, run: str) -> None:
    """Kill the process that executes the task."""
    pid = airflow.task_instances(dag, run)[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def state(airflow: LocalAirflow, dag: str, run: str) -> str | None:
    """The state of the one task."""
    return airflow.task_states(dag, run)["run"]


def until(look: Callable[[], Any], what: str) -> None:
    """Return when it is so."""
    wait_for(lambda: look() or None, what, 90, 0.2)


def set_state(airflow: LocalAirflow, dag: str, run: str, new: str) -> None:
    """What a user does with *Mark as …*."""
    airflow._call("PATCH", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/run", json={"new_state": new})


def running(home: Path) -> Iterator[tuple[LocalAirflow, Remote, Remote]]:
    """Both systems and an Airflow, for as long as the iterator lives."""
    package, workflow = systems()
    with package.system.served, workflow.system.served, metadata_database() as metadata:
        airflow = start_airflow(home, metadata, package, workflow)
        try:
            airflow.wait_for_dag("workflow_in_worker")
            yield airflow, package, workflow
        finally:
            airflow.stop()
