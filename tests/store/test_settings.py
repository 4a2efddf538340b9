"""What Airflow's configuration and connections say of the store."""

from __future__ import annotations

import json
import multiprocessing
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_workflow_provider.definitions.stored.trust import DEFAULT_OPERATORS
from airflow_workflow_provider.store import policy, settings
from airflow_workflow_provider.store.errors import StoreUnavailableError
from airflow_workflow_provider.store.records import Actor
from tests.installed import ROOT
from tests.stores import put, sql_workflow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "FILE", tmp_path / "workflows.db")
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    return tmp_path


def test_a_program_that_does_not_see_airflows_connections_makes_no_store(tmp_path: Path) -> None:
    """A script: it would write beside the store that everybody else uses, or read what is none."""
    probe = "from airflow_workflow_provider.store.settings import open_store\nprint(open_store().name)"
    inherited = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    environment = {**inherited, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", probe]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "so it cannot tell where the workflow store is; use airflow workflows, or set AIRFLOW_CONN_WORKFLOW_STORE (for "
        f"Airflow's own file to sqlite:///{tmp_path}/workflows.db)"
    )
    assert not (tmp_path / "workflows.db").exists()
    told = {**environment, "AIRFLOW_CONN_WORKFLOW_STORE": f"sqlite:///{tmp_path}/workflows.db"}
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert done.stdout == f"the workflow store {tmp_path}/workflows.db\n", done.stderr


def test_without_a_connection_it_is_a_file_that_makes_itself(home: Path) -> None:
    store = settings.open_store()
    assert store.name == f"the workflow store {home / 'workflows.db'}"
    assert put(store, sql_workflow("daily")).release == 1
    assert settings.open_store().newest_release().number == 1


def _open(barrier: Any, results: Any) -> None:
    barrier.wait()
    results.put(settings.open_store().identity)


def test_ten_processes_that_open_an_empty_store_at_once_open_the_same(home: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(10), context.Queue()
    processes = [context.Process(target=_open, args=(barrier, results)) for _ in range(10)]
    for process in processes:
        process.start()
    identities = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert identities == {settings.open_store().identity}


def test_the_connection_of_the_configuration_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", f'{{"conn_type": "sqlite", "host": "{home / "other.db"}"}}')
    monkeypatch.setenv("AIRFLOW__WORKFLOWS__STORE_CONN_ID", "elsewhere")
    settings.open_store()
    assert (home / "other.db").exists()
    assert not (home / "workflows.db").exists()
    assert policy.trust().refused_connections == ("elsewhere",)


def test_stored_definitions_use_the_connection_of_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    own = "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle"
    bundles = [
        {"name": "a", "classpath": own, "kwargs": {"store_conn_id": "store_a"}},
        {"name": "b", "classpath": own, "kwargs": {}},
        {"name": "c", "classpath": "somebody.Bundle", "kwargs": {"store_conn_id": "c"}},
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    assert policy.trust("loaded").refused_connections == ("workflow_store", "store_a", "loaded")


def test_a_connection_that_is_missing_is_no_new_empty_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WORKFLOWS__STORE_CONN_ID", "elsewhere")
    with pytest.raises(StoreUnavailableError, match=r"'elsewhere' does not exist; .* \[workflows\] store_conn_id"):
        settings.open_store()
    assert not (home / "workflows.db").exists()


@pytest.mark.parametrize(
    "connection", ["{no json s3cret", '{"conn_type": "postgres", "port": "s3cret"}', "postgres://u:s3/cret@db/x"]
)
def test_a_connection_that_cannot_be_read_is_no_new_empty_store(
    connection: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WORKFLOW_STORE", connection)
    with pytest.raises(StoreUnavailableError, match=r"'workflow_store' cannot be read: .* in Environment") as told:
        settings.open_store()
    assert "s3" not in str(told.value)
    assert not (home / "workflows.db").exists()


@pytest.mark.parametrize(("error", "opens"), [("CONNECTION_NOT_FOUND", True), ("API_SERVER_ERROR", False)])
def test_in_a_task_an_api_server_that_fails_is_no_new_empty_store(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: str, opens: bool
) -> None:
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse

    class Supervisor:
        """What a task talks to instead of the API server."""

        def send(self, _message: object) -> ErrorResponse:
            return ErrorResponse(error=ErrorType[error])

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(), raising=False)
    if opens:
        settings.open_store()
    else:
        with pytest.raises(StoreUnavailableError, match="'workflow_store' cannot be read: Airflow's API server gave"):
            settings.open_store()
    assert (home / "workflows.db").exists() == opens


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        (
            Connection(
                conn_id="x", conn_type="postgres", host="db", port=5433, login="etl", password="p@ss/w", schema="flows"
            ),
            "postgresql+psycopg2://etl:p%40ss%2Fw@db:5433/flows",
        ),
        (
            Connection(
                conn_id="x", conn_type="postgres", host="db", extra='{"sslmode": "require", "cursor": "dictcursor"}'
            ),
            "postgresql+psycopg2://db?sslmode=require",
        ),
        (
            Connection(conn_id="x", conn_type="mysql", host="db", login="etl", schema="flows", extra="no json"),
            "etl@db/flows?charset=utf8mb4",
        ),
        (Connection(conn_id="x", conn_type="sqlite", host="/data/flows.db"), "sqlite:////data/flows.db"),
        (Connection(conn_id="x", conn_type="sqlite", schema="/data/flows.db"), "sqlite:////data/flows.db"),
    ],
)
def test_connections_lead_to_databases(connection: Connection, expected: str) -> None:
    assert settings.connection_url(connection).render_as_string(hide_password=False).endswith(expected)


def test_a_connection_to_something_else_is_refused() -> None:
    with pytest.raises(StoreUnavailableError, match="is of type 'http'; it must be postgres, mysql or sqlite"):
        settings.connection_url(Connection(conn_id="web", conn_type="http"))


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", '{"conn_type": "sqlite", "host": ":memory:"}'])
def test_a_connection_to_sqlite_without_a_file_is_told_how_to_name_one(
    uri: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", uri)
    with pytest.raises(
        StoreUnavailableError, match=r"'elsewhere' names no file; .* sqlite:////var/lib/airflow"
    ) as told:
        settings.open_store("elsewhere")
    named = str(told.value).rpartition(" ")[2]
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", named.replace("/var/lib/airflow", str(home)))
    assert settings.open_store("elsewhere").name == f"the workflow store {home / 'workflows.db'}"


def test_settings_are_lists_with_commas_or_line_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WORKFLOWS__ALLOWED_CONNECTIONS", "warehouse_*, lake\n\nmart")
    monkeypatch.setenv("AIRFLOW__WORKFLOWS__PACKAGE_PUBLISHERS", "Admin,Op")
    rules = settings.rules()
    assert rules.trust.connections == ("warehouse_*", "lake", "mart")
    assert rules.package_publishers == {"Admin", "Op"}


def test_by_default_stored_definitions_run_sql_and_this_packages_own_jobs() -> None:
    trust = policy.trust()
    assert trust.connections == ("*",)
    assert trust.refused_connections == ("workflow_store",)
    assert trust.operators == DEFAULT_OPERATORS
    assert (trust.notifiers, trust.secrets) == ((), ())


def test_the_command_line_has_the_roles_that_the_configuration_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name
    for forged in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(forged, "somebody-else")
    assert settings.command_line_actor() == Actor(name, frozenset({"Admin"}))
    monkeypatch.setenv("AIRFLOW__WORKFLOWS__COMMAND_LINE_ROLES", "User, Viewer")
    assert settings.command_line_actor().roles == {"User", "Viewer"}


def test_the_file_is_written_by_its_owner_whatever_the_umask_is(home: Path) -> None:
    before = os.umask(0)
    try:
        put(settings.open_store(), sql_workflow("daily"))
    finally:
        os.umask(before)
    assert (home / "workflows.db").stat().st_mode & 0o777 == 0o644


def test_a_file_that_everybody_may_write_is_not_used(home: Path) -> None:
    settings.open_store()
    (home / "workflows.db").chmod(0o666)
    with pytest.raises(StoreUnavailableError, match=r"can be written by every user .* chmod o-w /.*/workflows.db"):
        settings.open_store()
    (home / "workflows.db").chmod(0o660)
    assert settings.open_store().newest_release().number == 0


def test_a_store_says_its_name_in_errors(home: Path) -> None:
    (home / "workflows.db").write_text("this is no database, it is a text that somebody put here" * 20)
    with pytest.raises(StoreUnavailableError, match=r"workflows.db gave up.*not a database"):
        settings.open_store()
