"""The local Airflow: what it tells of runs, and that it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from scripts.airflow_api import LocalAirflowError, wait_for
from scripts.local_airflow import LocalAirflow

ROOT = Path(__file__).resolve().parents[2]
Define = Callable[..., str]

HEAD = "start_date: 2026-01-01\ndefaults: {connection: test_db}\n"


def lines(database: Path, run_id: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT line FROM log WHERE run_id = ? ORDER BY line", [run_id])]


def test_run_is_told_in_full(airflow: LocalAirflow, define: Define, database: Path) -> None:
    dag = define(
        "told",
        HEAD
        + textwrap.dedent("""\
        variables:
          greeting: {type: string, default: hello}
        tasks:
          ask:
            sql: SELECT 42 AS answer, :greeting AS word
            set: {answer: answer, word: word}
          keep:
            sql: INSERT INTO log VALUES (:run_id, :word)
            depends_on: ask
          never:
            sql: INSERT INTO log VALUES (:run_id, 'never')
            depends_on: {ask: failure}
        """),
    )

    run_id = airflow.trigger(dag, {"greeting": "'; DROP TABLE log; --"})

    assert airflow.wait_for_run(dag, run_id) == "success"
    states = airflow.task_states(dag, run_id)
    assert (states["ask"], states["keep"], states["never"]) == ("success", "success", "skipped")
    assert {(x.task_id, x.key): x.value for x in airflow.xcoms(dag, run_id)} == {
        ("ask", "answer"): 42,
        ("ask", "word"): "'; DROP TABLE log; --",
    }
    assert lines(database, run_id) == ["'; DROP TABLE log; --"]
    assert "Executing: SELECT 42 AS answer" in airflow.task_log(dag, run_id, "ask")
    assert airflow.run(dag, run_id).conf == {"greeting": "'; DROP TABLE log; --"}


def test_changed_definition_is_the_one_that_runs(airflow: LocalAirflow, define: Define, database: Path) -> None:
    for line in ("first", "second"):
        dag = define("changed", HEAD + f"tasks: {{a: {{sql: \"INSERT INTO log VALUES (:run_id, '{line}')\"}}}}\n")
        run_id = airflow.trigger(dag)
        assert airflow.wait_for_run(dag, run_id) == "success"
        assert lines(database, run_id) == [line]


def test_failing_start_says_why(tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path}/no/such/folder/airflow.db"

    with pytest.raises(LocalAirflowError, match="unable to open database file"):
        LocalAirflow(tmp_path, sql_alchemy_conn=nowhere).start()


STARTER = """
import sys
from pathlib import Path
from scripts.local_airflow import LocalAirflow

with LocalAirflow(Path(sys.argv[1]), home=Path(sys.argv[2]), triggerer=False) as airflow:
    airflow.wait_for_dag("endless")
    airflow.trigger("endless")
    print(airflow.home, *airflow.process_ids(), flush=True)
    airflow.wait()
"""

ENDLESS = '''"""An airflow dag with a task that starts a process in a session of its own."""
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("endless", schedule=None):
    BashOperator(task_id="sleep", bash_command="echo $$ > {file}; exec sleep 3600")
'''


def test_nothing_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    dags, sleeper = tmp_path / "dags", tmp_path / "sleeper.pid"
    dags.mkdir()
    (dags / "endless.py").write_text(ENDLESS.format(file=sleeper))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", STARTER, str(dags), str(tmp_path / "home")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as starter:
        try:
            assert starter.stdout is not None
            processes = [int(word) for word in starter.stdout.readline().split()[1:]]
            assert len(processes) > 4
            wait_for(lambda: sleeper.exists() and sleeper.read_text().strip(), "the task to run")
            processes.append(int(sleeper.read_text()))
        finally:
            starter.send_signal(signal.SIGKILL)  # it has no chance to stop anything itself

    wait_for(lambda: not any(map(psutil.pid_exists, processes)), "every process to end")
