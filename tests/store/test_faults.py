"""Killed publishers, many at once, and databases that are down, slow, read-only or full."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, event, make_url, text

from airflow_workflow_provider.store import engine as engines
from airflow_workflow_provider.store.drafts import save_draft
from airflow_workflow_provider.store.engine import make_engine, reading, writing
from airflow_workflow_provider.store.errors import InvalidTextError, StoreError, StoreUnavailableError
from airflow_workflow_provider.store.publishing import archive
from airflow_workflow_provider.store.records import Actor, Kind, Source
from airflow_workflow_provider.store.repository import WorkflowStore
from scripts.local_airflow import free_ports
from tests.stores import ANN, RULES, bash_package, calling_workflow, new_database, new_store, put, sql_workflow

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = """
import sys
from sqlalchemy import make_url
from airflow_workflow_provider.store.engine import make_engine
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.stores import put, sql_workflow
store = WorkflowStore(make_engine(make_url(sys.argv[1])))
for number in range(10000):
    put(store, *(sql_workflow(name, f"SELECT {sys.argv[2]}{number}") for name in "abc"))
    print(number, flush=True)
"""


def test_a_publisher_that_is_killed_leaves_whole_releases_and_no_lock(url: URL) -> None:
    store = new_store(url)
    for attempt in range(4):
        publisher = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, url.render_as_string(hide_password=False), f"{attempt}1"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        assert publisher.stdout is not None
        publisher.stdout.readline()
        time.sleep(0.013 * attempt)  # so that they die at different points
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
        publisher.stdout.close()
        release = put(store, sql_workflow("after", f"SELECT {attempt}")).release
        assert release == store.newest_release().number
        names = {each.name: each.number for each in store.versions_of(release)}
        assert names["a"] == names["b"] == names["c"], "all or nothing"
        assert len(store.releases(limit=None)) == release, "no number is left out"


@pytest.mark.parametrize("kind", ["postgresql"])
def test_of_fifty_publishers_at_once_nothing_is_lost(kind: str, tmp_path: Path) -> None:
    with new_database(kind, tmp_path) as url:
        store = new_store(url)

        def publish(number: int) -> None:
            own = WorkflowStore(make_engine(url))
            actor = Actor(f"user {number}")
            put(own, sql_workflow("shared", f"SELECT {number}"), sql_workflow(f"own_{number}"), actor=actor)

        with ThreadPoolExecutor(50) as pool:
            list(pool.map(publish, range(50)))
        shared = store.versions(Kind.WORKFLOW, "shared")
        assert sorted(each.number for each in shared) == list(range(1, 51))
        assert {each.author for each in shared} == {f"user {number}" for number in range(50)}
        assert len(store.definitions()) == 51
        assert [each.number for each in store.releases(limit=None)] == list(range(50, 0, -1))
        assert len(store.history(limit=None)) == 100


def test_two_who_publish_what_only_fits_apart_do_not_both_succeed(url: URL) -> None:
    """One withdraws what the other begins to call: whoever comes second is checked against the first."""
    store = new_store(url)
    for number in range(5):
        put(store, bash_package("load", f"'true {number}'"))

        def call(_: int = number) -> None:
            put(WorkflowStore(make_engine(url)), calling_workflow(f"caller_{number}", "load"))  # noqa: B023

        def withdraw() -> None:
            archive(WorkflowStore(make_engine(url)), Kind.PACKAGE, ["load"], ANN, "", RULES)

        with ThreadPoolExecutor(2) as pool:
            errors = [each.exception() for each in (pool.submit(call), pool.submit(withdraw))]
        assert [isinstance(error, StoreError) for error in errors].count(True) == 1, errors
        names = {each.version.name for each in store.definitions()}
        assert not (f"caller_{number}" in names and "load" not in names)
        if f"caller_{number}" in names:
            archive(store, Kind.WORKFLOW, [f"caller_{number}"], ANN, "", RULES)


def test_of_two_at_once_whose_names_look_alike_one_is_refused(url: URL) -> None:
    store = new_store(url)
    for number in range(5):

        def publish(name: str, of: int = number) -> None:
            put(WorkflowStore(make_engine(url)), sql_workflow(f"{name}_{of}a"))

        with ThreadPoolExecutor(2) as pool:
            errors = [each.exception() for each in (pool.submit(publish, "modem"), pool.submit(publish, "modern"))]
        assert [isinstance(error, StoreError) for error in errors].count(True) == 1, errors
    assert len(store.definitions()) == 5


@pytest.mark.parametrize("backend", ["postgresql+psycopg2", "postgresql+psycopg", "mysql+pymysql"])
def test_a_server_that_is_down_is_told_at_once(backend: str) -> None:
    (port,) = free_ports(1)
    store = WorkflowStore(make_engine(make_url(f"{backend}://etl:hunter2@127.0.0.1:{port}/x")), "the store")
    with pytest.raises(StoreUnavailableError, match="the store cannot be reached") as caught:
        store.newest_release()
    assert "hunter2" not in str(caught.value)


def test_a_server_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 2)  # the least that libpq takes
    monkeypatch.setattr(engines, "READ_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for backend in ("postgresql+psycopg2", "mysql+pymysql"):
            with pytest.raises(StoreUnavailableError, match="cannot be reached"):
                WorkflowStore(make_engine(make_url(f"{backend}://x@127.0.0.1:{port}/x"))).newest_release()


def test_a_driver_that_is_not_there_is_told() -> None:
    with pytest.raises(StoreUnavailableError, match=r"driver postgresql\+nothing cannot be used") as caught:
        make_engine(make_url("postgresql+nothing://etl:hunter2@127.0.0.1/x"))
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    store = WorkflowStore(make_engine(URL.create("sqlite", database=str(tmp_path / "none" / "x.db"))), "the store")
    with pytest.raises(StoreUnavailableError, match="the store cannot be reached: unable to open database file"):
        store.newest_release()


def test_who_waits_too_long_gives_up_and_nothing_has_changed(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_store(url)
    put(store, sql_workflow("daily"))
    monkeypatch.setattr(engines, "WRITE_SECONDS", 1)
    hasty = WorkflowStore(make_engine(url), "the store")
    with store.writing(), pytest.raises(StoreUnavailableError, match="the store gave up, nothing was changed"):
        put(hasty, sql_workflow("daily", "SELECT 2"))
    assert put(hasty, sql_workflow("daily", "SELECT 2")).release == 2


@pytest.mark.parametrize("kind", ["postgresql"])
def test_who_waited_for_another_goes_on_whatever_the_default_of_the_database_is(kind: str, tmp_path: Path) -> None:
    with new_database(kind, tmp_path) as url:
        store = new_store(url)
        with writing(store.engine, "the store") as connection:
            level = "SET default_transaction_isolation = 'repeatable read'"
            connection.execute(text(f"ALTER DATABASE {url.database} {level}"))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: put(store, sql_workflow("shared", f"SELECT {number}")), range(8)))
        assert store.newest_release().number == 8


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_when_the_database_is_lost_at_the_end_nobody_says_that_nothing_changed(kind: str, tmp_path: Path) -> None:
    with new_database(kind, tmp_path) as url:
        store = new_store(url)
        put(store, sql_workflow("daily"))
        killed = WorkflowStore(make_engine(url), "the store")
        assert killed.newest_release().number == 1

        def kill(connection: Connection) -> None:
            if not engines._WRITES.get():
                return
            mine = "pg_backend_pid" if kind == "postgresql" else "connection_id"
            number = connection.exec_driver_sql(f"SELECT {mine}()").scalar()
            with writing(store.engine, "the store") as other:
                kill = f"SELECT pg_terminate_backend({number})" if kind == "postgresql" else f"KILL {number}"
                other.exec_driver_sql(kill)

        event.listen(killed.engine, "commit", kill)
        with pytest.raises(
            StoreUnavailableError, match=r"the store was lost while it wrote .* workflows history tells"
        ):
            put(killed, sql_workflow("daily", "SELECT 2"))


@pytest.mark.parametrize("character", ["\0", "\udcff"])
def test_texts_that_cannot_be_kept_are_refused_alike_everywhere(url: URL, character: str) -> None:
    store = new_store(url)
    said = f"the character U\\+{ord(character):04X} cannot be kept in the store"
    with pytest.raises(InvalidTextError, match=said):
        put(store, sql_workflow("daily"), message=f"a{character}b")
    with pytest.raises(InvalidTextError, match=said):
        save_draft(store, Kind.WORKFLOW, "daily", Source(f"a{character}b"), ANN)
    with pytest.raises(InvalidTextError, match=said):
        store.versions(Kind.WORKFLOW, character)
    assert store.newest_release().number == 0


def test_a_read_only_database_can_be_read(url: URL) -> None:
    store = new_store(url)
    put(store, sql_workflow("daily"))
    with read_only(url) as address:
        guarded = WorkflowStore(make_engine(address), "the store")
        assert guarded.definition(Kind.WORKFLOW, "daily").version.number == 1
        with pytest.raises(StoreUnavailableError, match=r"the store gave up, nothing was changed: .*(read|denied)"):
            put(guarded, sql_workflow("daily", "SELECT 2"))
    assert store.newest_release().number == 1


@contextmanager
def read_only(url: URL) -> Iterator[URL]:
    """The same database, for reading only."""
    if url.get_backend_name() == "sqlite":
        yield url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
        return
    engine = make_engine(url)
    if url.get_backend_name() == "postgresql":
        with writing(engine, "the store") as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} SET default_transaction_read_only = on"))
        yield url
        return
    user = f"reader_{uuid.uuid4().hex[:12]}"
    with writing(engine, "the store") as connection:
        connection.execute(text(f"CREATE USER {user}@'%' IDENTIFIED BY 'reader'"))
        connection.execute(text(f"GRANT SELECT ON {url.database}.* TO {user}@'%'"))
    try:
        yield url.set(username=user, password="reader")
    finally:
        with writing(engine, "the store") as connection:
            connection.execute(text(f"DROP USER {user}@'%'"))


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    with new_database("sqlite", tmp_path) as url:
        store = new_store(url)
        put(store, sql_workflow("daily"))
        full = WorkflowStore(make_engine(url), "the store")

        def limit(connection: Any, _record: Any) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 2}")

        event.listen(full.engine, "connect", limit)
        with pytest.raises(StoreUnavailableError, match="nothing was changed: database or disk is full") as caught:
            put(full, sql_workflow("big", "SELECT '" + "x" * 100_000 + "'"))
        assert store.newest_release().number == 1
        assert "xxx" not in str(caught.value.__cause__), "logs show causes"
        with reading(store.engine, "the store") as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert put(store, sql_workflow("big", "SELECT '" + "x" * 100_000 + "'")).release == 2
