"""An Airflow as in production whose workflows come from the store, and ways into its databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine, text

from scripts import airflow_services
from scripts.airflow_api import wait_for
from scripts.celery_airflow import CeleryAirflow
from tests.system.tcp_proxy import TcpProxy, tcp_proxy

STORE = "AIRFLOW_CONN_WORKFLOW_STORE"
ROOT = Path(__file__).resolve().parents[2]
BUNDLE = {
    "name": "store",
    "classpath": "airflow_workflow_provider.bundles.store.WorkflowStoreDagBundle",
    "kwargs": {"refresh_interval": 1},
}
# Which worker runs a task is part of an installation, not of a workflow: the first word of the task's name says it.
POLICY = '''"""Settings of this Airflow."""


def task_policy(task):
    worker = task.task_id.partition("_")[0]
    if worker in ("east", "west"):
        task.queue = worker
'''
TABLES = (
    "CREATE TABLE log (id serial PRIMARY KEY, run_id text, task text, said text, workflow_version text)",
    "CREATE TABLE gate (name text PRIMARY KEY)",
    "INSERT INTO gate VALUES ('open'), ('closed')",
)


@dataclass
class StoreAirflow:
    """``to_store`` is on the way from Airflow to the store, ``to_store_of_workers`` on that from the workers."""

    airflow: CeleryAirflow
    folder: Path
    store: URL
    warehouse: URL
    to_store: TcpProxy
    to_store_of_workers: TcpProxy

    def command(self, *arguments: str, is_straight: bool = False) -> subprocess.Popen[str]:
        """``airflow workflows …``; straight to the store, or by the way from Airflow."""
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", "workflows", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.airflow.environment, **({STORE: connection(self.store)} if is_straight else {})},
        )

    def workflows(self, *arguments: str) -> str:
        """What ``airflow workflows …`` answers, straight from the store."""
        with self.command(*arguments, is_straight=True) as command:
            answer, problems = command.communicate()
        assert command.returncode == 0, answer + problems
        return answer

    def write(self, definitions: Mapping[str, str]) -> list[str]:
        """Files of definitions (all but their first lines)."""
        files = []
        for name, definition in definitions.items():
            path = self.folder / f"{name}.workflow.yaml"
            path.write_text(f"workflow: {name}\nstart_date: 2026-01-01\n{definition}")
            files.append(str(path))
        return files

    def publish(self, definitions: Mapping[str, str], message: str = "") -> int:
        """The release that comes of it, once the DAGs are those of it."""
        return self.usable(self.workflows("publish", *self.write(definitions), "--message", message, "--json"))

    def publish_only(self, definitions: Mapping[str, str]) -> int:
        """The release that comes of it, of which Airflow may not know yet."""
        return int(json.loads(self.workflows("publish", *self.write(definitions), "--json"))["release"])

    def activate(self, name: str, version: int) -> int:
        """The release that comes of it, once the DAG is that of it."""
        return self.usable(self.workflows("activate", name, str(version), "--json"))

    def usable(self, published: str) -> int:
        answer = json.loads(published)
        for version in answer["versions"]:
            self.wait_for_release(version["name"], answer["release"])
        return int(answer["release"])

    def wait_for_release(self, name: str, release: int) -> None:
        """Return when runs of the DAG start with the release."""

        def is_there() -> bool:
            known = name in self.airflow.dag_ids()
            return known and self.airflow.dag_details(name)["bundle_version"] == str(release)

        wait_for(is_there, f"release {release} of {name}")

    def log(self, run_id: str) -> list[tuple[str, str, str]]:
        """Task, what it said and ``:workflow_version``, in the order of the rows that a run wrote."""
        engine = create_engine(self.warehouse, poolclass=NullPool)
        statement = text("SELECT task, said, workflow_version FROM log WHERE run_id = :run_id ORDER BY id")
        with engine.connect() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(statement, {"run_id": run_id})]

    @contextmanager
    def closed_gate(self) -> Iterator[None]:
        """A task that asks for the row ``closed`` of the table ``gate`` waits until the end of the block."""
        engine = create_engine(self.warehouse, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("SELECT name FROM gate WHERE name = 'closed' FOR UPDATE"))
            yield

    def run(self, dag_id: str) -> str:
        """Run a DAG to its good end and return the run_id."""
        run_id = self.airflow.trigger(dag_id)
        assert self.airflow.wait_for_run(dag_id, run_id) == "success"
        return run_id

    def said(self, run_id: str) -> list[str]:
        """What the tasks of a run said."""
        return [said for _, said, _ in self.log(run_id)]

    def releases(self, worker: str) -> list[int]:
        """The releases on the disk of a worker."""
        folder = self.airflow.disk(worker) / "bundles" / "store" / "versions"
        return sorted(int(path.name) for path in folder.iterdir()) if folder.is_dir() else []


def connection(url: URL, port: int | None = None) -> str:
    """A database as an Airflow connection; through a port of 127.0.0.1, if one is given."""
    host = "127.0.0.1" if port else url.host
    fields = {"host": host, "port": port or url.port, "login": url.username, "password": url.password}
    return json.dumps({"conn_type": "postgres", "schema": url.database, **fields})


@contextmanager
def store_airflow(folder: Path, **env: str) -> Iterator[StoreAirflow]:
    """It runs, and its store is empty."""
    services = airflow_services.new_environment(["store", "warehouse"])
    store = airflow_services.database_url(services, "store")
    warehouse = airflow_services.database_url(services, "warehouse")
    server = (store.host or "127.0.0.1", store.port or 5432)
    (folder / "home" / "config").mkdir(parents=True)
    (folder / "home" / "config" / "airflow_local_settings.py").write_text(POLICY)
    (folder / "definitions").mkdir()
    with tcp_proxy(*server) as others, tcp_proxy(*server) as workers:
        everywhere = {
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([BUNDLE]),
            "AIRFLOW_CONN_WAREHOUSE": connection(warehouse),
            STORE: connection(store, others.port),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            **env,
        }
        with CeleryAirflow(
            folder / "no-dags",
            home=folder / "home",
            services=services,
            env=everywhere,
            worker_env={STORE: connection(store, workers.port)},
            triggerer=False,
        ) as airflow:
            print(f"Airflow was up after {airflow.startup_seconds:.1f} s", file=sys.stderr)
            made = StoreAirflow(airflow, folder / "definitions", store, warehouse, others, workers)
            with create_engine(warehouse, poolclass=NullPool).begin() as database:
                for statement in TABLES:
                    database.execute(text(statement))
            made.workflows("db", "migrate")
            yield made
