"""The hook against the stand-in: what it asks, how it bears faults, what its errors say."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from airflow_workflow_provider.exceptions import ConnectionFieldError
from airflow_workflow_provider.hooks.integrate_io import IntegrateIoHook
from airflow_workflow_provider.remote import integrate_io as api
from airflow_workflow_provider.remote import integrate_io_clusters as cluster_api
from airflow_workflow_provider.remote.calls import Flow, RemoteError, RemoteTimeoutError
from scripts.test_servers import faults
from scripts.test_servers.integrate_io import IntegrateIo
from tests.remote_systems import integrate_io_connection, posts

SINCE = "2000-01-01T00:00:00Z"
MARK = api.Mark("airflow_task", "dag/task/abc", 1)
Connect = Callable[..., IntegrateIoHook]
Run = Callable[[IntegrateIoHook, Flow[Any]], Any]


@pytest.fixture
def connect(account: IntegrateIo, monkeypatch: pytest.MonkeyPatch) -> Connect:
    def make(**changes: Any) -> IntegrateIoHook:
        monkeypatch.setenv("AIRFLOW_CONN_INTEGRATE_IO_DEFAULT", integrate_io_connection(account, **changes))
        return IntegrateIoHook()

    return make


@pytest.fixture(params=["run", "arun"])
def run(request: pytest.FixtureRequest) -> Run:
    """Both ways to carry out a flow."""

    def carry_out(hook: IntegrateIoHook, flow: Flow[Any]) -> Any:
        return hook.run(flow) if request.param == "run" else asyncio.run(hook.arun(flow))

    return carry_out


def new_job(account: IntegrateIo) -> api.NewJob:
    return api.NewJob(account.add_package("load"), account.add_cluster().id, {"day": "2026-01-01"})


def submit(new: api.NewJob, known: frozenset[int] = frozenset()) -> Flow[api.Job]:
    return api.submit_job(new, SINCE, MARK, known, wait=0.02)


def test_a_job_is_started_watched_and_summed_up(account: IntegrateIo, connect: Connect, run: Run) -> None:
    hook = connect()
    started = run(hook, submit(new_job(account)))
    told: list[str] = []
    ended = run(hook, api.wait_until_ended(started.id, 0.01, report=lambda job: told.append(api.progress(job))))
    assert told == ["Job 1000 is pending", "Job 1000 is running, 30% done", "Job 1000 is completed"]
    assert account.jobs[0].values["variables"] == {"day": "2026-01-01", "airflow_task": "dag/task/abc#1"}
    assert api.summary(ended) == {
        "job_id": 1000,
        "status": "completed",
        "package_id": 100,
        "cluster_id": 500,
        "runtime_in_seconds": 7,
        "outputs": [{"id": 1, "name": "rows", "records_count": 42}],
    }


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_lists_are_read_to_the_end(account: IntegrateIo, connect: Connect, run: Run, count: int) -> None:
    for number in range(count):
        account.add_package(f"p{number}")
    found = run(connect(), api.list_all("packages", flow_type="all"))
    assert [package["name"] for package in found] == [f"p{number}" for number in range(count)]


def test_packages_are_found_by_name(account: IntegrateIo, connect: Connect) -> None:
    for name in ("load", "twice", "twice"):
        account.add_package(name)
    hook = connect()
    assert hook.run(api.find_package("load")) == 100
    with pytest.raises(RemoteError, match=r"no package named 'laod'; did you mean 'load'\?"):
        hook.run(api.find_package("laod"))
    with pytest.raises(RemoteError, match=r"2 packages named 'twice' \(101, 102\); give the id"):
        hook.run(api.find_package("twice"))


@pytest.mark.parametrize(
    "fault",
    [
        faults.refused("GET", "/jobs/", 429, headers={"Retry-After": "0"}, times=2),
        faults.refused("GET", "/jobs/", 500, times=2),
        faults.refused("GET", "/jobs/", 503, times=2),
        faults.html("GET", "/jobs/", times=2),
        faults.html("GET", "/jobs/", times=2, status=502),
        faults.cut("GET", "/jobs/", times=2),
    ],
    ids=["429", "500", "503", "html", "html502", "cut"],
)
def test_what_may_be_repeated_is(account: IntegrateIo, connect: Connect, run: Run, fault: faults.Fault) -> None:
    job = account.add_job(1, 1, [])
    fault.times = 2
    account.served.order(fault)
    assert run(connect(), api.job(job.id)).id == job.id
    assert len(account.served.seen("GET", f"/jobs/{job.id}")) == 3


@pytest.mark.parametrize("status", [400, 402, 404, 415])
def test_what_is_refused_for_good_is_not_repeated(
    account: IntegrateIo, connect: Connect, run: Run, status: int
) -> None:
    account.served.order(faults.refused("GET", "/jobs/7$", status, "no such thing", times=None))
    with pytest.raises(RemoteError, match=rf"^Integrate.io: GET jobs/7 was refused: {status} no such thing$"):
        run(connect(), api.job(7))
    assert len(account.served.seen("GET", "/jobs/7")) == 1


def test_repeating_ends(account: IntegrateIo, connect: Connect, run: Run) -> None:
    account.served.order(faults.refused("GET", "/jobs/7$", 503, "maintenance", times=None))
    with pytest.raises(RemoteError, match="503 maintenance"):
        run(connect(extra={"retries": 2}), api.job(7))
    assert len(account.served.seen("GET", "/jobs/7")) == 3


@pytest.mark.parametrize("lose", [faults.lost, faults.cut], ids=["lost", "cut"])
def test_a_lost_answer_never_starts_a_second_job(
    account: IntegrateIo, connect: Connect, run: Run, lose: Callable[[str, str], faults.Fault]
) -> None:
    account.served.order(lose("POST", "/jobs$"))
    account.hidden_lists = 2  # the list is late too
    started = run(connect(extra={"timeout": 0.5}), submit(new_job(account)))
    assert [job.id for job in account.jobs] == [started.id]
    assert posts(account) == 1


def test_a_page_of_html_after_the_job_was_started_starts_no_second_one(
    account: IntegrateIo, connect: Connect, run: Run
) -> None:
    account.served.order(faults.html("POST", "/jobs$", process=True))
    assert run(connect(), submit(new_job(account))).id == account.jobs[0].id
    assert posts(account) == 1


def test_a_job_that_was_not_started_is_asked_for_again_after_a_look(
    account: IntegrateIo, connect: Connect, run: Run
) -> None:
    account.served.order(faults.refused("POST", "/jobs$", 500))
    run(connect(), submit(new_job(account)))
    methods = [(seen.method, seen.path.rpartition("/")[2]) for seen in account.served.app.requests]
    assert methods == [("POST", "jobs"), *[("GET", "jobs")] * 6, ("POST", "jobs")]


def test_a_refused_job_is_asked_for_again_without_a_look(account: IntegrateIo, connect: Connect, run: Run) -> None:
    account.served.order(faults.refused("POST", "/jobs$", 429, times=2))
    run(connect(), submit(new_job(account)))
    assert (posts(account), len(account.served.app.requests), len(account.jobs)) == (3, 3, 1)


def test_the_job_of_another_task_is_not_mistaken_for_a_lost_one(account: IntegrateIo, connect: Connect) -> None:
    new = new_job(account)
    account.add_job(new.package_id, new.cluster_id, [], variables={"airflow_task": "dag/task/abd#1"})
    account.add_job(new.package_id, new.cluster_id, [], variables={"airflow_task": "dag/task/abc#2"})
    account.add_job(new.package_id, new.cluster_id, [])
    account.served.order(faults.refused("POST", "/jobs$", 500))
    assert connect().run(submit(new)).id == 1003


def found(account: IntegrateIo, connect: Connect, *, stop_others: bool = True) -> api.Job | None:
    submitted = connect().run(api.find_submitted(100, SINCE, MARK, stop_others=stop_others, interval=0.01))
    return submitted.job


@pytest.mark.parametrize(
    ("script", "counts"),
    [(["running"], True), (["completed"], True), (["zombified"], True), (["failed"], False), (["stopped"], False)],
)
def test_the_own_job_counts_unless_it_failed(
    account: IntegrateIo, connect: Connect, script: list[str], counts: bool
) -> None:
    account.add_job(100, 500, script, variables={"airflow_task": MARK.value})
    assert (found(account, connect) is not None) == counts


def test_a_job_that_is_being_stopped_is_waited_for(account: IntegrateIo, connect: Connect) -> None:
    job = account.add_job(100, 500, ["stopping", "stopping", "stopped"], variables={"airflow_task": MARK.value})
    assert found(account, connect) is None
    assert job.status == "stopped"


@pytest.mark.parametrize("stop", [True, False])
def test_the_job_from_before_the_task_was_cleared_is_stopped_first(
    account: IntegrateIo, connect: Connect, stop: bool
) -> None:
    job = account.add_job(100, 500, ["running"], variables={"airflow_task": "dag/task/abc#0"})
    assert found(account, connect, stop_others=stop) is None
    assert job.status == ("stopped" if stop else "idle")


def test_unknown_and_stale_statuses_are_waited_out_and_the_unknown_told_once(
    account: IntegrateIo, connect: Connect, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    job = account.add_job(1, 1, ["running", "zombified", "pending", "zombified", "running", "completed"])
    with caplog.at_level(logging.WARNING):
        assert run(connect(), api.wait_until_ended(job.id, 0.01)).status == "completed"
    assert len([r for r in caplog.records if "'zombified'" in r.getMessage()]) == 1


def test_an_outage_while_waiting_loses_nothing(account: IntegrateIo, connect: Connect, run: Run) -> None:
    job = account.add_job(1, 1, ["running", "completed"])
    account.served.order(faults.refused("GET", "/jobs/", 503, times=7))
    assert run(connect(extra={"retries": 1}), api.wait_until_ended(job.id, 0.01)).status == "completed"


def test_waiting_ends_at_the_deadline(account: IntegrateIo, connect: Connect, run: Run) -> None:
    job = account.add_job(1, 1, ["running"])
    with pytest.raises(RemoteTimeoutError, match=f"job {job.id} has not ended \\(status running\\)"):
        run(connect(), api.wait_until_ended(job.id, 0.01, deadline=1.0))


def test_polling_slows_down_when_the_rate_limit_is_nearly_used_up(
    account: IntegrateIo, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = account.add_job(1, 1, ["running", "completed"])
    hook = connect()
    slept: list[float] = []
    monkeypatch.setattr(hook.get_conn(), "_sleep", slept.append)
    hook.run(api.wait_until_ended(job.id, 3))
    account.remaining, job.script = 100, ["running", "completed"]
    hook.run(api.wait_until_ended(job.id, 3))
    assert slept == [3, 12]


def test_retry_after_is_honoured(account: IntegrateIo, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    account.served.order(faults.refused("GET", "/jobs/", 429, headers={"Retry-After": "17"}))
    job = account.add_job(1, 1, ["running"])
    hook = connect()
    slept: list[float] = []
    monkeypatch.setattr(hook.get_conn(), "_sleep", slept.append)
    hook.run(api.job(job.id))
    assert slept == [17]


@pytest.mark.parametrize(
    ("states", "chosen"),
    [
        (["pending", "available", "creating"], 501),
        (["terminated", "creating", "pending"], 501),
        (["terminated", "error", "pending_terminate"], 503),
        ([], 500),
    ],
)
def test_a_cluster_is_found_or_started(
    account: IntegrateIo, connect: Connect, run: Run, states: list[str], chosen: int
) -> None:
    for state in states:
        account.add_cluster(state)
    assert run(connect(), cluster_api.find_or_create_cluster(cluster_api.NewCluster(2), wait=0.02)).id == chosen


def test_a_cluster_of_another_size_or_type_does_not_fit(account: IntegrateIo, connect: Connect) -> None:
    account.add_cluster(nodes=3)
    account.add_cluster(type="sandbox", nodes=1)
    made = connect().run(cluster_api.find_or_create_cluster(cluster_api.NewCluster(2, time_to_idle=600)))
    assert (made.id, account.clusters[-1].values["time_to_idle"]) == (502, 600)


def test_a_lost_answer_never_starts_a_second_cluster(account: IntegrateIo, connect: Connect, run: Run) -> None:
    account.add_cluster()
    account.served.order(faults.lost("POST", "/clusters$"))
    made = run(
        connect(extra={"timeout": 0.5}),
        cluster_api.create_cluster(cluster_api.NewCluster(2), frozenset({500}), wait=0.02),
    )
    assert [cluster.id for cluster in account.clusters] == [500, made.id]


def test_a_server_that_is_not_there_is_named(account: IntegrateIo, connect: Connect, run: Run) -> None:
    hook = connect(extra={"retries": 1})
    account.served.stop()
    with pytest.raises(RemoteError, match=rf"GET jobs/7 at {account.base_url}/acme/api/ failed: ConnectError"):
        run(hook, api.job(7))


def test_no_secret_shows_in_logs_errors_or_reprs(
    account: IntegrateIo, connect: Connect, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    hook = connect(extra={"retries": 1, "timeout": 0.3})
    secrets = (account.api_key, api.basic(account.api_key))
    account.served.order(
        faults.refused("GET", "/jobs/1$", 401, f"unknown key {account.api_key}"),
        faults.lost("GET", "/jobs/2$", times=None),
        faults.refused("GET", "/jobs/3$", 500, f"Basic {api.basic(account.api_key)}", times=None),
    )
    shown = []
    with caplog.at_level(logging.DEBUG):
        for number in (1, 2, 3):
            with pytest.raises(RemoteError) as caught:
                run(hook, api.job(number))
            shown += traceback.format_exception(caught.value)
            assert caught.value.__cause__ is None, "httpx's errors hold the request with its headers"
    shown += [record.getMessage() for record in caplog.records]
    shown += [repr(hook.get_conn().settings), repr(vars(hook))]
    assert len(shown) > 10
    assert not [text for text in shown for secret in secrets if secret in text]


def test_the_test_button_says_what_is_wrong(account: IntegrateIo, connect: Connect) -> None:
    assert connect().test_connection() == (True, "Account acme lets this API key in")
    ok, message = connect(password="wrong").test_connection()
    assert (ok, message) == (
        False,
        "Integrate.io: GET packages was refused: 401 Access denied, check your API key",
    )
    ok, message = connect(login="other").test_connection()
    assert (ok, "403 No access to account other" in message) == (False, True)
    assert connect(login="").test_connection() == (
        False,
        "connection 'integrate_io_default' has no account id; it goes into the field 'login'",
    )
    account.served.order(faults.html("GET", "/packages$"))
    assert "answered with text/html instead of JSON: 502 Back soon" in connect().test_connection()[1]


@pytest.mark.parametrize("extra", [{"timeout": "soon"}, {"retries": -1}, {"retry_wait": "nan"}, {"timeout": 0}])
def test_a_field_that_makes_no_sense_is_named(connect: Connect, extra: dict[str, Any]) -> None:
    [name] = extra
    with pytest.raises(ConnectionFieldError, match=f"'{name}' is .*, not a valid number"):
        connect(extra=extra).get_conn()


@pytest.mark.parametrize(
    ("host", "schema", "port", "expected"),
    [
        ("", None, None, "https://api.xplenty.com"),
        ("api.example.com", None, None, "https://api.example.com"),
        ("api.example.com", "http", 8080, "http://api.example.com:8080"),
        ("https://api.example.com/", None, None, "https://api.example.com"),
    ],
)
def test_the_address_may_be_written_in_several_ways(
    connect: Connect, host: str, schema: str | None, port: int | None, expected: str
) -> None:
    hook = connect(host=host, schema=schema, port=port)
    assert hook.get_conn().settings.base_url == f"{expected}/acme/api/"
