"""Definitions on the real scheduler, and the local Airflow itself: what it tells, and that it leaves nothing."""

from __future__ import annotations

import os
import re
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

from scripts.local_airflow import LocalAirflow, LocalAirflowError, wait_for

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


WAITS_FOR_ITS_RIVAL = '''
import sqlite3, time

def wait_for_line(path, run_id, seconds):
    """Ends well only if another task writes while this one runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with sqlite3.connect(path) as connection:
            if connection.execute("SELECT 1 FROM log WHERE run_id = ?", [run_id]).fetchone():
                return
        time.sleep(0.2)
    raise TimeoutError("nothing was written while this task ran")
'''


def test_any_starts_while_another_source_still_runs(airflow: LocalAirflow, define: Define, database: Path) -> None:
    dag = define(
        "eager",
        HEAD
        + textwrap.dedent(f"""\
        outcome: handled
        tasks:
          a:
            sql: SELECT * FROM no_such_table
          b:
            operator: airflow.providers.standard.operators.python.PythonOperator
            arguments:
              python_callable: waiting.wait_for_line
              op_kwargs: {{path: {database}, run_id: "{{{{ vars.run_id }}}}", seconds: 60}}
          d:
            sql: INSERT INTO log VALUES (:run_id, :failed_tasks)
            depends_on: {{a: failure, b: success}}
            constraint: any
        """),
        files={"waiting.py": WAITS_FOR_ITS_RIVAL},
    )

    run_id = airflow.trigger(dag)

    assert airflow.wait_for_run(dag, run_id) == "success"
    states = airflow.task_states(dag, run_id)
    assert (states["a"], states["b"], states["d"]) == ("failed", "success", "success")
    assert lines(database, run_id) == ["a"]


def test_clearing_decides_again(airflow: LocalAirflow, define: Define, database: Path) -> None:
    dag = define(
        "cleared",
        HEAD
        + textwrap.dedent("""\
        tasks:
          a:
            sql: SELECT line FROM log WHERE run_id = :run_id
            set: line
            on_empty: fail
          good:
            sql: SELECT 1
            depends_on: a
          bad:
            sql: SELECT 1
            depends_on: {a: failure}
        """),
    )
    run_id = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run_id) == "failed"
    first = airflow.task_states(dag, run_id)

    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO log VALUES (?, 'now it is there')", [run_id])
        connection.commit()
    airflow.clear(dag, run_id, ["a"])

    assert airflow.wait_for_run(dag, run_id) == "success"
    second = airflow.task_states(dag, run_id)
    assert (first["a"], first["bad"]) == ("failed", "success")
    assert first["good"] in ("skipped", "upstream_failed")
    assert (second["a"], second["good"], second["bad"]) == ("success", "success", "skipped")


def test_broken_definition_is_seen_and_mended(airflow: LocalAirflow, define: Define, dag_folder: Path) -> None:
    whole = define("whole", HEAD + "tasks: {a: {sql: SELECT 1}}\n")

    broken = define("broken", HEAD + "tasks: {a: {sql: SELECT 1, dependson: b}}\n")

    shown = str(airflow.dag_details(broken)["doc_md"])
    assert re.search(r"broken\.workflow\.yaml:4:\d+", shown), shown
    assert "depends_on" in shown
    run_id = airflow.trigger(broken)
    assert airflow.wait_for_run(broken, run_id) == "failed"
    assert whole in airflow.dag_ids()
    assert airflow.import_errors() == []

    define("broken", HEAD + "description: mended\ntasks: {a: {sql: SELECT 1}}\n")

    wait_for(lambda: airflow.dag_details(broken)["description"] == "mended", "the mended definition", 60)
    run_id = airflow.trigger(broken)
    assert airflow.wait_for_run(broken, run_id) == "success"


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
            wait_for(lambda: sleeper.exists() and sleeper.read_text().strip(), "the task to run", 60)
            processes.append(int(sleeper.read_text()))
        finally:
            starter.send_signal(signal.SIGKILL)  # it has no chance to stop anything itself

    wait_for(lambda: not any(map(psutil.pid_exists, processes)), "every process to end", 30)
