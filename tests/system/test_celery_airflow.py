"""An Airflow with Celery workers that have nothing in common but PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts import airflow_services
from scripts.airflow_api import wait_for
from scripts.celery_airflow import CeleryAirflow

ROOT = Path(__file__).resolve().parents[2]

DAGS = '''"""Airflow DAGs: a task for each worker; tasks that wait until all of them run; one that does not end."""
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("each", schedule=None):
    for name in ("east", "west"):
        BashOperator(task_id=name, queue=name, bash_command="echo my disk is $AIRFLOW_HOME")

with DAG("together", schedule=None):
    for name in ("a", "b", "c", "d"):
        wait = "until [ -e a -a -e b -a -e c -a -e d ]; do sleep 0.1; done"
        BashOperator(task_id=name, cwd="{folder}", bash_command="touch " + name + "; " + wait)

with DAG("endless", schedule=None):
    BashOperator(task_id="sleep", cwd="{folder}", bash_command="echo $$ > sleeper.pid; exec sleep 3600")
'''

STARTER = """
import json, sys
from pathlib import Path
from scripts.celery_airflow import CeleryAirflow

with CeleryAirflow(Path(sys.argv[1]), home=Path(sys.argv[2]), triggerer=False) as airflow:
    airflow.wait_for_dag("endless")
    airflow.trigger("endless")
    print(json.dumps([airflow.process_ids(), airflow.services]), flush=True)
    airflow.wait()
"""


def write_dags(folder: Path) -> Path:
    (folder / "dags").mkdir()
    (folder / "dags" / "dags.py").write_text(DAGS.replace("{folder}", str(folder)))
    return folder / "dags"


@pytest.fixture(scope="module")
def servers() -> None:
    """PostgreSQL and Redis answer."""
    if missing := airflow_services.missing_service():
        pytest.skip(missing)


def test_nothing_outlives_the_process_that_started_it(servers: None, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", STARTER, str(write_dags(tmp_path)), str(tmp_path / "home")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as starter:
        try:
            assert starter.stdout is not None
            processes, services = json.loads(starter.stdout.readline())
            sleeper = tmp_path / "sleeper.pid"
            wait_for(lambda: sleeper.exists() and sleeper.read_text().strip(), "the task to run")
            processes.append(int(sleeper.read_text()))
            assert airflow_services.remaining_databases(services) == 1
        finally:
            starter.send_signal(signal.SIGKILL)  # it has no chance to stop or remove anything itself

    wait_for(lambda: not any(map(psutil.pid_exists, processes)), "every process to end")
    assert airflow_services.remaining_keys(services) == []
    assert airflow_services.remaining_databases(services) == 0


@pytest.fixture(scope="module")
def airflow(servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeleryAirflow]:
    """Gone without a trace after the tests."""
    folder = tmp_path_factory.mktemp("celery")
    env = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with CeleryAirflow(write_dags(folder), home=folder / "home", env=env, triggerer=False) as running:
        print(f"Airflow was up after {running.startup_seconds:.1f} s", file=sys.stderr)
        running.wait_for_dag("each")
        yield running
        processes = running.process_ids()
        assert airflow_services.remaining_keys(running.services) != []
        assert airflow_services.remaining_databases(running.services) == 1
    assert [pid for pid in processes if psutil.pid_exists(pid)] == []
    assert airflow_services.remaining_keys(running.services) == []
    assert airflow_services.remaining_databases(running.services) == 0


def test_each_worker_runs_what_is_in_its_queue_on_its_own_disk(airflow: CeleryAirflow) -> None:
    run_id = airflow.trigger("each")

    assert airflow.wait_for_run("each", run_id) == "success"
    tasks = airflow.task_instances("each", run_id)
    assert [(task.task_id, task.queue, task.hostname) for task in tasks] == [
        ("east", "east", "east"),
        ("west", "west", "west"),
    ]
    for worker in ("east", "west"):
        assert f"my disk is {airflow.disk(worker)}\n" in airflow.task_log("each", run_id, worker)


def test_workers_share_the_common_queue(airflow: CeleryAirflow) -> None:
    """The tasks end when all of them run at once, and a worker runs two."""
    run_id = airflow.trigger("together")

    assert airflow.wait_for_run("together", run_id) == "success"
    hosts = sorted(task.hostname for task in airflow.task_instances("together", run_id))
    assert hosts == ["east", "east", "west", "west"]


def test_a_killed_worker_comes_back(airflow: CeleryAirflow) -> None:
    airflow.kill("east")
    wait_for(lambda: airflow.answering_workers() == {"east", "west"}, "the worker to be back")

    run_id = airflow.trigger("each")
    assert airflow.wait_for_run("each", run_id) == "success"
    assert airflow.component_log("launcher").count("east exited with -9") == 1
