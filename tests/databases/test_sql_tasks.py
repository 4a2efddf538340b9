"""SQL tasks on real databases: values go in as data, come back with their type, and set variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from airflow_workflow_provider.definitions.values import from_json
from tests.dag_test_run import FinishedRun, run_definition
from tests.databases.conftest import Database
from tests.databases.test_binding import HOSTILE

pytestmark = pytest.mark.usefixtures("airflow_database")


def run(
    database: Database, tasks: Mapping[str, Any], conf: Mapping[str, Any] | None = None, **more: Any
) -> FinishedRun:
    document = {"workflow": "w", "defaults": {"connection": database.connection_id}, "tasks": tasks, **more}
    return run_definition({"w.workflow.json": json.dumps(document)}, conf)


def test_hostile_variables_arrive_as_data(any_database: Database) -> None:
    """Given to the run, bound, stored, read back into another variable, bound and stored once more."""
    table = any_database.new_table(f"id INTEGER, v {'LONGTEXT' if any_database.kind == 'mariadb' else 'TEXT'}")
    names = {f"v{number}": value for number, value in enumerate(HOSTILE)}
    insert = [f"INSERT INTO {table} VALUES ({number}, :{name})" for number, name in enumerate(names)]
    read = "SELECT " + ", ".join(
        f"(SELECT v FROM {table} WHERE id = {number}) AS c{number}" for number, _ in enumerate(names)
    )
    again = [f"INSERT INTO {table} VALUES ({number + 1000}, :r{number})" for number, _ in enumerate(names)]
    finished = run(
        any_database,
        {
            "write": {"sql": insert},
            "read": {
                "sql": read,
                "set": {f"r{number}": f"c{number}" for number, _ in enumerate(names)},
                "depends_on": "write",
            },
            "again": {"sql": again, "depends_on": "read"},
        },
        conf=names,
        variables=dict.fromkeys(names),
    )
    assert finished.state == "success"
    rows = dict(any_database.hook().get_records(f"SELECT id, v FROM {table}"))
    assert [rows[number] for number, _ in enumerate(HOSTILE)] == HOSTILE
    assert [rows[number + 1000] for number, _ in enumerate(HOSTILE)] == HOSTILE


TYPES = {
    "sqlite": "i BIGINT, n NUMERIC, s TEXT, b BOOLEAN, d DATE, t TIMESTAMP, e TEXT, j TEXT",
    "postgres": "i BIGINT, n NUMERIC(20,4), s TEXT, b BOOLEAN, d DATE, t TIMESTAMPTZ, e TEXT, j JSONB",
    "mariadb": "i BIGINT, n DECIMAL(20,4), s TEXT, b BOOLEAN, d DATE, t DATETIME, e TEXT, j JSON",
}
DECLARED = {
    "i": "integer",
    "n": "number",
    "s": "string",
    "b": "boolean",
    "d": "date",
    "t": "datetime",
    "e": "string",
    "j": "json",
}


def test_every_type_survives_the_way_through_the_run(any_database: Database) -> None:
    table = any_database.new_table(TYPES[any_database.kind])
    given = {
        "i": 9007199254740993,
        "n": 12.5,
        "s": "42",
        "b": True,
        "d": "2026-02-28",
        "t": "2026-02-28T23:30:00+05:30",
        "e": None,
        "j": {"list": [1, 2.5, "3", None, True], "nested": {"quote": "'", "ü": {}}},
    }
    columns = ", ".join(f":{name}" for name in DECLARED)
    finished = run(
        any_database,
        {
            "write": {"sql": f"INSERT INTO {table} VALUES ({columns})"},
            "read": {
                "sql": f"SELECT * FROM {table}",
                "set": {f"{name}_": name for name in DECLARED},
                "depends_on": "write",
            },
            "same": {
                "sql": f"DELETE FROM {table} WHERE i = :i_ AND n = :n_ AND s = :s_ AND b = :b_ AND d = :d_ AND t = :t_",
                "depends_on": "read",
            },
            "left": {"sql": f"SELECT COUNT(*) FROM {table}", "set": "left_over", "depends_on": "same"},
        },
        conf=given,
        variables={
            **{name: {"type": kind} for name, kind in DECLARED.items()},
            **{f"{name}_": {"type": kind} for name, kind in DECLARED.items()},
        },
    )
    assert finished.state == "success"
    read = {key: value for (task, key), value in finished.xcoms.items() if task == "read"}
    assert read["i_"] == 9007199254740993
    assert read["s_"] == "42"
    assert read["b_"] is True
    assert read["d_"] == {"type": "date", "value": "2026-02-28"}
    assert read["t_"] == {"type": "datetime", "value": "2026-02-28T18:00:00+00:00"}
    assert read["e_"] is None
    assert from_json(read["j_"]) == given["j"]
    assert float(read["n_"]["value"] if isinstance(read["n_"], dict) else read["n_"]) == 12.5
    assert finished.xcoms["left", "left_over"] == 0


def test_a_decimal_keeps_every_digit_on_its_way_from_one_row_to_another(any_database: Database) -> None:
    if any_database.kind == "sqlite":
        pytest.skip("SQLite has no decimals")
    table = any_database.new_table("id INTEGER, n DECIMAL(30,10)")
    any_database.hook().run(f"INSERT INTO {table} VALUES (1, 12345678901234567890.0123456789)")
    finished = run(
        any_database,
        {
            "read": {"sql": f"SELECT n FROM {table} WHERE id = 1", "set": "n"},
            "write": {"sql": f"INSERT INTO {table} VALUES (2, :n)", "depends_on": "read"},
        },
        variables={"n": {"type": "number"}},
    )
    assert finished.state == "success"
    assert finished.xcoms["read", "n"] == {"type": "decimal", "value": "12345678901234567890.0123456789"}
    assert len(any_database.hook().get_records(f"SELECT DISTINCT n FROM {table}")) == 1


def test_the_last_success_is_null_at_first_and_then_a_time(any_database: Database) -> None:
    time = "DATETIME" if any_database.kind == "mariadb" else "TIMESTAMP"
    table = any_database.new_table(f"id VARCHAR(9), t {time}")
    tasks = {
        "write": {"sql": f"INSERT INTO {table} VALUES ('bound', :last_success_at)"},
        "first": {
            "sql": f"INSERT INTO {table} VALUES ('first', :at)",
            "variables": {"at": "{{ vars.last_success_at }}"},
            "if": "vars.last_success_at is none",
            "depends_on": "write",
        },
    }
    name = f"twice_{table}"
    assert [run(any_database, tasks, workflow=name).state for _ in range(2)] == ["success", "success"]
    rows = any_database.hook().get_records(f"SELECT id, t FROM {table}")
    assert sorted((row[0], row[1] is None) for row in rows) == [("bound", False), ("bound", True), ("first", True)]


def test_statements_share_one_transaction(any_database: Database) -> None:
    table = any_database.new_table("v INTEGER")
    finished = run(
        any_database, {"a": {"sql": [f"INSERT INTO {table} VALUES (1)", f"INSERT INTO {table}_missing VALUES (2)"]}}
    )
    assert finished.state == "failed"
    assert not any_database.hook().get_records(f"SELECT * FROM {table}")


@pytest.mark.parametrize(
    ("on_empty", "state", "reader"),
    [("null", "success", "success"), ("skip", "skipped", "skipped"), ("fail", "failed", "")],
)
def test_an_empty_result(on_empty: str, state: str, reader: str, any_database: Database) -> None:
    table = any_database.new_table("v INTEGER")
    finished = run(
        any_database,
        {
            "ask": {"sql": f"SELECT v FROM {table}", "set": "found", "on_empty": on_empty},
            "use": {"sql": f"INSERT INTO {table} SELECT 1 WHERE :found IS NULL", "depends_on": "ask"},
        },
        conf={"found": 7},
        variables={"found": None},
    )
    assert finished.states["ask"] == state
    assert finished.states["use"] == (reader or "upstream_failed")
    written = any_database.hook().get_records(f"SELECT v FROM {table}")
    assert [tuple(row) for row in written] == ([(1,)] if on_empty == "null" else []), "a null that was set is a value"


def test_what_a_type_cannot_hold_fails_with_variable_type_and_value(
    any_database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    finished = run(
        any_database,
        {"ask": {"sql": "SELECT 'many' AS v", "set": "amount"}},
        variables={"amount": {"type": "integer"}},
    )
    assert finished.states["ask"] == "failed"
    captured = capfd.readouterr()
    assert "variable 'amount' is declared integer and cannot hold 'many'" in captured.out + captured.err


def test_column_names_fit_whatever_case_the_database_likes(any_database: Database) -> None:
    ask = {"sql": "SELECT 1 AS Alpha, 2 AS beta", "set": {"x": "ALPHA", "y": "Beta"}}
    finished = run(any_database, {"ask": ask})
    assert (finished.xcoms["ask", "x"], finished.xcoms["ask", "y"]) == (1, 2)


def test_the_first_column_is_set_when_two_bear_one_name(any_database: Database) -> None:
    finished = run(any_database, {"ask": {"sql": "SELECT 1 AS id, 2 AS id", "set": "x"}})
    assert finished.xcoms["ask", "x"] == 1


def test_failed_tasks_tells_a_shared_handler_what_failed(any_database: Database) -> None:
    table = any_database.new_table("v VARCHAR(100)")
    finished = run(
        any_database,
        {
            "good": {"sql": "SELECT 1"},
            "bad": {"sql": "SELECT nonsense FROM nowhere"},
            "worse": {"sql": "SELECT nonsense FROM nowhere"},
            "alert": {
                "sql": f"INSERT INTO {table} VALUES (:failed_tasks)",
                "depends_on": {"good": "completion", "bad": "completion", "worse": "completion"},
            },
        },
    )
    assert finished.states["alert"] == "success"
    assert [tuple(row) for row in any_database.hook().get_records(f"SELECT v FROM {table}")] == [("bad, worse",)]


def test_the_furthest_downstream_setter_wins_and_a_skipped_one_does_not_count(any_database: Database) -> None:
    table = any_database.new_table("v VARCHAR(100)")
    text = f"""
workflow: w
defaults: {{connection: {any_database.connection_id}}}
variables: {{v: start}}
tasks:
  first: {{sql: "SELECT 'first'", set: v}}
  second: {{sql: "SELECT 'second'", set: v, depends_on: first}}
  third: {{sql: "SELECT 'third'", set: v, depends_on: second, if: vars.v != 'second'}}
  use:
    sql: INSERT INTO {table} VALUES (:v)
    depends_on: {{second: success, third: [success, skipped]}}
"""
    assert yaml.safe_load(text)["workflow"] == "w"
    finished = run_definition({"w.workflow.yaml": text})
    assert finished.states["third"] == "skipped"
    assert [tuple(row) for row in any_database.hook().get_records(f"SELECT v FROM {table}")] == [("second",)]
