"""The statements of the corpus are whole and single: each is run by its database, which refuses two at once."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from airflow_workflow_provider.definitions.sql_statements import split_statements
from tests.databases.conftest import Database
from tests.sql_corpus import script


def test_sqlite_runs_each_statement() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in split_statements(script("sqlite")):
            connection.execute(statement).fetchall()


def test_postgres_runs_each_statement(postgres_connection_id: str) -> None:
    with _scratch(postgres_connection_id, "SCHEMA", "SET search_path TO", " CASCADE") as connection:
        connection.autocommit = True
        with closing(connection.cursor()) as cursor:
            for statement in split_statements(script("postgres")):
                cursor.execute(statement, prepare=True)  # a prepared statement is one


def test_mariadb_runs_each_statement(mariadb_connection_id: str) -> None:
    with _scratch(mariadb_connection_id, "DATABASE", "USE", "") as connection:
        for statement in split_statements(script("mariadb")):
            with closing(connection.cursor()) as cursor:
                cursor.execute(statement)
                while cursor.description is None or cursor.fetchall() is not None:
                    if not cursor.nextset():
                        break


@contextmanager
def _scratch(connection_id: str, kind: str, use: str, drop: str) -> Iterator[Any]:
    """A connection in a schema of its own, which is dropped."""
    name = f"corpus_{uuid.uuid4().hex}"
    hook = Database(connection_id, kind, "").hook()
    hook.run(f"CREATE {kind} {name}")
    try:
        with closing(hook.get_conn()) as connection:
            with closing(connection.cursor()) as cursor:
                cursor.execute(f"{use} {name}")
            connection.commit()
            yield connection
    finally:
        hook.run(f"DROP {kind} {name}{drop}")
