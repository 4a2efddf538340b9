"""``airflow workflows init``: what it makes can be run as it is."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.models import Connection
from sqlalchemy import delete, select

from airflow_workflow_provider.cli.commands import init
from tests import airflow_cli
from tests.dag_test_run import run_folder


@pytest.fixture
def folder(tmp_path: Path, session: Any) -> Iterator[Path]:
    forget_connection(session)
    yield tmp_path / "first_workflow"
    forget_connection(session)


def forget_connection(session: Any) -> None:
    session.execute(delete(Connection).where(Connection.conn_id == init.CONNECTION))
    session.commit()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def test_what_it_makes_runs_and_has_no_problems(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert airflow_cli.call("init", str(folder)) == 0
    told = capsys.readouterr().out
    assert set(content(folder)) == set(init.FILES)
    assert all(name in told for name in init.FILES)
    assert airflow_cli.call("validate", str(folder)) == 0
    assert "no problems in 2 files" in capsys.readouterr().err

    run = run_folder(copier(folder), init.NAME, file="load_workflows.py")
    assert run.state == "success"
    assert rows(folder / init.DATABASE, "SELECT name FROM items WHERE ordered_on IS NOT NULL") == [("lamp",)]
    assert rows(folder / init.DATABASE, "SELECT * FROM problems") == []


def copier(made: Path) -> Callable[[Path], object]:
    """What was made in the folder, as if it had been made in the DAG folder."""
    return lambda dags: shutil.copytree(made, dags, dirs_exist_ok=True)


def test_a_second_time_it_changes_nothing(folder: Path) -> None:
    assert airflow_cli.call("init", str(folder)) == 0
    before = content(folder)
    assert airflow_cli.call("init", str(folder)) == 0
    assert content(folder) == before


def test_a_file_that_was_changed_is_kept_and_nothing_is_made(
    folder: Path, session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir()
    (folder / "first_workflow.workflow.yaml").write_text("workflow: mine\n")
    assert airflow_cli.call("init", str(folder)) == 1
    assert "there with another content" in capsys.readouterr().err
    assert content(folder) == {"first_workflow.workflow.yaml": b"workflow: mine\n"}
    assert session.scalar(select(Connection).where(Connection.conn_id == init.CONNECTION)) is None


def test_a_connection_of_that_name_is_not_taken_over(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert airflow_cli.call("init", str(folder)) == 0
    assert airflow_cli.call("init", str(tmp_path / "other")) == 1
    assert f"leads to '{folder / init.DATABASE}' already; nothing was made" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_folder_where_airflow_does_not_look_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert airflow_cli.call("init", str(folder)) == 0
    assert "Airflow looks for DAGs in" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert airflow_cli.call("init", str(tmp_path / "file" / "below")) == 1
    assert "the files cannot be written" in capsys.readouterr().err
