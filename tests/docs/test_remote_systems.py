"""The pages on Integrate.io and Aperture: examples run, tables say what the code does."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.operators.aperture import ApertureRunWorkflowOperator
from airflow_workflow_provider.operators.integrate_io import IntegrateIoRunPackageOperator
from airflow_workflow_provider.provider_info import get_provider_info
from airflow_workflow_provider.remote import integrate_io as integrate_io_api
from airflow_workflow_provider.remote.aperture_names import DIALECTS
from airflow_workflow_provider.remote.calls import Answer
from airflow_workflow_provider.remote.client import Client
from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo
from tests.dag_test_run import run_folder
from tests.docs.pages import ALL_BLOCKS, ROOT, blocks, table
from tests.remote_systems import account, aperture_connection, integrate_io_connection, studio

__all__ = ["account", "studio"]

INTEGRATE_IO = ROOT / "docs" / "integrate-io.md"
APERTURE = ROOT / "docs" / "aperture.md"


@pytest.fixture
def systems(account: IntegrateIo, studio: Aperture, monkeypatch: pytest.MonkeyPatch) -> tuple[IntegrateIo, Aperture]:
    """Both, with what the pages name."""
    account.add_package("publish_promo")
    studio.add_workflow("validate_customers")
    studio.times = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z")
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATE_IO_DEFAULT", integrate_io_connection(account))
    monkeypatch.setenv("AIRFLOW_CONN_APERTURE_DEFAULT", aperture_connection(studio))
    # The 15 seconds between two looks are for people.
    monkeypatch.setattr(Client, "_paced", lambda client, pause: min(pause.seconds, 0.02))
    return account, studio


@pytest.mark.usefixtures("session", "systems")
@pytest.mark.parametrize(
    ("page", "dag"),
    [(INTEGRATE_IO, "promotion"), (INTEGRATE_IO, "on_one_cluster"), (APERTURE, "nightly_quality")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_example_runs(page: Path, dag: str) -> None:
    def fill(folder: Path) -> None:
        for block in blocks(page):
            if block.file is not None and block.language == "yaml":
                (folder / Path(block.file).name).write_text(block.content, encoding="utf-8")

    run = run_folder(fill, dag)
    states = {state for task, state in run.states.items() if not task.startswith("workflow.")}
    assert (run.state, states) == ("success", {"success"})


def test_the_shown_result_is_the_one_that_a_task_leaves(account: IntegrateIo) -> None:
    [block] = [block for block in ALL_BLOCKS if block.page == "docs/integrate-io.md" and block.language == "json"]
    data = {**account.add_job(100, 500, []).values, "status": "completed", "runtime_in_seconds": 7}
    job = integrate_io_api.read_job(Answer(200, {**data, "outputs": account.outputs}))
    assert json.loads(block.text) == integrate_io_api.summary(job)


def test_the_python_example_runs(systems: tuple[IntegrateIo, Aperture]) -> None:
    [block] = [block for block in ALL_BLOCKS if block.file == "ask.py"]
    names: dict[str, Any] = {}
    exec(compile(block.text, str(block), "exec"), names)
    systems[0].add_job(100, 500, [], status="running")
    assert names["running_jobs"]() == [1000]
    assert asyncio.run(names["status"](1000)) == "running"


def arguments(operator: type) -> set[str]:
    """Every argument that the operator adds to those of Airflow."""
    from airflow.sdk import BaseOperator

    bases = [each for each in operator.__mro__ if each.__module__.startswith("airflow_workflow_provider.operators")]
    found = {name for each in bases for name in inspect.signature(vars(each)["__init__"]).parameters}
    return found - {"kwargs", *inspect.signature(BaseOperator.__init__).parameters}


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("page", "operator"), [(INTEGRATE_IO, IntegrateIoRunPackageOperator), (APERTURE, ApertureRunWorkflowOperator)]
)
def test_the_page_has_every_argument(page: Path, operator: type) -> None:
    listed = {name for row in table(page.read_text(encoding="utf-8"), "Argument") for name in words(row[0])}
    assert listed == arguments(operator)


@pytest.mark.parametrize(("page", "kind"), [(INTEGRATE_IO, "integrate_io"), (APERTURE, "aperture")])
def test_the_page_has_every_field_of_the_connection(page: Path, kind: str) -> None:
    [form] = [each for each in get_provider_info()["connection-types"] if each["connection-type"] == kind]
    shown = {name for row in table(page.read_text(encoding="utf-8"), "Field") for name in words(row[0])}
    standard = {"host", "port", "schema", "login", "password", "extra"} - set(
        form["ui-field-behaviour"]["hidden-fields"]
    )
    assert shown == standard | set(form["conn-fields"])


def test_the_page_has_every_status_of_a_job() -> None:
    rows = table(INTEGRATE_IO.read_text(encoding="utf-8"), "Status of the job")
    told = {status: row[1] for row in rows for status in words(row[0])}
    assert set(told) == integrate_io_api.JOB_STATUSES
    assert {status for status, means in told.items() if means != "waits"} == integrate_io_api.ENDED
    assert [status for status, means in told.items() if means == "success"] == [integrate_io_api.COMPLETED]


def test_the_page_has_every_assumed_name_and_state() -> None:
    text = APERTURE.read_text(encoding="utf-8")
    names = DIALECTS["v2"]
    shown = {words(row[0])[0]: tuple(words(row[1])) for row in table(text, "Name")}
    assert shown == {
        item.name: value if isinstance(value := getattr(names, item.name), tuple) else (value,)
        for item in dataclasses.fields(names)
    }
    states = {state: row[1] for row in table(text, "State of the job") for state in words(row[0])}
    assert {state for state, means in states.items() if means == "success"} == set(names.succeeded)
    assert {state for state, means in states.items() if means == "failure"} == {*names.failed, *names.stopped}
    assert {state for state, means in states.items() if means == "waits"} == set(names.active)
