"""A DAG folder and a store with one name, on a real Airflow: the folder's DAG has it, and they do not take turns."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import URL

from airflow_workflow_provider.store.publishing import publish
from scripts.airflow_api import wait_for
from scripts.local_airflow import LocalAirflow
from tests.installed import site_folder
from tests.stores import ANN, RULES, new_store, sql_workflow, submission

ROOT = Path(__file__).resolve().parents[2]
LOADER = "# airflow dag\nfrom airflow_workflow_provider import load_workflow_dags\nload_workflow_dags(__file__)\n"


def test_a_name_that_both_have_is_the_folders(tmp_path: Path) -> None:
    dags, path = tmp_path / "dags", tmp_path / "workflows.db"
    dags.mkdir()
    store = new_store(URL.create("sqlite", database=str(path)))
    publish(store, [submission(sql_workflow("both")), submission(sql_workflow("other"))], ANN, "", RULES)
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    own = "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle"
    bundles = [
        {"name": "dags", "classpath": local, "kwargs": {"path": str(dags), "refresh_interval": 1}},
        {"name": "stored", "classpath": own, "kwargs": {"refresh_interval": 1}},
    ]
    env = {
        "AIRFLOW_CONN_WORKFLOW_STORE": f'{{"conn_type": "sqlite", "host": "{path}"}}',
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(tmp_path / "bundles"),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "PYTHONPATH": ":".join(map(str, [ROOT, *site_folder(tmp_path / "installed")])),
    }
    with LocalAirflow(dags, home=tmp_path / "home", env=env, triggerer=False) as airflow:
        airflow.wait_for_dag("both")
        assert airflow.dag_details("both")["bundle_name"] == "stored"
        (dags / "both.workflow.yaml").write_text(sql_workflow("both", "SELECT 'folder'"))
        (dags / "load.py").write_text(LOADER)
        airflow.wait_for_dag("both.stored")
        wait_for(lambda: airflow.dag_details("both")["bundle_name"] == "dags", "the folder's DAG")
        wait_for(lambda: "SELECT 'folder'" in str(airflow.dag_details("both")["doc_md"]), "its definition")
        assert "which keeps the name" in airflow.dag_details("both.stored")["doc_md"]
        parsed = airflow.dag_details("both.stored")["last_parsed_time"]
        wait_for(lambda: airflow.dag_details("both.stored")["last_parsed_time"] > parsed, "one more parse")
        assert airflow.dag_details("both")["bundle_name"] == "dags"
        (dags / "load.py").unlink()
        wait_for(lambda: airflow.dag_details("both")["bundle_name"] == "stored", "the name to be free")
