"""Secrets are seen by nobody, and what a run is started with is checked before it starts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy import text as sql

from scripts.airflow_api import LocalAirflowError
from scripts.local_airflow import LocalAirflow

Define = Callable[..., str]
BASH = "airflow.providers.standard.operators.bash.BashOperator"
SECRET = "pa55-w0rd'; DROP TABLE log; -- {{ 7*7 }} %s ü"


@pytest.fixture
def secret(airflow: LocalAirflow) -> Iterator[str]:
    """The key of an Airflow Variable that holds ``SECRET``; its name does not look like one of a secret."""
    key = "harmless"
    airflow.set_variable(key, SECRET)
    yield key
    airflow.delete_variable(key)


IN = ("in_a_variable", "in_an_error", "in_an_error_of_the_database", "in_a_template_error")


def seen_by_anybody(airflow: LocalAirflow, text: str) -> list[str]:
    """Where a text stands: files of logs, tables of Airflow's database but that of the Variables."""
    files = [path for path in airflow.home.rglob("*") if path.is_file() and not path.name.startswith("airflow.db")]
    found = [str(path) for path in files if text in path.read_text("utf-8", "replace")]
    with create_engine(airflow.metadata).connect() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(sql(f'SELECT * FROM "{table}"')):
                if table != "variable" and any(text in _text(value) for value in row):
                    found.append(f"{table}: {row}")
    return found


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)


def test_a_secret_arrives_and_is_seen_by_nobody(
    airflow: LocalAirflow, define: Define, database: Path, secret: str
) -> None:
    dag = define(
        "keeps_secrets",
        f"""
variables:
  token: {{secret: true, from: {secret}}}
outcome: handled
defaults: {{connection: test_db}}
tasks:
  bound: {{sql: "INSERT INTO log VALUES (:run_id, :token)"}}
  environment:
    operator: {BASH}
    arguments: {{bash_command: 'printf %s "$TOKEN" | wc -c; echo "is $TOKEN"', env: {{TOKEN: "{{{{ vars.token }}}}"}}}}
    depends_on: bound
  condition: {{sql: SELECT 1, if: 'vars.token != "other"', depends_on: bound}}
  in_an_error:
    operator: {BASH}
    arguments: {{bash_command: 'echo "cannot use $TOKEN" >&2; exit 3', env: {{TOKEN: "{{{{ vars.token }}}}"}}}}
    depends_on: bound
  in_an_error_of_the_database: {{sql: "SELECT json(:token)", depends_on: bound}}
  in_a_variable: {{sql: "SELECT 'is ' || :token", set: seen, depends_on: bound}}
  in_a_template_error:
    operator: {BASH}
    arguments: {{bash_command: 'true', env: {{TOKEN: "{{{{ vars.token + 1 }}}}"}}}}
    depends_on: bound
  handler:
    sql: SELECT 1
    depends_on: {{{", ".join(f"{name}: failure" for name in IN)}}}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "success"
    states = airflow.task_states(dag, run)
    assert {states[name] for name in ("bound", "environment", "condition", "handler")} == {"success"}
    assert {name: states[name] for name in IN} == dict.fromkeys(IN, "failed")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT line FROM log WHERE run_id = ?", [run]).fetchall() == [(SECRET,)]
    log = airflow.task_log(dag, run, "environment")
    assert f"{len(SECRET.encode())}" in log
    assert "is ***" in log
    assert "cannot use ***" in airflow.task_log(dag, run, "in_an_error")
    assert "would hold a secret" in airflow.task_log(dag, run, "in_a_variable")
    assert seen_by_anybody(airflow, SECRET) == []
    assert seen_by_anybody(airflow, "pa55-w0rd") == []
    assert "token" not in airflow.dag_details(dag)["params"]


def test_the_search_for_a_secret_would_find_one(airflow: LocalAirflow, define: Define) -> None:
    dag = define(
        "tells_everything", f"tasks:\n  a: {{operator: {BASH}, arguments: {{bash_command: 'echo open-5esame'}}}}\n"
    )
    airflow.wait_for_run(dag, airflow.trigger(dag))
    found = seen_by_anybody(airflow, "open-5esame")
    assert any(place.endswith(".log") for place in found)
    assert any(place.startswith("rendered_task_instance_fields") for place in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "there is no Airflow Variable 'nowhere'"), ("abc", "is shorter than 5 characters")],
)
def test_a_secret_that_cannot_be_read_or_hidden_fails_the_task_with_the_reason(
    text: str, message: str, airflow: LocalAirflow, define: Define
) -> None:
    if text:
        airflow.set_variable("nowhere", text)
    name = "short_secret" if text else "no_secret"
    dag = define(
        name,
        """
variables: {token: {secret: true, from: nowhere}}
tasks: {a: {sql: "SELECT :token", connection: test_db}}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    assert message in airflow.task_log(dag, run, "a")
    if text:
        airflow.delete_variable("nowhere")


BAD: list[tuple[dict[str, object], str]] = [
    ({"limit": "many"}, "limit"),
    ({"limit": 1.5}, "limit"),
    ({"day": "2026-02-30"}, "day"),
    ({"day": "tomorrow"}, "day"),
    ({"at": "noon"}, "at"),
    ({"at": "2026-02-30T12:00:00Z"}, "at"),
    ({"at": "2026-02-03T25:00:00Z"}, "at"),
    ({"share": "x"}, "share"),
    ({"dry": "maybe"}, "dry"),
    ({"name": 3}, "name"),
    ({"needed": None}, "needed"),
]


def test_a_value_that_its_variable_cannot_hold_is_refused_when_the_run_is_started(
    airflow: LocalAirflow, define: Define
) -> None:
    dag = define(
        "typed",
        """
variables:
  limit: {type: integer, default: 3}
  day: {type: date}
  at: {type: datetime}
  share: {type: number}
  dry: {type: boolean}
  name: {type: string}
  needed: {type: string, required: true}
tasks: {a: {sql: "SELECT :limit, :day, :at, :share, :dry, :name, :needed", connection: test_db}}
""",
    )
    for conf, name in BAD:
        with pytest.raises(LocalAirflowError, match=f"answered 400: .*{name}"):
            airflow.trigger(dag, {"needed": "x", **conf})
    with pytest.raises(LocalAirflowError, match=r"answered 400: .*needed"):
        airflow.trigger(dag, {})
    assert airflow.runs(dag) == []
    good = {"needed": "x", "limit": 5, "day": "2026-02-28", "at": "2026-02-28T12:00:00Z", "share": 0.5, "dry": True}
    run = airflow.trigger(dag, good)
    assert airflow.wait_for_run(dag, run) == "success"
