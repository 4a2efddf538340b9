"""A real Airflow with users, for the runner: one auth manager or the other, and workflows to run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from scripts import setup_venv
from scripts.airflow_api import wait_for
from scripts.local_airflow import LocalAirflow, free_ports

ROOT = Path(__file__).resolve().parents[2]
FAB: Final = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
PASSWORDS: Final = {"admin": "an admin's password", "ops": "correct horse", "viewer": "may only look"}
ROLES: Final = {"admin": "Admin", "ops": "User", "viewer": "Viewer"}
EMPTY: Final = "airflow.providers.standard.operators.empty.EmptyOperator"
BASH: Final = "airflow.providers.standard.operators.bash.BashOperator"
LOADER: Final = '''"""Every *.workflow.yaml beside this file becomes an Airflow DAG."""
from airflow_workflow_provider import load_workflow_dags

load_workflow_dags(__file__)
'''
_MAKE_USERS: Final = """
import json, sys
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

users = json.load(sys.stdin)
with get_application_builder() as builder:
    for name, (role, password) in users.items():
        found = builder.sm.find_role(role)
        assert builder.sm.add_user(name, name, name, f"{name}@example.com", found, password), name
"""


def definitions(door: Path) -> dict[str, str]:
    """The workflows, by name; ``rebuild_index`` waits for a file."""
    plain = f"tasks: {{a: {{operator: {EMPTY}}}}}\n"
    found = {f"wf{number}": plain for number in range(1, 8)}
    found["import_prices"] = (
        f"tasks:\n  a: {{operator: {BASH}, arguments: {{bash_command: exit 1}}}}\n"
        f"  b: {{operator: {EMPTY}, depends_on: {{a: failure}}}}\n"
    )
    waiting = f"'while [ ! -e {door} ]; do sleep 0.2; done'"
    found["rebuild_index"] = f"tasks: {{a: {{operator: {BASH}, arguments: {{bash_command: {waiting}}}}}}}\n"
    found["publish_orders"] = (
        "variables:\n  region: {type: string, default: EU}\n  day: {type: date, default: 2026-01-31}\n"
        "  factor: {type: integer, required: true}\n  rows_published: {type: integer}\n"
        "defaults: {connection: test_db}\n"
        "tasks:\n  count:\n    sql: SELECT 42 * CAST(:factor AS INTEGER)\n    set: rows_published\n"
        f"  never: {{operator: {EMPTY}, depends_on: {{count: failure}}}}\n"
    )
    found["audit_stock"] = plain
    found["broken"] = f"tasks: {{a: {{operator: {EMPTY}, depends_on: {{b: success}}}}}}\n"
    return found


@contextmanager
def airflow_with_users(kind: str, folder: Path) -> Iterator[LocalAirflow]:
    """An Airflow with the simple or the FAB auth manager; every workflow but ``audit_stock`` is unpaused."""
    dags = folder / "dags"
    dags.mkdir(parents=True)
    (dags / "load_workflows.py").write_text(LOADER)
    names = definitions(folder / "door")
    for name, text in names.items():
        (dags / f"{name}.workflow.yaml").write_text(f"workflow: {name}\n{text}")
    env, path = settings(kind, folder)
    env |= {
        "AIRFLOW_CONN_TEST_DB": json.dumps({"conn_type": "sqlite", "host": str(folder / "test.db")}),
        "PYTHONPATH": os.pathsep.join([*path, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }

    def log_in(airflow: LocalAirflow) -> str:
        if kind == "fab":
            make_users(airflow.environment)
        body = {"username": "admin", "password": PASSWORDS["admin"]}
        answer = httpx.post(f"{airflow.url}/auth/token", json=body, timeout=60, trust_env=False)
        return str(answer.raise_for_status().json()["access_token"])

    home = folder / "home"
    with LocalAirflow(dags, home=home, env=env, triggerer=False, log_in=log_in) as airflow:
        for name in names:
            airflow.wait_for_dag(name)
            if name != "audit_stock":
                airflow.set_paused(name, paused=False)
        yield airflow


def settings(kind: str, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Environment variables of an auth manager, and folders that its Python path needs."""
    if kind == "fab":
        made = Path(sys.prefix) / setup_venv.FAB_FOLDER
        if not made.is_dir():
            made = folder / setup_venv.FAB_FOLDER
            setup_venv.install_fab(Path(sys.prefix), made)
        return {"AIRFLOW__CORE__AUTH_MANAGER": FAB}, [str(made)]
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    return {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in ROLES.items()),
    }, []


def make_users(environment: Mapping[str, str]) -> None:
    """The users of the FAB auth manager, in its tables."""
    users = json.dumps({name: (role, PASSWORDS[name]) for name, role in ROLES.items()})
    done = subprocess.run(
        [sys.executable, "-c", _MAKE_USERS], env=environment, input=users, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


class ApiServer:
    """A second API server of an Airflow, which can be killed and started again (with another secret for tokens)."""

    def __init__(self, airflow: LocalAirflow, log: Path) -> None:
        self._environment = dict(airflow.environment)
        self._log = log
        [self._port] = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self, secret: str) -> None:
        """Return at once; ``wait`` waits until it answers."""
        command = [sys.executable, "-m", "airflow", "api-server", "--apps", "core", "--port", str(self._port)]
        env = {**self._environment, "AIRFLOW__API_AUTH__JWT_SECRET": secret}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)

    def wait(self) -> None:
        """Return when it answers."""

        def answers() -> bool:
            try:
                return httpx.get(f"{self.url}/api/v2/version", timeout=30, trust_env=False).is_success
            except httpx.HTTPError:
                return False

        wait_for(answers, "the API server")

    def kill(self) -> None:
        """End it and all that it has started, at once."""
        if self._process is not None:
            import psutil

            for process in [*psutil.Process(self._process.pid).children(recursive=True), self._process]:
                process.kill()
            self._process.wait()
            self._process = None
