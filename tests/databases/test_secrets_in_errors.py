"""A statement that held a secret and was refused: the log says why, and nothing of the secret in any form."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from airflow_workflow_provider.operators import secrets
from tests.dag_test_run import run_definition
from tests.databases.conftest import Database

SECRET = "Xq'o\"te\\9 end\nJv%7"
"""Parts of it that are in no message by chance."""
PARTS = ("Xq'o", "Xq''o", "Xq\\'o", "te\\9", "te\\\\9", "Jv%7", "Jv%%7", "Jv%25")


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AIRFLOW_VAR_HOSTILE_TOKEN", SECRET)
    yield
    secrets._read.clear()


@pytest.mark.parametrize(
    "statement",
    [
        "SELEC :token",
        "SELECT :token FROM no_such_table_here",
        "INSERT INTO {table} (n) VALUES (:token)",
        "INSERT INTO {table} (s) VALUES (:token), (:token)",
    ],
)
def test_what_the_database_repeats_is_left_out(
    any_database: Database,
    statement: str,
    airflow_database: None,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    table = any_database.new_table("n DECIMAL(3, 0) CHECK (n > 0), s VARCHAR(5) UNIQUE")
    definition = f"""
workflow: refused_with_secret
variables:
  token: {{secret: true, from: hostile_token}}
tasks:
  a:
    sql: |
      {statement.format(table=table)}
    connection: {any_database.connection_id}
"""
    with caplog.at_level(logging.INFO):
        run = run_definition({"w.workflow.yaml": definition})
    captured = capfd.readouterr()
    logged = caplog.text + captured.out + captured.err
    assert not [part for part in PARTS if part in logged], logged[-3000:]
    if run.state == "failed":
        assert "StatementError" in logged
