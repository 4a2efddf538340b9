"""One real Airflow for all system tests, and a DAG folder to drop definitions in."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from scripts.local_airflow import LocalAirflow
from tests.installed import site_folder
from tests.postgres import metadata_database

ROOT = Path(__file__).resolve().parents[2]
LOADER = '''"""Every *.workflow.yaml beside this file becomes an Airflow DAG."""
from airflow_workflow_provider import load_workflow_dags

load_workflow_dags(__file__)
'''

Define = Callable[..., str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.system)
            # The first test also pays for the start of Airflow.
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def dag_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAG folder of ``airflow``: the dag processor looks when it is asked to (``airflow.parse_now``)."""
    folder = tmp_path_factory.mktemp("dags")
    (folder / "load_workflows.py").write_text(LOADER)
    return folder


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite file behind the connection ``test_db``, with one table: ``log (run_id, line)``."""
    path = tmp_path_factory.mktemp("database") / "test.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE log (run_id TEXT, line TEXT)")
        connection.commit()
    return path


@pytest.fixture(scope="session")
def metadata() -> Iterator[str | None]:
    """Where ``airflow`` keeps its metadata: in PostgreSQL, unless there is none."""
    with metadata_database() as url:
        yield url


@pytest.fixture(scope="session")
def airflow(
    dag_folder: Path, database: Path, metadata: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    """Scheduler, dag processor, triggerer and API server for the whole session; gone without a trace after it."""
    env = {
        "AIRFLOW_CONN_TEST_DB": f'{{"conn_type": "sqlite", "host": "{database}"}}',
        "PYTHONPATH": os.pathsep.join(
            [*map(str, (ROOT, *site_folder(tmp_path_factory.mktemp("installed")))), os.environ.get("PYTHONPATH", "")]
        ),
    }
    home = tmp_path_factory.mktemp("airflow")
    with LocalAirflow(dag_folder, home=home, sql_alchemy_conn=metadata, env=env) as running:
        print(f"Airflow was up after {running.startup_seconds:.1f} s", file=sys.stderr)
        yield running
        processes = running.process_ids()
    assert [pid for pid in processes if psutil.pid_exists(pid)] == []


@pytest.fixture(scope="session")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the session share: a folder for each name of a DAG, with its test files."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "names"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def define(airflow: LocalAirflow, dag_folder: Path, names: Path, request: pytest.FixtureRequest) -> Define:
    """Writes a workflow definition (all but its first line) and waits for its DAG as defined; returns the dag_id.

    A name belongs to one test file. Two of them may or may not share an Airflow, so the one that comes second fails
    always, not only when it happens to find the runs of the other.
    """

    def write(name: str, text: str, files: Mapping[str, str] | None = None) -> str:
        (names / name).mkdir(exist_ok=True)
        (names / name / request.path.name).touch()
        owners = sorted(file.name for file in (names / name).iterdir())
        assert owners == [request.path.name], f"a DAG {name!r} in {' and '.join(owners)}: take another name for one"
        for file, content in (files or {}).items():
            (dag_folder / file).parent.mkdir(parents=True, exist_ok=True)
            (dag_folder / file).write_text(content)
        is_new = name not in airflow.dag_ids()
        (dag_folder / f"{name}.workflow.yaml").write_text(f"workflow: {name}\n{text}")
        airflow.wait_for_dag(name) if is_new else airflow.wait_for_change(name)
        return name

    return write
