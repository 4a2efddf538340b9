"""A workflow of the store never takes the place of somebody else's DAG."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from sqlalchemy import delete, update

from tests.cli_store.conftest import Run
from tests.stores import sql_workflow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

pytestmark = pytest.mark.usefixtures("sqlite")
BUNDLES: list[dict[str, Any]] = [
    {"name": "dags", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}},
    {
        "name": "stored",
        "classpath": "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle",
        "kwargs": {},
    },
]


@pytest.fixture(autouse=True)
def others(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """DAGs that Airflow has; committed, as others would see them."""
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(BUNDLES))
    session.add_all([DagBundleModel(name=each["name"]) for each in BUNDLES])
    session.flush()
    for dag_id, bundle, is_stale in (("payroll", "dags", False), ("gone", "dags", True), ("ours", "stored", False)):
        session.add(dag(dag_id, bundle, is_stale=is_stale))
    session.commit()
    yield
    names = [each["name"] for each in BUNDLES]
    session.execute(delete(DagModel).where(DagModel.bundle_name.in_(names)))
    session.execute(delete(DagBundleModel).where(DagBundleModel.name.in_(names)))
    session.commit()


def dag(dag_id: str, bundle: str, *, is_stale: bool = False) -> DagModel:
    values = {"dag_id": dag_id, "bundle_name": bundle, "relative_fileloc": f"{dag_id}.py", "is_stale": is_stale}
    return DagModel(**values)  # type: ignore[no-untyped-call]


def publish(run: Run, folder: Path, name: str) -> str:
    path = folder / f"{name}.workflow.yaml"
    path.write_text(sql_workflow(name))
    result = run(f"publish {path.name}")
    return result.err if result.code else result.out


def test_the_name_of_a_dag_from_elsewhere_is_refused(run: Run, folder: Path) -> None:
    assert publish(run, folder, "payroll") == (
        "payroll.workflow.yaml:1:11: error: workflow: Airflow has a DAG 'payroll' already, from payroll.py of bundle "
        "'dags'; rename this workflow, or remove that DAG [dag_id_taken]\n"
        "1 error in 1 of 1 file; nothing was published\n"
    )


def test_the_name_of_a_dag_that_is_broken_for_a_moment_is_refused(run: Run, folder: Path) -> None:
    assert publish(run, folder, "gone") == (
        "gone.workflow.yaml:1:11: error: workflow: Airflow remembers a DAG 'gone', from gone.py of bundle 'dags', "
        "which is gone or broken at the moment; rename this workflow, or, if that DAG is gone for good: airflow dags "
        "delete gone [dag_id_taken]\n"
        "1 error in 1 of 1 file; nothing was published\n"
    )


def test_the_name_of_an_archived_workflow_that_a_dag_file_had_loaded_is_free(
    run: Run, folder: Path, session: Session
) -> None:
    publish(run, folder, "former")
    session.add(dag("former", "dags", is_stale=True))
    session.commit()
    run("archive former")
    (folder / "former.workflow.yaml").write_text(sql_workflow("former", "SELECT 2"))
    assert run("publish former.workflow.yaml").out.startswith("workflow  former  version 2\n")


def test_what_is_left_of_a_bundle_that_is_gone_is_free(run: Run, folder: Path, session: Session) -> None:
    session.execute(update(DagBundleModel).where(DagBundleModel.name == "dags").values(active=False))
    session.commit()
    assert publish(run, folder, "payroll").startswith("workflow  payroll  version 1\n")


@pytest.mark.parametrize("name", ["ours", "new"])
def test_other_names_are_free(run: Run, folder: Path, name: str) -> None:
    assert publish(run, folder, name) == f"workflow  {name}  version 1\nrelease 1\n"


def test_a_workflow_that_is_in_the_store_goes_on(run: Run, folder: Path, session: Session) -> None:
    """Also where the store is loaded by a file of the DAG folder: then Airflow has it from there."""
    publish(run, folder, "loaded")
    session.add(dag("loaded", "dags"))
    session.commit()
    (folder / "loaded.workflow.yaml").write_text(sql_workflow("loaded", "SELECT 2"))
    assert run("publish loaded.workflow.yaml").out == "workflow  loaded  version 2\nrelease 2\n"
