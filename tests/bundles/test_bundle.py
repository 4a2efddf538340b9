"""The DAG bundle as Airflow uses it: in the dag processor, in workers, and where only its name is wanted."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.bundles import base as airflow_base
from sqlalchemy import URL, text

from airflow_workflow_provider.bundles.errors import BundleError, OtherStoreError
from airflow_workflow_provider.bundles.releases import Releases
from airflow_workflow_provider.bundles.store import WorkflowStoreDagBundle
from airflow_workflow_provider.store import schema
from airflow_workflow_provider.store.engine import writing
from airflow_workflow_provider.store.errors import NotFoundError, StoreSchemaError, StoreUnavailableError
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import dag_file, names_in, tree
from tests.stores import new_database, new_store, put, sql_workflow

Bundle = Callable[..., WorkflowStoreDagBundle]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The SQLite file behind the connection ``workflow_store``; bundles are stored beside it."""
    path = tmp_path / "workflows.db"
    monkeypatch.setenv("AIRFLOW_CONN_WORKFLOW_STORE", f'{{"conn_type": "sqlite", "host": "{path}"}}')
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    monkeypatch.setattr(airflow_base, "STALE_BUNDLE_TRACKING_FOLDER", tmp_path / "bundles/_tracking")
    monkeypatch.setattr("airflow_workflow_provider.bundles.store._advise", lambda: None)
    return path


@pytest.fixture
def bundle(database: Path) -> Bundle:
    def make(version: str | None = None, **more: Any) -> WorkflowStoreDagBundle:
        return WorkflowStoreDagBundle(name="workflows", version=version, **more)

    return make


def version_of(bundle: WorkflowStoreDagBundle) -> str | None:
    """As Airflow unpacks it; before 3.3 it takes the text itself."""
    from airflow.dag_processing.bundles import base

    if not hasattr(base, "unpack_bundle_version"):
        version: str | None = bundle.get_current_version()
        return version
    version, data = base.unpack_bundle_version(bundle.get_current_version(), bundle)
    assert data is None
    return version


def test_airflow_makes_it_from_its_configuration_and_asks_no_store(
    database: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    config = (
        '[{"name": "workflows", "classpath": "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle", '
        '"kwargs": {"refresh_interval": 7, "store_conn_id": "nowhere", "view_url_template": "https://x/{version}"}}]'
    )
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", config)
    manager: Any = DagBundlesManager()  # type: ignore[no-untyped-call]
    (made,) = manager.get_all_dag_bundles()
    pinned = manager.get_bundle("workflows", version="3")
    assert made.supports_versioning
    assert (made.refresh_interval, made.view_url_template()) == (7, "https://x/{version}")
    assert made.path == tmp_path / "bundles/workflows/tracking"
    assert pinned.path == tmp_path / "bundles/workflows/versions/3"
    assert version_of(pinned) == "3"
    assert version_of(made) is None
    assert not (tmp_path / "bundles").exists()


def test_the_dag_processor_follows_the_store(bundle: Bundle, store: WorkflowStore) -> None:
    made = bundle()
    assert made.refresh_interval == 5
    made.initialize()
    assert version_of(made) == "0"
    put(store, sql_workflow("a"))
    made.refresh()
    assert version_of(made) == "1"
    assert list(tree(made.path)) == [os.path.relpath(dag_file(made.path, "a"), made.path)]
    assert version_of(bundle()) == "1"


def test_a_worker_has_the_release_that_its_run_began_with(bundle: Bundle, store: WorkflowStore) -> None:
    put(store, sql_workflow("a"))
    put(store, sql_workflow("a", "SELECT 2"))
    pinned, newest = bundle("1"), bundle()
    pinned.initialize()
    newest.initialize()
    assert sql_workflow("a") in dag_file(pinned.path, "a").read_text()
    assert sql_workflow("a", "SELECT 2") in dag_file(newest.path, "a").read_text()
    assert pinned.is_initialized


def test_what_changed_looks_new_once_more_and_again_when_airflow_writes_it(
    bundle: Bundle, store: WorkflowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parse that began before the switch may end after it, and for a while Airflow forgets what it parses."""
    clock = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    put(store, sql_workflow("a"), sql_workflow("b"))
    made = bundle()
    made.initialize()
    put(store, sql_workflow("a", "SELECT 2"))
    made.refresh()
    fresh = []
    for seconds in (5, 5, 20, 10, 10):
        clock += seconds
        for name in ("a", "b"):
            os.utime(dag_file(made.path, name), (1, 1))
        made.refresh()
        assert dag_file(made.path, "b").stat().st_mtime == 1
        fresh.append(dag_file(made.path, "a").stat().st_mtime > 1)
    assert fresh == [True, False, False, True, False]


def test_while_the_store_is_away_all_stays_and_the_log_says_so(
    bundle: Bundle, store: WorkflowStore, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, sql_workflow("a"))
    made = bundle()
    made.initialize()
    bundle("1").initialize()
    whole = tree(made.path)
    away = database.with_name("away")
    database.rename(away)
    database.mkdir()  # SQLite makes no new one in its place
    caplog.set_level(logging.INFO)
    for _ in range(2):
        caplog.clear()
        made.refresh()
        (warning,) = caplog.messages
        assert warning.startswith("Bundle 'workflows': the workflow store ")
        assert warning.endswith("; release 1, which is on disk, stays in use")
    restarted = bundle()
    restarted.initialize()
    bundle("1").initialize()
    assert version_of(restarted) == "1"
    assert tree(restarted.path) == whole
    database.rmdir()
    away.rename(database)
    put(store, sql_workflow("b"))
    caplog.clear()
    made.refresh()
    assert caplog.messages == ["Bundle 'workflows': the workflow store answers again; release 2"]
    caplog.clear()
    made.refresh()
    assert caplog.messages == []


def test_tables_that_become_newer_are_told_and_all_stays(
    bundle: Bundle, store: WorkflowStore, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, sql_workflow("a"))
    made = bundle()
    made.initialize()
    needed = schema.check(store.engine).needed
    set_revision(store, "9999")
    caplog.clear()
    made.refresh()
    (warning,) = caplog.messages
    assert "was made by a newer version of this package (revision 9999); install that version" in warning
    assert warning.endswith("; release 1, which is on disk, stays in use")
    assert len(tree(made.path)) == 1
    with pytest.raises(StoreSchemaError, match="newer version"):
        put(store, sql_workflow("b"))
    set_revision(store, needed)
    put(store, sql_workflow("b"))
    made.refresh()
    assert len(tree(made.path)) == 2


def set_revision(store: WorkflowStore, revision: str) -> None:
    """As if another version of the package had migrated the tables."""
    with writing(store.engine, store.name) as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{revision}'"))


def test_a_newer_store_and_nothing_on_disk_is_no_empty_store(bundle: Bundle, store: WorkflowStore) -> None:
    set_revision(store, "9999")
    with pytest.raises(StoreSchemaError, match="newer version") as told:
        bundle().initialize()
    assert told.value.__cause__ is None
    assert len(told.traceback) < 6, "Airflow logs it at every attempt"


def test_a_store_without_tables_is_an_error_that_names_the_command(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the wrong database: were there no workflows instead, Airflow would take all that it has for removed."""
    with new_database("postgresql", tmp_path) as url:
        connection = f'{{"conn_type": "postgres", "host": "{url.host}", "port": {url.port or 5432}, '
        connection += f'"login": "{url.username}", "password": "{url.password or ""}", "schema": "{url.database}"}}'
        monkeypatch.setenv("AIRFLOW_CONN_WORKFLOW_STORE", connection)
        made = WorkflowStoreDagBundle(name="workflows")
        for look in (made.initialize, made.refresh):
            with pytest.raises(StoreSchemaError) as told:
                look()
            assert str(told.value) == (
                "the workflow store 'workflow_store' has no tables yet; run airflow workflows db migrate"
            )
            assert len(told.traceback) < 6, "Airflow logs it at every attempt"
        store = new_store(url)
        put(store, sql_workflow("a"))
        made.refresh()
        assert version_of(made) == "1"
        put(store, sql_workflow("a", "SELECT 2"))
        pinned = WorkflowStoreDagBundle(name="workflows", version="1")
        pinned.initialize()
        assert sql_workflow("a") in dag_file(pinned.path, "a").read_text()


def test_nothing_on_disk_and_no_store_is_an_error_that_says_so(
    bundle: Bundle, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.mkdir()
    monkeypatch.setattr("airflow_workflow_provider.bundles.store._PAUSES", (0, 0))
    made = bundle()
    with pytest.raises(StoreUnavailableError, match="cannot be reached") as told:
        made.initialize()
    assert told.value.__cause__ is None
    assert not made.is_initialized
    with pytest.raises(BundleError, match=r"^release 4 of bundle 'workflows' is not on this disk, and the "):
        bundle("4").initialize()


def test_a_worker_whose_store_answers_again_goes_on(
    bundle: Bundle, store: WorkflowStore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, sql_workflow("a"))
    database.rename(database.with_name("away"))
    database.mkdir()

    def come_back(_: float) -> None:
        database.rmdir()
        database.with_name("away").rename(database)

    monkeypatch.setattr(time, "sleep", come_back)
    pinned = bundle("1")
    pinned.initialize()
    assert len(tree(pinned.path)) == 1


@pytest.fixture
def silent_server(monkeypatch: pytest.MonkeyPatch, database: Path) -> Iterator[None]:
    """A store whose server takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv(
            "AIRFLOW_CONN_WORKFLOW_STORE",
            f'{{"conn_type": "postgres", "host": "127.0.0.1", "port": {port}, "login": "x", "schema": "x"}}',
        )
        yield


def test_a_store_that_says_nothing_is_given_up(silent_server: None, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        WorkflowStoreDagBundle(name="workflows").initialize()


def test_who_waited_for_one_whom_the_store_failed_fails_with_it(
    bundle: Bundle, store: WorkflowStore, database: Path
) -> None:
    """Else each of the tasks that wait would wait for the store in its turn."""
    from threading import Event, Thread

    put(store, sql_workflow("a"))
    holder, waiter = bundle("1"), bundle("1")
    found: list[BaseException] = []
    inside, waiting = Event(), Event()

    def fail_slowly() -> Any:
        inside.set()
        waiting.wait(10)
        raise StoreUnavailableError("the workflow store is away")

    def lock() -> Any:
        waiting.set()
        return waiter.lock()

    def wait() -> None:
        try:
            Releases(str(waiter.base_dir), lock).materialise(lambda: pytest.fail("the store was opened"), 1)
        except BaseException as error:  # noqa: BLE001 - told below
            found.append(error)

    def hold() -> None:
        with pytest.raises(StoreUnavailableError):
            holder._releases.materialise(fail_slowly, 1)

    threads = [Thread(target=hold), Thread(target=wait)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert [(type(error), str(error)) for error in found] == [(StoreUnavailableError, "the workflow store is away")]


def test_a_folder_of_another_store_is_refused(bundle: Bundle, store: WorkflowStore, database: Path) -> None:
    put(store, sql_workflow("a"))
    made = bundle()
    made.initialize()
    whole = tree(made.path)
    database.unlink()
    other = new_store(URL.create("sqlite", database=str(database)))
    put(other, sql_workflow("b"))
    put(other, sql_workflow("c"))
    with pytest.raises(OtherStoreError, match="holds releases of another workflow store"):
        made.refresh()
    with pytest.raises(OtherStoreError):
        bundle("2").initialize()
    assert tree(made.path) == whole


@pytest.mark.parametrize("version", ["../../etc", "x", "-1", "01", "٣", "1" * 30, "1.0"])
def test_what_is_no_release_is_refused(bundle: Bundle, version: str) -> None:
    with pytest.raises(BundleError, match="is no release of the workflow store"):
        bundle(version).initialize()


def test_a_release_that_the_store_does_not_have_is_said_at_once(bundle: Bundle, store: WorkflowStore) -> None:
    with pytest.raises(NotFoundError, match="has no release 9"):
        bundle("9").initialize()


def test_a_pinned_bundle_cannot_be_refreshed(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="bundle 'workflows' is pinned to release 1"):
        bundle("1").refresh()


def test_airflow_cleans_up_and_the_rest_goes_with_it(
    bundle: Bundle, store: WorkflowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    base: Any = airflow_base
    config = (
        '[{"name": "workflows", "classpath": "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle", '
        '"kwargs": {}}]'
    )
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", config)
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__STALE_BUNDLE_CLEANUP_MIN_VERSIONS", "1")
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__STALE_BUNDLE_CLEANUP_AGE_THRESHOLD", "0")
    made = bundle()
    for number in range(1, 5):  # and nothing more, as for a task that cannot be built
        put(store, sql_workflow("a", f"SELECT {number}"))
        made.refresh()
        bundle(str(number)).initialize()
    with base.BundleVersionLock("workflows", "1"):  # as a worker does while a task runs
        bundle("4").initialize()
        base.BundleUsageTrackingManager().remove_stale_bundle_versions()
        assert names_in(made.versions_dir) == {"1", "4"}
    assert len(tree(made.versions_dir / "1")) == 1
    assert len(tree(made.path)) == 1
    shutil.rmtree(made.base_dir)
