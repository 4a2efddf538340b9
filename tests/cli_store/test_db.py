"""``db migrate``, ``check`` and ``downgrade``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.models.connection import Connection

from airflow_workflow_provider.cli.commands.db import one_before
from airflow_workflow_provider.cli.console import CommandError
from airflow_workflow_provider.store.schema import SchemaState, revisions
from tests.cli_store.conftest import Run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NEWEST = revisions()[-1]


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.usefixtures("database")
def test_the_tables_of_a_server_are_made_when_somebody_says_so(run: Run) -> None:
    missing = "error: <store> has no tables yet; run airflow workflows db migrate\n"
    for line in ("db check", "list", "publish first", "export"):
        done = run(line)
        assert (done.code, done.out, done.err) == (1, "", missing)
    state = run("db check --json")
    assert state.code == 1
    assert json.loads(state.out) == {
        "revision": None,
        "needed": NEWEST,
        "current": False,
        "problem": "<store> has no tables yet; run airflow workflows db migrate",
    }
    assert run("db migrate").out == f"<store>: no tables → revision {NEWEST}\n"
    assert run("db migrate").out == f"<store> is at revision {NEWEST} already\n"
    assert run("db check").out == f"<store> has the tables that this version needs (revision {NEWEST})\n"
    assert run("publish first").code == 0
    assert run("db downgrade nonsense").code == 1
    assert run("db downgrade base").out == f"<store>: revision {NEWEST} → no tables\n"
    assert run("db downgrade base").err == "error: <store> has no tables; there is nothing to take back\n"
    assert json.loads(run("db migrate --json").out) == {"before": None, "revision": NEWEST, "needed": NEWEST}
    assert run("list").code == 0


@pytest.mark.usefixtures("sqlite")
def test_a_file_has_its_tables_at_once(run: Run) -> None:
    assert run("db check").code == 0
    assert run("db migrate").out == f"<store> is at revision {NEWEST} already\n"


def test_without_a_revision_it_is_the_one_before() -> None:
    known = ("0001", "0002", "0003")
    assert one_before(SchemaState("0003", "0003", known=True), known) == "0002"
    for state in (SchemaState("0001", "0003", known=True), SchemaState("9", "0003", known=False)):
        with pytest.raises(CommandError, match="write `base` to delete the tables"):
            one_before(state, known)


def test_a_store_that_does_not_answer_is_told_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "schema": "x", "password": "s3cret"}
    monkeypatch.setenv("AIRFLOW_CONN_WORKFLOW_STORE", json.dumps(nowhere))
    for line in ("list", "db check", "publish first", "show daily"):
        done = run(line)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("error: <store> cannot be reached: ")
        assert done.err.count("\n") == 1
        assert "s3cret" not in done.err


def test_the_connection_may_be_in_airflows_database(
    run: Run, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("_AIRFLOW_PROCESS_CONTEXT", raising=False)
    added = Connection(conn_id="workflow_store", conn_type="sqlite", host=str(tmp_path / "added.db"))
    session.add(added)
    session.commit()
    try:
        assert run("publish first").code == 0
    finally:
        session.delete(added)
        session.commit()
    assert (tmp_path / "added.db").exists()
