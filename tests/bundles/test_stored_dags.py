"""What DAGs the DAG files make: as Airflow's DagBag sees a release folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.definitions.stored.trust import Trust
from airflow_workflow_provider.store.errors import StoreUnavailableError
from airflow_workflow_provider.store.permissions import Rules
from airflow_workflow_provider.store.publishing import publish
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import dag_file, releases_in, tree
from tests.stores import ANN, RULES, bash_package, calling_workflow, put, sql_workflow, submission

ROOT = Path(__file__).resolve().parents[2]
BASH = "airflow.providers.standard.operators.bash.BashOperator"
OPERATOR = f"workflow: {{}}\ntasks:\n  only: {{{{operator: {BASH}, arguments: {{{{bash_command: 'true'}}}}}}}}\n"
ANYTHING = Rules(Trust(operators=("*",), connections=("*",)), RULES.package_publishers)

Load = Callable[..., Any]


@pytest.fixture
def load(store: WorkflowStore, folder: Path, airflow_database: None) -> Load:
    """Follow the store and parse as the dag processor does: all files of the release, or one."""
    from airflow.dag_processing.dagbag import BundleDagBag

    releases = releases_in(folder)

    def parse(name: str | None = None) -> Any:
        releases.follow(store, lambda: store)
        tracking = folder / "tracking"
        return BundleDagBag(
            dag_folder=dag_file(tracking, name) if name else tracking, bundle_path=tracking, bundle_name="tests"
        )

    return parse


def plans(folder: Path) -> list[Path]:
    return sorted((folder / "objects").rglob("*.plan"))


def test_each_workflow_is_a_dag_of_its_version(store: WorkflowStore, load: Load) -> None:
    put(store, sql_workflow("a"), sql_workflow("Täglich.x"), bash_package("p"), calling_workflow("c", "p"))
    put(store, sql_workflow("a", "SELECT 2"), message="faster")
    found = load()
    assert found.import_errors == {}
    assert set(found.dags) == {"a", "Täglich.x", "c"}
    assert found.dags["a"].task_dict["only"].sql == "SELECT 2"
    assert json.loads(found.dags["a"].task_dict["only"].doc_json)["version"] == "2"


def test_the_documentation_tells_the_version_and_shows_what_others_wrote_as_plain_text(
    store: WorkflowStore, load: Load
) -> None:
    text = sql_workflow("a", description="'Version 9, published by the boss'")
    publish(store, [submission(text)], ANN, "see <b>this</b>\n# and [that](javascript:x) `x` **y**", RULES)
    doc = load().dags["a"].doc_md
    version, _, description = doc.partition("\n\n")
    assert description == "Version 9, published by the boss", "nobody can say so in front of the version"
    assert version.startswith("Version 1, published 20")
    assert version.endswith(r" UTC by ann: see \<b\>this\</b\> \# and \[that\]\(javascript\:x\) \`x\` \*\*y\*\*")
    assert "SELECT" not in doc


def test_a_plan_is_kept_and_used_in_later_releases_until_the_rules_change(
    store: WorkflowStore, load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, sql_workflow("a"), sql_workflow("b"))
    load()
    kept = {path: path.stat().st_mtime_ns for path in plans(folder)}
    assert len(kept) == 2
    put(store, sql_workflow("b", "SELECT 2"))
    load()
    assert len(plans(folder)) == 3
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    monkeypatch.setenv("AIRFLOW__WORKFLOWS__ALLOWED_CONNECTIONS", "other, ware*")
    load("a")
    assert [path.stat().st_mtime_ns > before for path, before in kept.items()].count(True) == 1


def test_a_plan_that_others_could_have_written_is_made_anew(store: WorkflowStore, load: Load, folder: Path) -> None:
    put(store, sql_workflow("a", "SELECT 'mine'"))
    load()
    (plan,) = plans(folder)
    plan.write_bytes(plan.read_bytes().replace(b"mine", b"evil"))
    assert load().dags["a"].task_dict["only"].sql == "SELECT 'evil'"  # a plan is believed
    plan.chmod(0o660)
    assert load().dags["a"].task_dict["only"].sql == "SELECT 'mine'"
    assert plan.stat().st_mode & 0o777 == 0o600


def test_what_the_rules_do_not_allow_any_more_is_broken_and_nothing_else(store: WorkflowStore, load: Load) -> None:
    publish(store, [submission(OPERATOR.format("a")), submission(sql_workflow("b"))], ANN, "", ANYTHING)
    found = load()
    assert found.import_errors == {}
    assert found.dags["a"].tags == {"broken definition"}
    (error,) = found.dags["a"].task_dict["definition_error"].errors
    assert error.startswith("a/1.workflow.yaml:3:")
    assert set(found.dags["b"].task_dict) == {"only"}


def test_an_operator_that_is_gone_is_an_error_at_its_place(
    store: WorkflowStore, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__WORKFLOWS__ALLOWED_OPERATORS", "*")
    text = OPERATOR.format("a").replace("BashOperator", "GoneOperator")
    publish(store, [submission(text)], ANN, "", ANYTHING)
    (error,) = load().dags["a"].task_dict["definition_error"].errors
    assert error.startswith("a/1.workflow.yaml:3:")
    assert "GoneOperator" in error


WORKER = """
import json, sys
from airflow.sdk import BaseOperator, DAG, get_parsing_context
import airflow.dag_processing.bundles.base, airflow.providers.common.sql.operators.sql
before = set(sys.modules)
import importlib.machinery
module = importlib.machinery.SourceFileLoader("stored", sys.argv[1]).load_module()
print(json.dumps([module.dag.dag_id, sorted({name.partition(".")[0] for name in set(sys.modules) - before} |
      {name for name in set(sys.modules) - before if name.startswith("airflow_workflow_provider.")})]))
"""


def test_a_worker_that_finds_the_plan_reads_no_language_and_no_database(
    store: WorkflowStore, load: Load, folder: Path
) -> None:
    put(store, sql_workflow("a"))
    load()
    environment = {**os.environ, "_AIRFLOW_PARSING_CONTEXT_DAG_ID": "a", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-c", WORKER, str(dag_file(folder / "tracking", "a"))]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    name, modules = json.loads(ran.stdout.splitlines()[-1])
    assert name == "a"
    language = ["definitions.models", "definitions.reader", "definitions.document", "compiler.compile"]
    heavy = [*language, "store.repository", "store.settings", "store.tables", "bundles.releases"]
    assert not {f"airflow_workflow_provider.{each}" for each in heavy} & set(modules)
    assert not {"yaml", "alembic"} & set(modules)


@pytest.fixture
def load_store(
    tmp_path: Path, airflow_database: None, monkeypatch: pytest.MonkeyPatch, store: WorkflowStore
) -> Callable[..., dict[str, Any]]:
    """``load_workflow_dags(store="workflow_store")``."""
    from airflow_workflow_provider import load_workflow_dags

    path = tmp_path / "workflows.db"
    monkeypatch.setenv("AIRFLOW_CONN_WORKFLOW_STORE", f'{{"conn_type": "sqlite", "host": "{path}"}}')
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    monkeypatch.setenv("AIRFLOW_CONN_OTHER_STORE", f'{{"conn_type": "sqlite", "host": "{path}"}}')
    return lambda folder=None, store="workflow_store": load_workflow_dags(folder, store=store)


def test_a_dag_file_can_load_a_store_without_a_bundle(load_store: Any, store: WorkflowStore) -> None:
    put(store, sql_workflow("a", description="D."), sql_workflow("b"))
    dags = load_store()
    assert set(dags) == {"a", "b"}
    assert sql_workflow("a", description="D.") in dags["a"].doc_md
    assert "Version 1, published" in dags["a"].doc_md
    put(store, sql_workflow("a", "SELECT 2"))
    assert load_store()["a"].task_dict["only"].sql == "SELECT 2"


def test_no_workflow_uses_the_connection_of_the_store_that_it_is_loaded_from(
    load_store: Any, store: WorkflowStore
) -> None:
    put(store, sql_workflow("curious").replace("warehouse", "other_store"))
    assert "broken definition" not in load_store()["curious"].tags
    assert "broken definition" in load_store(store="other_store")["curious"].tags


def test_a_folder_and_a_store_can_be_loaded_together(load_store: Any, store: WorkflowStore, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "mine.workflow.yaml").write_text("workflow: mine\nphases: [[a]]\n")
    (dags / "b.workflow.yaml").write_text(sql_workflow("b", "SELECT 'file'"))
    put(store, sql_workflow("a"), sql_workflow("b"))
    found = load_store(dags)
    assert {"a", "b", "mine"} < set(found)
    assert found["b"].task_dict["only"].sql == "SELECT 'file'"
    assert "bears the name of" in str([each.doc_md for each in found.values() if "broken definition" in each.tags])


def test_a_file_of_the_folder_keeps_its_name_while_it_is_broken(
    load_store: Any, store: WorkflowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "b.workflow.yaml").write_text("workflow: b\ntasks: [")
    put(store, sql_workflow("a"), sql_workflow("b"))
    found = load_store(dags)
    assert set(found) == {"a", "b", "b.broken"}
    assert str(dags / "b.workflow.yaml") in found["b"].doc_md
    assert "publish it under another name, or remove that file" in found["b.broken"].doc_md
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "b")
    assert str(dags / "b.workflow.yaml") in load_store(dags)["b"].doc_md


def test_a_store_that_never_answered_costs_the_folder_beside_it_nothing(
    load_store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "b.workflow.yaml").write_text(sql_workflow("b"))
    found = load_store(dags, store="nowhere")
    assert set(found) == {"b", "nowhere"}
    assert "its workflows cannot be loaded: StoreUnavailableError" in found["nowhere"].doc_md
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "b")
    assert set(load_store(dags, store="nowhere")) == {"b"}


@pytest.mark.parametrize("damage", [b"", b"(" * 100_000, b"WORKFLOW = {}", b"\xff", b"WORKFLOW = {[]: 1}"])
def test_a_dag_file_that_is_damaged_costs_no_other_anything(
    damage: bytes, load_store: Any, store: WorkflowStore, tmp_path: Path
) -> None:
    put(store, sql_workflow("a"), sql_workflow("b"))
    load_store()
    (file,) = (tmp_path / "bundles").rglob("shards/*/a.py")
    file.write_bytes(damage)
    found = load_store()
    assert set(found) == {"a", "b"}
    assert "this DAG file of the store cannot be loaded" in found["a"].doc_md


def test_a_worker_loads_only_what_it_runs(
    load_store: Any, store: WorkflowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, sql_workflow("a"), sql_workflow("b"))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "b")
    assert set(load_store()) == {"b"}


def test_while_the_store_is_away_its_last_workflows_are_loaded(
    load_store: Any, store: WorkflowStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, sql_workflow("a"))
    load_store()
    (tmp_path / "workflows.db").unlink()
    (tmp_path / "workflows.db").mkdir()
    assert set(load_store()) == {"a"}
    assert "stays in use" in caplog.text


def test_a_store_that_never_answered_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, airflow_database: None
) -> None:
    from airflow_workflow_provider import load_workflow_dags

    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    with pytest.raises(StoreUnavailableError, match="'nowhere' does not exist"):
        load_workflow_dags(store="nowhere")
    with pytest.raises(TypeError, match="needs a folder"):
        load_workflow_dags()
    assert not tree(tmp_path / "bundles")
