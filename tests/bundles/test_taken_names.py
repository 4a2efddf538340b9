"""A workflow of the store gives way to a DAG from elsewhere that has its name, also while that is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.errors import ParseImportError
from airflow.utils.session import create_session
from sqlalchemy import delete, update

from airflow_workflow_provider.bundles.store import WorkflowStoreDagBundle
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import dag_file
from tests.stores import put, sql_workflow

BUNDLES = [
    {"name": "dags", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}},
    {
        "name": "stored",
        "classpath": "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle",
        "kwargs": {},
    },
]
Look = Callable[[], dict[str, Any]]


@pytest.fixture
def look(
    store: WorkflowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_database: None
) -> Iterator[Look]:
    """Refresh the bundle and parse its files, as the dag processor does; Airflow has a DAG ``a`` of the folder."""
    from airflow.dag_processing.dagbag import BundleDagBag

    path = tmp_path / "workflows.db"
    monkeypatch.setenv("AIRFLOW_CONN_WORKFLOW_STORE", f'{{"conn_type": "sqlite", "host": "{path}"}}')
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(BUNDLES))
    with create_session() as session:
        session.add_all([DagBundleModel(name=str(each["name"])) for each in BUNDLES])
        session.flush()
        values = {"dag_id": "a", "bundle_name": "dags", "relative_fileloc": "a.py", "is_stale": False}
        session.add(DagModel(**values))  # type: ignore[no-untyped-call]
    put(store, sql_workflow("a"), sql_workflow("b"))
    bundle = WorkflowStoreDagBundle(name="stored")

    def parsed() -> dict[str, Any]:
        bundle.refresh()
        return dict(BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name="stored").dags)

    yield parsed
    with create_session() as session:
        session.execute(delete(ParseImportError).where(ParseImportError.bundle_name == "dags"))
        session.execute(delete(DagModel).where(DagModel.bundle_name.in_(["dags", "stored"])))
        session.execute(delete(DagBundleModel).where(DagBundleModel.name.in_(["dags", "stored"])))


def change(**values: Any) -> None:
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "a").values(**values))


def test_the_dag_from_elsewhere_keeps_its_name(look: Look) -> None:
    found = look()
    assert set(found) == {"a.stored", "b"}
    (error,) = found["a.stored"].task_dict["definition_error"].errors
    assert "Airflow has a DAG 'a', from a.py of bundle 'dags', which keeps the name" in error


def test_it_keeps_it_while_its_file_is_broken_and_not_when_it_is_gone(look: Look) -> None:
    change(is_stale=True)
    with create_session() as session:
        session.add(ParseImportError(bundle_name="dags", filename="a.py", stacktrace="x"))
    assert set(look()) == {"a.stored", "b"}
    with create_session() as session:
        session.execute(delete(ParseImportError).where(ParseImportError.bundle_name == "dags"))
    assert set(look()) == {"a", "b"}


def test_what_the_store_brought_is_its_own(look: Look) -> None:
    change(bundle_name="stored")
    assert set(look()) == {"a", "b"}


def test_what_a_bundle_left_that_is_configured_no_more_is_nobodys(look: Look) -> None:
    with create_session() as session:
        session.execute(update(DagBundleModel).where(DagBundleModel.name == "dags").values(active=False))
    assert set(look()) == {"a", "b"}


def test_a_file_for_which_that_changes_looks_new_to_the_dag_processor(look: Look, tmp_path: Path) -> None:
    change(bundle_name="stored")
    look()
    tracking = tmp_path / "bundles" / "stored" / "tracking"
    before = {name: dag_file(tracking, name).stat().st_mtime_ns for name in ("a", "b")}
    change(bundle_name="dags")
    look()
    assert dag_file(tracking, "a").stat().st_mtime_ns > before["a"]
    assert dag_file(tracking, "b").stat().st_mtime_ns == before["b"]


def test_a_run_that_has_begun_goes_on(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    look()
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "a")
    assert "only" in look()["a"].task_dict
