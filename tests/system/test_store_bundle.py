"""The store's DAG bundle on a real Airflow: published is there, runs keep their version, an outage stops nothing."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL

from airflow_workflow_provider.definitions.stored.trust import Trust
from airflow_workflow_provider.store.permissions import Rules
from airflow_workflow_provider.store.publishing import activate, archive, publish
from airflow_workflow_provider.store.records import Kind, Published
from airflow_workflow_provider.store.repository import WorkflowStore
from scripts.airflow_api import wait_for
from scripts.local_airflow import LocalAirflow
from tests.installed import site_folder
from tests.stores import ANN, new_store, submission

ROOT = Path(__file__).resolve().parents[2]
RULES = Rules(Trust(operators=("*",), connections=("*",)), frozenset({"Admin"}))
DB = "defaults: {connection: test_db}\n"


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "workflows.db"


@pytest.fixture(scope="module")
def store(store_file: Path) -> WorkflowStore:
    return new_store(URL.create("sqlite", database=str(store_file)))


@pytest.fixture(scope="module")
def stored_airflow(
    store: WorkflowStore, store_file: Path, database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    """An Airflow whose DAGs all come from the store."""
    bundle = {
        "name": "workflows",
        "classpath": "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle",
        "kwargs": {"refresh_interval": 1},
    }
    paths = [ROOT, *site_folder(tmp_path_factory.mktemp("installed"))]
    env = {
        "AIRFLOW_CONN_TEST_DB": f'{{"conn_type": "sqlite", "host": "{database}"}}',
        "AIRFLOW_CONN_WORKFLOW_STORE": f'{{"conn_type": "sqlite", "host": "{store_file}"}}',
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(tmp_path_factory.mktemp("bundles")),
        # Changed files must not wait for it.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        "AIRFLOW__WORKFLOWS__ALLOWED_OPERATORS": "airflow.providers.standard.operators.bash.BashOperator",
        "PYTHONPATH": os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")]),
    }
    with LocalAirflow(
        tmp_path_factory.mktemp("dags"), home=tmp_path_factory.mktemp("airflow"), env=env, triggerer=False
    ) as running:
        yield running


Put = Callable[..., Published]


@pytest.fixture
def put(store: WorkflowStore) -> Put:
    def publish_texts(*texts: str, message: str = "") -> Published:
        return publish(store, [submission(text) for text in texts], ANN, message, RULES)

    return publish_texts


def writes(name: str, line: str, *more: str) -> str:
    """A workflow of two tasks that writes what it is, waits for a file, and writes again."""
    return f"""workflow: {name}
{DB}tasks:
  first: {{sql: "INSERT INTO log VALUES (:run_id, 'first {line} ' || :workflow_version)"}}
  wait:
    operator: airflow.providers.standard.operators.bash.BashOperator
    arguments: {{bash_command: "{" ".join(more) or "true"}"}}
    depends_on: first
  last: {{sql: "INSERT INTO log VALUES (:run_id, 'last {line} ' || :workflow_version)", depends_on: wait}}
"""


def lines(database: Path, run_id: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [line for (line,) in connection.execute("SELECT line FROM log WHERE run_id = ?", [run_id])]


def dag_versions(airflow: LocalAirflow, dag_id: str) -> list[tuple[int, str]]:
    """Number and bundle version of every version that Airflow keeps of a DAG."""
    with closing(sqlite3.connect(airflow.home / "airflow.db", timeout=120)) as connection:
        query = "SELECT version_number, bundle_version FROM dag_version WHERE dag_id = ? ORDER BY version_number"
        return list(connection.execute(query, [dag_id]))


def wait_for_source(airflow: LocalAirflow, dag_id: str, text: str) -> None:
    wait_for(lambda: text in airflow.dag_source(dag_id), f"the code of {dag_id} with {text}")


def wait_for_text(airflow: LocalAirflow, component: str, text: str) -> None:
    wait_for(lambda: text in airflow.component_log(component), f"'{text}' in the log of the {component}")


def test_what_is_published_is_there_with_its_text_its_author_and_its_message(
    stored_airflow: LocalAirflow, put: Put
) -> None:
    text = writes("shown", "one")
    put(text, message="first *try*, see [here](x)")
    stored_airflow.wait_for_dag("shown")
    assert text.replace("\\", "") in stored_airflow.dag_source("shown")
    doc = stored_airflow.dag_details("shown")["doc_md"]
    assert doc.startswith("Version 1, published 20")
    assert doc.endswith(r" UTC by ann: first \*try\*, see \[here\]\(x\)")


def test_a_run_keeps_its_version_beside_a_new_one_that_is_rolled_back(
    stored_airflow: LocalAirflow, put: Put, store: WorkflowStore, database: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.2; done"
    put(writes("long", "one", wait), writes("bystander", "always"))
    stored_airflow.wait_for_dag("long")
    stored_airflow.wait_for_dag("bystander")
    old = stored_airflow.trigger("long")
    wait_for(lambda: lines(database, old), "the first task")

    put(writes("long", "two"), message="other SQL")
    wait_for_source(stored_airflow, "long", "first two")
    new = stored_airflow.trigger("long")
    assert stored_airflow.wait_for_run("long", new) == "success"
    assert lines(database, new) == ["first two 2", "last two 2"]
    assert stored_airflow.run("long", old).state == "running"

    activate(store, Kind.WORKFLOW, "long", 1, ANN, "back", RULES)
    wait_for_source(stored_airflow, "long", "first one")
    back = stored_airflow.trigger("long")
    wait_for(lambda: lines(database, back), "the first task of the run after the roll back")
    gate.touch()
    assert stored_airflow.wait_for_run("long", old) == "success"
    assert lines(database, old) == ["first one 1", "last one 1"]
    assert stored_airflow.wait_for_run("long", back) == "success"
    assert lines(database, back) == ["first one 1", "last one 1"]

    assert [number for number, _ in dag_versions(stored_airflow, "long")] == [1, 2, 3]
    assert [number for number, _ in dag_versions(stored_airflow, "bystander")] == [1]


def test_a_removed_task_still_runs_in_the_run_that_began_with_it(
    stored_airflow: LocalAirflow, put: Put, database: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    put(writes("shrinking", "one", f"while [ ! -e {gate} ]; do sleep 0.2; done"))
    stored_airflow.wait_for_dag("shrinking")
    old = stored_airflow.trigger("shrinking")
    wait_for(lambda: lines(database, old), "the first task")
    put(f"workflow: shrinking\n{DB}tasks:\n  only: {{sql: SELECT 1}}\n")
    wait_for_source(stored_airflow, "shrinking", "SELECT 1")
    gate.touch()
    assert stored_airflow.wait_for_run("shrinking", old) == "success"
    assert lines(database, old) == ["first one 1", "last one 1"]


def test_while_the_store_is_away_everything_goes_on_with_a_warning(
    stored_airflow: LocalAirflow, put: Put, database: Path, store_file: Path
) -> None:
    put(writes("lasting", "one"))
    stored_airflow.wait_for_dag("lasting")
    away = store_file.with_name("away")
    store_file.rename(away)
    store_file.mkdir()
    try:
        wait_for_text(stored_airflow, "dag-processor", "which is on disk, stays in use")
        run = stored_airflow.trigger("lasting")
        assert stored_airflow.wait_for_run("lasting", run) == "success"
        assert lines(database, run) == ["first one 1", "last one 1"]
    finally:
        store_file.rmdir()
        away.rename(store_file)
    wait_for_text(stored_airflow, "dag-processor", "the workflow store answers again")
    put(writes("after", "the outage"))
    stored_airflow.wait_for_dag("after")


def test_what_may_not_run_any_more_says_so_and_hides_no_other(
    stored_airflow: LocalAirflow, put: Put, store: WorkflowStore
) -> None:
    other = writes("forbidden", "x").replace("bash.BashOperator", "python.PythonOperator")
    put(other, writes("allowed", "x"))
    stored_airflow.wait_for_dag("allowed")
    stored_airflow.wait_for_dag("forbidden")
    details = stored_airflow.dag_details("forbidden")
    assert [tag["name"] for tag in details["tags"]] == ["broken definition"]
    assert "forbidden/1.workflow.yaml:" in details["doc_md"]
    assert stored_airflow.import_errors() == []
    archive(store, Kind.WORKFLOW, ["forbidden"], ANN, "", RULES)
    wait_for(lambda: "forbidden" not in stored_airflow.dag_ids(), "the archived DAG to go")
    assert "allowed" in stored_airflow.dag_ids()
