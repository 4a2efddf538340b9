"""Running packages: never twice, never lost, and stopped when the task is."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_workflow_provider.exceptions import RemoteJobError
from airflow_workflow_provider.operators.integrate_io import (
    IntegrateIoCreateClusterOperator,
    IntegrateIoRunPackageOperator,
    IntegrateIoTerminateClusterOperator,
    as_texts,
)
from airflow_workflow_provider.triggers.integrate_io import IntegrateIoJobTrigger
from scripts.airflow_api import wait_for
from scripts.test_servers import faults
from scripts.test_servers.integrate_io import IntegrateIo
from tests.dag_test_run import run_definition
from tests.operators.conftest import Crash, Task, crash, fire
from tests.remote_systems import posts


def run_package(**arguments: Any) -> IntegrateIoRunPackageOperator:
    given = {"package": "load", "cluster": 500, "deferrable": False, "poll_interval": 0.01, **arguments}
    return IntegrateIoRunPackageOperator(task_id="run_package", **given)


DEFINITION = """
workflow: packages
tasks:
  run_package:
    operator: airflow_workflow_provider.operators.integrate_io.IntegrateIoRunPackageOperator
    arguments:
      package: load
      cluster: {{nodes: 2, type: production, time_to_idle: 30m}}
      variables: {{day: "2026-01-01", count: 3}}
      poll_interval: 0.01
      deferrable: {deferrable}
"""


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("deferrable", ["true", "false"])
def test_a_package_runs_in_a_workflow(integrate_io: IntegrateIo, deferrable: str) -> None:
    run = run_definition({"packages.workflow.yaml": DEFINITION.format(deferrable=deferrable)})
    assert (run.state, run.states) == ("success", {"run_package": "success"})
    assert run.xcoms["run_package", "return_value"] == {
        "job_id": 1000,
        "status": "completed",
        "package_id": 100,
        "cluster_id": 500,
        "runtime_in_seconds": 7,
        "outputs": [{"id": 1, "name": "rows", "records_count": 42}],
    }
    assert run.xcoms["run_package", "job_url"] == "https://dashboard.example/acme/jobs/1000"
    assert (run.xcoms["run_package", "job_id"], posts(integrate_io)) == (1000, 1)
    variables = integrate_io.jobs[0].values["variables"]
    assert variables.pop("airflow_task").startswith("packages/run_package/")
    assert variables == {"day": "2026-01-01", "count": "3"}


def test_a_failed_job_fails_its_task_with_the_servers_words(integrate_io: IntegrateIo) -> None:
    integrate_io.job_script = ["running", "failed"]
    with pytest.raises(RemoteJobError, match=r"^Integrate.io: job 1000 failed: line 3: no such column$"):
        Task().attempt(run_package())
    integrate_io.job_script = ["running", "stopped"]
    with pytest.raises(RemoteJobError, match=r"^Integrate.io: job 1001 was stopped$"):
        Task().attempt(run_package())


def test_the_trigger_holds_the_connections_id_and_no_secret(integrate_io: IntegrateIo, task: Task) -> None:
    trigger = task.attempt(run_package(deferrable=True)).trigger
    assert isinstance(trigger, IntegrateIoJobTrigger)
    path, arguments = trigger.serialize()
    assert path == "airflow_workflow_provider.triggers.integrate_io.IntegrateIoJobTrigger"
    assert {name: value for name, value in arguments.items() if name != "deadline"} == {
        "conn_id": "integrate_io_default",
        "number": 1000,
        "poll_interval": 0.01,
        "stop_on_kill": True,
    }
    assert integrate_io.api_key not in json.dumps(arguments) + repr(trigger)


def test_deferred_it_goes_on_after_the_trigger(integrate_io: IntegrateIo, task: Task) -> None:
    deferred = task.attempt(run_package(deferrable=True))
    event = fire(deferred.trigger)
    assert task.resume(run_package(deferrable=True), event)["outputs"][0]["records_count"] == 42


def test_a_triggerer_that_starts_again_waits_for_the_same_job(integrate_io: IntegrateIo, task: Task) -> None:
    integrate_io.job_script = ["running"]
    trigger = task.attempt(run_package(deferrable=True)).trigger

    async def interrupted() -> None:
        waiting = asyncio.ensure_future(anext(aiter(trigger.run())))
        while not integrate_io.served.seen("GET", "/jobs/1000"):
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(interrupted())
    assert integrate_io.jobs[0].status == "running"
    assert integrate_io.served.seen("DELETE", "/jobs/1000") == []
    integrate_io.jobs[0].script = ["completed"]
    assert fire(trigger)["outcome"] == "ended"


@pytest.mark.parametrize("waits", [True, False])
def test_only_a_task_that_has_ended_takes_its_job_along(
    integrate_io: IntegrateIo, task: Task, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    integrate_io.job_script = ["running"]
    trigger = task.attempt(run_package(deferrable=True)).trigger
    integrate_io.served.order(faults.late("DELETE", "/jobs/1000$", 0.3))

    async def still_waits() -> bool:
        return waits

    async def killed() -> None:
        monkeypatch.setattr(trigger, "_task_still_waits", still_waits)
        killing = asyncio.ensure_future(trigger.on_kill())
        done, _ = await asyncio.wait([killing], timeout=0.1)
        assert bool(done) == waits
        killing.cancel()  # as the triggerer does, again and again
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)

    asyncio.run(killed())
    assert integrate_io.jobs[0].status == ("idle" if waits else "pending_stoppage")


@pytest.mark.parametrize("script", [["running", "completed"], ["completed"]], ids=["still running", "completed"])
@pytest.mark.parametrize("point", ["before the answer", "before the note"])
def test_after_a_crash_the_next_attempt_goes_on_with_the_job(
    integrate_io: IntegrateIo, task: Task, script: list[str], point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    integrate_io.job_script = script
    operator = run_package()

    with monkeypatch.context() as patch:
        if point == "before the answer":
            patch.setattr("airflow_workflow_provider.remote.integrate_io.read_job", crash)
        else:
            patch.setattr(task, "xcoms", None)
            patch.setattr(operator, "_until_ended", crash)
        with pytest.raises((Crash, AttributeError)):
            task.attempt(operator)
    assert posts(integrate_io) == 1
    assert task.attempt(run_package())["job_id"] == 1000
    assert posts(integrate_io) == 1


def test_a_retry_after_the_job_failed_starts_a_new_one(integrate_io: IntegrateIo, task: Task) -> None:
    integrate_io.job_script = ["failed"]
    with pytest.raises(RemoteJobError):
        task.attempt(run_package())
    integrate_io.job_script = ["running", "completed"]
    assert task.attempt(run_package())["job_id"] == 1001


def test_a_cleared_task_stops_its_job_and_starts_a_new_one(integrate_io: IntegrateIo, task: Task) -> None:
    integrate_io.job_script = ["running"]
    task.attempt(run_package(deferrable=True))
    task.clear()
    integrate_io.job_script = ["completed"]
    assert task.attempt(run_package())["job_id"] == 1001
    assert integrate_io.jobs[0].status == "stopped"


def test_the_end_of_the_job_from_before_the_clear_does_not_end_the_new_one(
    integrate_io: IntegrateIo, task: Task
) -> None:
    """On SQLite, the new trigger may have the id of the old one, and get its event."""
    integrate_io.job_script = ["running"]
    before = task.attempt(run_package(deferrable=True)).trigger
    task.clear()
    again = task.attempt(run_package(deferrable=True))
    still = task.resume(run_package(deferrable=True), fire(before))
    assert still.trigger.serialize() == again.trigger.serialize()
    integrate_io.jobs[1].script = ["completed"]
    assert task.resume(run_package(deferrable=True), fire(still.trigger))["status"] == "completed"


def test_a_cleared_task_that_had_completed_runs_again(integrate_io: IntegrateIo, task: Task) -> None:
    assert task.attempt(run_package())["job_id"] == 1000
    task.clear()
    assert task.attempt(run_package())["job_id"] == 1001


def test_without_stop_on_kill_a_cleared_task_lets_its_job_run(integrate_io: IntegrateIo, task: Task) -> None:
    integrate_io.job_script = ["running"]
    task.attempt(run_package(deferrable=True))
    task.clear()
    integrate_io.job_script = ["completed"]
    task.attempt(run_package(stop_on_kill=False))
    assert integrate_io.jobs[0].status == "idle"


@pytest.mark.parametrize(
    "other",
    [Task(run_id="manual__2"), Task(start=datetime.now(timezone.utc) + timedelta(microseconds=1))],
    ids=["another run", "the same run of another Airflow"],
)
def test_the_job_of_another_task_is_left_alone(integrate_io: IntegrateIo, task: Task, other: Task) -> None:
    integrate_io.job_script = ["running"]
    task.attempt(run_package(deferrable=True))
    integrate_io.job_script = ["completed"]
    assert other.attempt(run_package())["job_id"] == 1001
    assert integrate_io.jobs[0].status == "idle"


@pytest.mark.parametrize("lose", [faults.lost, faults.cut], ids=["lost", "cut"])
def test_a_lost_answer_never_starts_a_second_job(
    integrate_io: IntegrateIo, task: Task, lose: Callable[[str, str], faults.Fault]
) -> None:
    integrate_io.served.order(lose("POST", "/jobs$"))
    assert task.attempt(run_package())["job_id"] == 1000
    assert len(integrate_io.jobs) == 1


def test_over_the_timeout_the_job_is_stopped_and_the_task_fails(integrate_io: IntegrateIo, task: Task) -> None:
    integrate_io.job_script = ["running"]
    with pytest.raises(RemoteJobError, match="the timeout is over, but job 1000 has not ended"):
        task.attempt(run_package(timeout=0.05))
    assert integrate_io.jobs[0].status == "pending_stoppage"


def test_over_the_timeout_while_deferred_too(integrate_io: IntegrateIo, task: Task) -> None:
    integrate_io.job_script = ["running"]
    deferred = task.attempt(run_package(deferrable=True, timeout=timedelta(hours=1), execution_timeout=timedelta(0)))
    event = fire(deferred.trigger)
    with pytest.raises(RemoteJobError, match="the timeout is over"):
        task.resume(run_package(), event)
    assert integrate_io.jobs[0].status == "pending_stoppage"


@pytest.mark.parametrize("stop", [True, False])
def test_a_killed_task_stops_its_job(integrate_io: IntegrateIo, task: Task, stop: bool) -> None:
    """As the task runner does it: SIGTERM, ``on_kill`` in the signal handler of the waiting thread."""
    integrate_io.job_script = ["running"]
    operator = run_package(stop_on_kill=stop, timeout=2)
    before = signal.signal(signal.SIGALRM, lambda *_: operator.on_kill())

    def when_it_waits() -> None:
        wait_for(lambda: integrate_io.served.seen("GET", "/jobs/1000"), "the first look", 20, 0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    killer = threading.Thread(target=when_it_waits)
    try:
        killer.start()
        with pytest.raises(RemoteJobError, match="the task was killed" if stop else "the timeout is over"):
            task.attempt(operator)
    finally:
        killer.join()
        signal.signal(signal.SIGALRM, before)
    assert integrate_io.jobs[0].status == ("pending_stoppage" if stop else "running")


def test_a_task_that_is_killed_before_the_answer_stops_the_marked_job(integrate_io: IntegrateIo, task: Task) -> None:
    integrate_io.job_script = ["running"]
    integrate_io.served.order(faults.lost("POST", "/jobs$"))
    operator = run_package()
    before = signal.signal(signal.SIGALRM, lambda *_: operator.on_kill())

    def when_it_is_started() -> None:
        wait_for(lambda: integrate_io.jobs, "the job", 20, 0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    killer = threading.Thread(target=when_it_is_started)
    try:
        killer.start()
        with pytest.raises(RemoteJobError, match="the task was killed"):
            task.attempt(operator)
    finally:
        killer.join()
        signal.signal(signal.SIGALRM, before)
    assert integrate_io.jobs[0].status == "pending_stoppage"


def test_a_cluster_that_ends_before_the_job_arrives_is_replaced(
    integrate_io: IntegrateIo, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = run_package(cluster={"nodes": 2})
    chosen = operator._cluster_id

    def ends_at_once() -> int:
        number = chosen()
        if number == 500:
            integrate_io.clusters[0].values["status"] = "terminated"
        return number

    monkeypatch.setattr(operator, "_cluster_id", ends_at_once)
    assert task.attempt(operator)["cluster_id"] == 501


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cluster": "big"}, "'cluster' is 'big'; it must be a cluster's id or a mapping"),
        ({"cluster": {"size": 2}}, "'cluster' has no key 'size'; there are nodes, type"),
        ({"cluster": {"nodes": 0}}, "'nodes' of a cluster is 0; it must be a whole number from 1 on"),
        ({"cluster": {"type": "big"}}, "'type' of a cluster is 'big'; it must be production or sandbox"),
        ({"cluster": {"time_to_idle": "soon"}}, "'time_to_idle' of a cluster: 'soon' is not a duration"),
    ],
)
def test_mistakes_are_told_and_not_tried_again(
    integrate_io: IntegrateIo, task: Task, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        task.attempt(run_package(**arguments))


@pytest.mark.usefixtures("integrate_io")
def test_a_package_that_there_is_not_is_told(task: Task) -> None:
    with pytest.raises(RemoteJobError, match=r"no package named 'laod'; did you mean 'load'\?"):
        task.attempt(run_package(package="laod"))


def test_templates_may_make_texts_of_ids(integrate_io: IntegrateIo, task: Task) -> None:
    assert task.attempt(run_package(package="100", cluster="500"))["cluster_id"] == 500


def test_variables_become_texts() -> None:
    values = {
        "text": "a b",
        "number": Decimal("12.50"),
        "yes": True,
        "day": date(2026, 1, 2),
        "moment": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1))),
        "list": [1, "ü"],
        "none": None,
    }
    assert as_texts(values) == {
        "text": "a b",
        "number": "12.50",
        "yes": "true",
        "day": "2026-01-02",
        "moment": "2026-01-02T02:04:05Z",
        "list": '[1, "ü"]',
    }


# Clusters


def create_cluster(**arguments: Any) -> IntegrateIoCreateClusterOperator:
    given = {"nodes": 3, "time_to_idle": "30m", "deferrable": False, "poll_interval": 0.01, **arguments}
    return IntegrateIoCreateClusterOperator(task_id="create", **given)


def terminate_cluster(**arguments: Any) -> IntegrateIoTerminateClusterOperator:
    given = {"cluster": "500", "deferrable": False, "poll_interval": 0.01, **arguments}
    return IntegrateIoTerminateClusterOperator(task_id="terminate", **given)


def test_a_cluster_is_created_and_terminated(integrate_io: IntegrateIo, task: Task) -> None:
    assert task.attempt(create_cluster()) == 501
    values = integrate_io.clusters[1].values
    assert (values["status"], values["nodes"], values["terminate_on_idle"]) == ("available", 3, True)
    assert values["time_to_idle"] == 1800
    Task().attempt(terminate_cluster(cluster="501"))
    assert integrate_io.clusters[1].status == "terminated"
    Task().attempt(terminate_cluster(cluster=999))


def test_clusters_are_waited_for_in_the_triggerer(integrate_io: IntegrateIo, task: Task) -> None:
    deferred = task.attempt(create_cluster(deferrable=True))
    assert task.resume(create_cluster(), fire(deferred.trigger)) == 501
    deferred = Task().attempt(terminate_cluster(deferrable=True))
    task.resume(terminate_cluster(), fire(deferred.trigger))
    assert integrate_io.clusters[0].status == "terminated"


@pytest.mark.parametrize("noted", [True, False], ids=["after the note", "before the note"])
def test_after_a_crash_no_second_cluster_is_started(
    integrate_io: IntegrateIo, task: Task, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    where = "wait_for_cluster" if noted else "read_cluster"
    with monkeypatch.context() as patch:
        patch.setattr(f"airflow_workflow_provider.remote.integrate_io_clusters.{where}", crash)
        with pytest.raises(Crash):
            task.attempt(create_cluster())
    assert task.attempt(create_cluster()) == 501
    assert len(integrate_io.clusters) == 2


def test_a_cluster_that_does_not_come_up_fails_the_task(integrate_io: IntegrateIo, task: Task) -> None:
    integrate_io.cluster_script = ["creating", "error"]
    with pytest.raises(RemoteJobError, match="cluster 501 is error"):
        task.attempt(create_cluster())
    integrate_io.cluster_script = ["creating"]
    with pytest.raises(RemoteJobError, match="cluster 502 is creating"):
        task.attempt(create_cluster(timeout=0.03))
    assert integrate_io.clusters[2].status == "pending_terminate"
