"""The hook against the stand-in, in both dialects."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from airflow_workflow_provider.exceptions import ConnectionFieldError
from airflow_workflow_provider.hooks.aperture import ApertureHook
from airflow_workflow_provider.remote import aperture as api
from airflow_workflow_provider.remote.calls import Flow, RemoteError
from scripts.test_servers import faults
from scripts.test_servers.aperture import Aperture
from tests.remote_systems import aperture_connection

Connect = Callable[..., ApertureHook]


@pytest.fixture
def connect(studio: Aperture, monkeypatch: pytest.MonkeyPatch) -> Connect:
    def make(dialect: str = "v2", **changes: Any) -> ApertureHook:
        monkeypatch.setenv("AIRFLOW_CONN_APERTURE_DEFAULT", aperture_connection(studio, dialect, **changes))
        return ApertureHook()

    return make


def flow_of(hook: ApertureHook, wanted: api.Execution, known: tuple[str, ...] = ()) -> Flow[api.Job]:
    """Ready, start, wait."""
    talk = hook.reach().api
    target = yield from talk.ready(wanted)
    started = yield from talk.start(wanted, target, known, wait=0.02)
    return (yield from talk.wait_until_ended(started.id, 0.01))


WANTED = api.Execution("Workflow 1", "marketing", parameters={"day": "2026-01-01"}, refresh_sources=True)


@pytest.mark.parametrize("dialect", ["v1", "v2"])
@pytest.mark.parametrize("way", ["run", "arun"])
def test_a_workflow_is_executed_and_waited_for(studio: Aperture, connect: Connect, dialect: str, way: str) -> None:
    for name in ("Workflow 1", "Workflow 2"):
        studio.add_workflow(name)
    hook = connect(dialect)
    flow = flow_of(hook, WANTED)
    ended = hook.run(flow) if way == "run" else asyncio.run(hook.arun(flow))
    assert (ended.id, ended.state, ended.result) == ("9000", "completed", {"rowsProcessed": 42, "rowsFailed": 0})
    sent = studio.jobs[0].values["request"]
    assert (sent["workflowParameters"], sent["refreshSources"]) == ({"day": "2026-01-01"}, True)
    if dialect == "v2":
        assert (sent["externalLabel"], sent["spaceExternalLabel"]) == ("Workflow 1", "marketing")


def test_a_v1_token_is_used_again_and_renewed_when_it_has_expired(studio: Aperture, connect: Connect) -> None:
    studio.add_workflow("Workflow 1")
    hook = connect("v1")
    hook.run(flow_of(hook, WANTED))
    assert len(studio.served.seen("POST", "/login")) == 1
    studio.expire_tokens()
    hook.run(flow_of(hook, WANTED))
    assert len(studio.served.seen("POST", "/login")) == 2


@pytest.mark.parametrize(("dialect", "status"), [("v1", 401), ("v2", 401)])
def test_a_refused_login_is_told_as_such_and_not_repeated(
    studio: Aperture, connect: Connect, dialect: str, status: int
) -> None:
    studio.add_workflow("Workflow 1")
    hook = connect(dialect, password="wrong")
    with pytest.raises(api.LoginError, match=r"^login failed: Aperture: .* was refused: 401"):
        hook.run(hook.reach().api.ready(WANTED))
    assert len(studio.served.app.requests) == 1


def test_a_workflow_that_is_not_ready_is_told_as_such(studio: Aperture, connect: Connect) -> None:
    studio.add_workflow("Workflow 1", executable=False)
    hook = connect()

    def ready(label: str, space: str = "marketing") -> None:
        hook.run(hook.reach().api.ready(api.Execution(label, space)))

    with pytest.raises(api.ReadinessError, match=re.escape("workflow 'Workflow 1' is not ready: it exists but")):
        ready("Workflow 1")
    with pytest.raises(
        api.ReadinessError, match=re.escape("none of that name in Space 'marketing'; did you mean 'Workflow 1'?")
    ):
        ready("Workflow1")
    with pytest.raises(api.ReadinessError, match=r"'Workflow 1' is not ready: .* 403 Access denied to Space sales"):
        ready("Workflow 1", "sales")


@pytest.mark.parametrize("dialect", ["v1", "v2"])
@pytest.mark.parametrize("lose", [faults.lost, faults.cut], ids=["lost", "cut"])
def test_a_lost_answer_never_starts_a_second_job(
    studio: Aperture, connect: Connect, dialect: str, lose: Callable[[str, str], faults.Fault]
) -> None:
    workflow, other = studio.add_workflow("Workflow 1"), studio.add_workflow("Workflow 2")
    studio.add_job(workflow), studio.add_job(other)
    studio.served.order(lose("POST", "/execute$"))
    hook = connect(dialect, extra={"timeout": 0.5})
    assert hook.run(flow_of(hook, WANTED, known=("9000",))).id == "9002"
    assert len(studio.jobs) == 3


def test_of_two_jobs_that_appeared_none_is_taken(studio: Aperture, connect: Connect) -> None:
    workflow = studio.add_workflow("Workflow 1")
    studio.add_job(workflow)
    studio.served.order(faults.lost("POST", "/execute$"))
    hook = connect(extra={"timeout": 0.5})
    with pytest.raises(RemoteError, match="jobs 9001, 9000 of workflow 'Workflow 1' could each be the one"):
        hook.run(flow_of(hook, WANTED))


def test_states_are_read_in_any_case_and_unknown_ones_waited_out(
    studio: Aperture, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    studio.add_workflow("Workflow 1")
    studio.job_script = ["Profiling", "running", "Profiling", "Completed"]
    hook = connect()
    with caplog.at_level(logging.WARNING):
        assert hook.run(flow_of(hook, WANTED)).state == "completed"
    assert len([r for r in caplog.records if "'profiling'" in r.getMessage()]) == 1


def test_many_workflows_and_jobs_are_read_to_the_end(studio: Aperture, connect: Connect) -> None:
    for number in range(230):
        studio.add_workflow(f"Workflow {number}")
    hook = connect()
    assert hook.run(hook.reach().api.ready(api.Execution("Workflow 229", "marketing"))) == "Workflow 229"


def test_every_assumed_name_can_be_overridden(studio: Aperture, connect: Connect) -> None:
    names = {"workflows": "GET flows", "id": "number", "succeeded": ["done"], "failed": "broken"}
    hook = connect(extra={"names": json.dumps(names)})
    talk = hook.reach().api
    assert (talk.names.workflows, talk.names.id, talk.names.succeeded) == ("GET flows", ("number",), ("done",))
    assert talk.ended_states >= {"done", "broken"}
    with pytest.raises(ConnectionFieldError, match=r"'names': 'stat' is not one of .*; did you mean 'state'\?"):
        connect(extra={"names": {"stat": "x"}}).reach()
    with pytest.raises(ConnectionFieldError, match="connection 'aperture_default': 'names': "):
        connect(extra={"names": "{"}).reach()


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_the_test_button_says_what_is_wrong(studio: Aperture, connect: Connect, dialect: str) -> None:
    ok, message = connect(dialect).test_connection()
    assert (ok, message) == (True, f"{studio.served.address}/api/{dialect}/ lets this connection in")
    assert connect(dialect, password="wrong").test_connection()[0] is False
    assert connect(dialect, host="").test_connection() == (
        False,
        "connection 'aperture_default' has no host; it goes into the field 'host'",
    )
    if dialect == "v2":
        ok, message = connect(dialect, extra={"environment": ""}).test_connection()
        assert (ok, "has no environment" in message) == (False, True)
        assert "403 Access denied to Space sales" in connect(dialect, extra={"space": "sales"}).test_connection()[1]


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_no_secret_shows_in_logs_errors_or_reprs(
    studio: Aperture, connect: Connect, dialect: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook = connect(dialect, extra={"retries": 1, "timeout": 0.3})
    studio.served.order(
        faults.lost("GET", "/jobs/2$", times=None),
        faults.refused("GET", "/jobs/3$", 500, f"{studio.api_key} {studio.password}", times=None),
        faults.html("POST", "/login$", times=0),
    )
    shown = []
    with caplog.at_level(logging.DEBUG):
        for number in ("2", "3", "4"):
            with pytest.raises(RemoteError) as caught:
                hook.run(hook.reach().api.job(number))
            shown += traceback.format_exception(caught.value)
            assert caught.value.__cause__ is None, "httpx's errors hold the request with its headers"
    shown += [record.getMessage() for record in caplog.records]
    shown += [repr(hook.get_conn().settings), repr(vars(hook)), repr(hook.reach())]
    mine = [studio.password if dialect == "v1" else studio.api_key, *studio.tokens]
    assert not [text for text in shown for secret in mine if secret in text]
