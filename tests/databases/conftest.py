"""Connections to real databases; a server that does not answer skips its tests with the reason.

Where they are: ``scripts.databases``.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts.databases import MARIADB_URI, POSTGRES_URI


@dataclass
class Database:
    """A database of the tests, reached as a workflow reaches it: by the id of an Airflow connection."""

    connection_id: str
    kind: str
    driver: str
    _tables: list[str] = field(default_factory=list)

    def hook(self) -> Any:
        return _hook(self.connection_id)

    def new_table(self, columns: str) -> str:
        """The name of a new table that only this test has."""
        name = f"t_{uuid.uuid4().hex}"
        self.hook().run(f"CREATE TABLE {name} ({columns})")
        self._tables.append(name)
        return name

    def drop_tables(self) -> None:
        for name in self._tables:
            self.hook().run(f"DROP TABLE IF EXISTS {name}")


@pytest.fixture
def sqlite_connection_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("airflow.providers.sqlite", reason="the SQLite provider is not installed")
    return _connection(monkeypatch, f"sqlite:///{tmp_path / 'test.db'}".replace("sqlite:////", "sqlite:///"))


@pytest.fixture
def postgres_connection_id(monkeypatch: pytest.MonkeyPatch) -> str:
    """By the driver that the PostgreSQL hook prefers: psycopg 3 where it is installed."""
    pytest.importorskip("airflow.providers.postgres", reason="the PostgreSQL provider is not installed")
    return _server(monkeypatch, POSTGRES_URI, "PostgreSQL")


@pytest.fixture
def mariadb_connection_id(monkeypatch: pytest.MonkeyPatch) -> str:
    """By mysql-connector-python, the one driver of Airflow's MySQL hook that needs no compiler."""
    pytest.importorskip("airflow.providers.mysql", reason="the MySQL provider is not installed")
    pytest.importorskip("mysql.connector", reason="mysql-connector-python is not installed")
    return _server(monkeypatch, f"{MARIADB_URI}?client=mysql-connector-python", "MariaDB")


@pytest.fixture
def psycopg2_connection_id(monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
    hooks = pytest.importorskip("airflow.providers.postgres.hooks.postgres")
    # The hook takes psycopg2 only where psycopg 3 is not installed; both are here.
    monkeypatch.setattr(hooks, "USE_PSYCOPG3", False, raising=False)
    return _server(monkeypatch, POSTGRES_URI, "PostgreSQL")


@pytest.fixture
def pymysql_connection_id(monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("airflow.providers.mysql", reason="the MySQL provider is not installed")
    pymysql = pytest.importorskip("pymysql", reason="pymysql is not installed")
    # Its documented way to stand in for mysqlclient (MySQLdb), which the hook imports.
    monkeypatch.setitem(sys.modules, "MySQLdb", pymysql)
    return _server(monkeypatch, MARIADB_URI, "MariaDB")


DATABASES = [
    pytest.param(("sqlite", "sqlite3", "sqlite_connection_id"), id="sqlite"),
    pytest.param(("postgres", "psycopg", "postgres_connection_id"), id="postgres", marks=pytest.mark.database),
    pytest.param(
        ("postgres", "psycopg2", "psycopg2_connection_id"), id="postgres-psycopg2", marks=pytest.mark.database
    ),
    pytest.param(("mariadb", "mysql.connector", "mariadb_connection_id"), id="mariadb", marks=pytest.mark.database),
    pytest.param(("mariadb", "pymysql", "pymysql_connection_id"), id="mariadb-pymysql", marks=pytest.mark.database),
]


@pytest.fixture(params=DATABASES)
def any_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each database in turn, by each driver; its tables go when the test ends."""
    kind, driver, fixture = request.param
    database = Database(request.getfixturevalue(fixture), kind, driver)
    yield database
    database.drop_tables()


def _connection(monkeypatch: pytest.MonkeyPatch, uri: str) -> str:
    connection_id = f"test_{uuid.uuid4().hex}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", uri)
    return connection_id


def _server(monkeypatch: pytest.MonkeyPatch, uri: str, name: str) -> str:
    """A connection to a server; skips where it does not answer."""
    connection_id = _connection(monkeypatch, uri)
    try:
        with closing(_hook(connection_id).get_conn()):
            return connection_id
    except Exception as error:  # noqa: BLE001 - each driver has its own
        pytest.skip(f"{name} does not answer: {error}")


def _hook(connection_id: str) -> Any:
    from airflow.sdk import BaseHook

    connection: Any = BaseHook.get_connection(connection_id)
    return connection.get_hook()
