"""The tables: made once however many ask, brought up to date from every revision, never used when they are others."""

from __future__ import annotations

import logging
import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, inspect, make_url, text

from airflow_workflow_provider.store import schema
from airflow_workflow_provider.store.engine import make_engine, reading, writing
from airflow_workflow_provider.store.errors import StoreError, StoreSchemaError
from airflow_workflow_provider.store.records import Kind
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.tables import PREFIX, Table
from tests.stores import bash_package, calling_workflow, new_store, put

FROZEN = Path(__file__).parent / "revisions"
PROCESSES = 10


def differences(url: URL) -> list[object]:
    """Between the tables in a database and those in the code."""
    with reading(make_engine(url), "the store") as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or str(name).startswith(PREFIX),
                "version_table": schema.VERSION_TABLE,
            },
        )
        return list(compare_metadata(context, Table.metadata))


def test_migrations_make_the_tables_of_the_code(url: URL) -> None:
    engine = make_engine(url)
    assert schema.check(engine).problem("the store") == (
        "the store has no tables yet; run airflow workflows db migrate"
    )
    schema.migrate(engine)
    assert schema.check(engine).is_current
    assert differences(url) == []
    assert schema.migrate(engine).is_current, "once more does nothing"


def test_tables_of_others_in_the_same_database_are_left_alone(url: URL) -> None:
    engine = make_engine(url)
    with writing(engine, "the store") as connection:
        connection.execute(text("CREATE TABLE version (id INTEGER)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('airflow')"))
    put(new_store(url), bash_package("load"))
    schema.downgrade(engine, "base")
    with reading(engine, "the store") as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "airflow"
        left = set(inspect(connection).get_table_names())
    assert left == {"version", "alembic_version", schema.VERSION_TABLE}


def _migrate(address: str, barrier: object, results: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    try:
        store = new_store(make_url(address))
        results.put(store.identity)  # type: ignore[attr-defined]
    except StoreError as error:
        results.put(repr(error))  # type: ignore[attr-defined]


def test_many_processes_that_start_at_once_make_one_store(url: URL) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    address = url.render_as_string(hide_password=False)
    processes = [context.Process(target=_migrate, args=(address, barrier, results)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    identities = {results.get(timeout=100) for _ in processes}
    for process in processes:
        process.join()
    assert identities == {new_store(url).identity}


@pytest.mark.parametrize("revision", schema.revisions())
def test_every_revision_has_a_frozen_database_that_can_still_be_migrated(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "workflows.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FROZEN / f"{revision}.sql").read_text(encoding="utf-8"))
    url = URL.create("sqlite", database=str(path))
    store = new_store(url)
    assert differences(url) == []
    assert [(each.number, each.author, each.message) for each in store.versions(Kind.WORKFLOW, "daily")] == [
        (2, "bob", "calls another package"),
        (1, "ann", "first"),
    ]
    assert store.definition(Kind.WORKFLOW, "daily", 1).source.text == calling_workflow("daily", "load")
    assert store.newest_release().number == 3
    assert {(each.name, each.number) for each in store.versions_of(3)} == {("daily", 1), ("load", 1), ("other", 1)}
    assert put(store, calling_workflow("new", "load")).release == 4


def test_every_revision_can_be_reached_and_left_on_every_database(url: URL) -> None:
    engine = make_engine(url)
    for revision in schema.revisions():
        schema.migrate(engine, revision=revision)
        assert schema.check(engine).current == revision
    for revision in reversed(schema.revisions()[:-1]):
        schema.downgrade(engine, revision)
        assert schema.check(engine).current == revision
    schema.downgrade(engine, "base")
    schema.migrate(engine)
    assert differences(url) == []


def test_a_store_without_tables_or_of_a_newer_version_is_not_used(url: URL) -> None:
    store = WorkflowStore(make_engine(url), "the store")
    with pytest.raises(StoreSchemaError, match="the store has no tables yet; run airflow workflows db migrate"):
        store.newest_release()
    with pytest.raises(StoreSchemaError, match="nothing to take back"):
        schema.downgrade(store.engine, "base", "the store")
    schema.migrate(store.engine)
    with writing(store.engine, "the store") as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    newer = "the store was made by a newer version of this package"
    with pytest.raises(StoreSchemaError, match=newer):
        store.newest_release()
    with pytest.raises(StoreSchemaError, match=newer):
        schema.migrate(store.engine, "the store")


def test_migrations_say_nothing(url: URL, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    schema.migrate(make_engine(url))
    schema.downgrade(make_engine(url), "base")
    assert not caplog.records


def test_unknown_revisions_are_told(url: URL) -> None:
    store = new_store(url)
    with pytest.raises(StoreSchemaError, match="cannot be taken back to 'nonsense'"):
        schema.downgrade(store.engine, "nonsense", "the store")
    assert schema.check(store.engine).is_current
