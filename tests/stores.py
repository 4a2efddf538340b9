"""Stores for tests, each in a database of its own that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from airflow_workflow_provider.definitions.stored.trust import Trust
from airflow_workflow_provider.store import schema
from airflow_workflow_provider.store.engine import make_engine
from airflow_workflow_provider.store.permissions import Rules
from airflow_workflow_provider.store.publishing import publish
from airflow_workflow_provider.store.records import Actor, Kind, Published, Source
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.submission import Submission
from scripts import databases

DATABASES = ("sqlite", "postgresql", "mariadb")
ANN = Actor("ann", frozenset({"Admin"}))
BOB = Actor("bob", frozenset({"User"}))
_SERVERS = {"postgresql": (databases.postgresql, "psycopg2"), "mariadb": (databases.mariadb, "pymysql")}
RULES = Rules(Trust(connections=("*",)), frozenset({"Admin"}))


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[URL]:
    """The address of an empty database; skips where the server does not answer."""
    if kind == "sqlite":
        yield URL.create("sqlite", database=str(folder / "workflows.db"))
        return
    address, driver = _SERVERS[kind]
    pytest.importorskip(driver, reason=f"{driver} is not installed")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(databases.new_database(address(databases.new_name("store"))))
        except DBAPIError as error:
            pytest.skip(f"{kind} does not answer: {error.orig}")
        yield url


def new_store(url: URL) -> WorkflowStore:
    """A store with its tables in that database."""
    store = WorkflowStore(make_engine(url))
    schema.migrate(store.engine)
    return store


def sql_workflow(name: str, statement: str = "SELECT 1", **more: str) -> str:
    """A workflow of one task."""
    lines = [f"workflow: {name}", *(f"{key}: {value}" for key, value in more.items())]
    return "\n".join([*lines, "defaults: {connection: warehouse}", "tasks:", f"  only: {{sql: {statement!r}}}", ""])


def calling_workflow(name: str, package: str) -> str:
    """A workflow whose one task runs a package."""
    return f"workflow: {name}\ntasks:\n  only: {{package: {package}}}\n"


def parent_workflow(name: str, *children: str) -> str:
    """A workflow that runs others."""
    return f"workflow: {name}\nphases: [[{', '.join(children)}]]\n"


def bash_package(name: str, command: str = "true", variables: str = "{}") -> str:
    """A package that runs a command."""
    return (
        f"package: {name}\nvariables: {variables}\nrun:\n"
        "  operator: airflow.providers.standard.operators.bash.BashOperator\n"
        f"  arguments: {{bash_command: {command}}}\n"
    )


def submission(text: str, files: Mapping[str, str] | None = None) -> Submission:
    """A definition to publish; its first line tells what it is and its name."""
    kind = Kind(text.partition(":")[0])
    name = text.partition("\n")[0].partition(":")[2].strip()
    return Submission(kind, Source(text, "yaml", dict(files or {})), f"{name}.{kind.value}.yaml")


def put(store: WorkflowStore, *texts: str, actor: Actor = ANN, message: str = "") -> Published:
    """Publish definitions."""
    return publish(store, [submission(text) for text in texts], actor, message, RULES)
