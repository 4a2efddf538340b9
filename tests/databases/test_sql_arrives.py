"""What stands in a definition or a .sql file is what a real database runs, statement by statement."""

from __future__ import annotations

import pytest

from tests.dag_test_run import FinishedRun, run_definition
from tests.databases.conftest import Database

pytestmark = pytest.mark.usefixtures("airflow_database")


def run(database: Database, tasks: str, **files: str) -> FinishedRun:
    head = f"workflow: w\nvariables: {{found: null, day: two}}\ndefaults: {{connection: {database.connection_id}}}\n"
    return run_definition({"w.workflow.yaml": f"{head}tasks:\n{tasks}", **{f"{k}.sql": v for k, v in files.items()}})


def test_a_comment_ends_with_its_line(any_database: Database) -> None:
    table = any_database.new_table("day VARCHAR(9)")
    sql = f"""
      INSERT INTO {table} VALUES ('one'), ('two');  -- it's two; rows
      DELETE FROM {table} -- only the day
      WHERE day = :day
"""
    assert run(any_database, f"  a:\n    sql: |{sql}").state == "success"
    assert [tuple(row) for row in any_database.hook().get_records(f"SELECT day FROM {table}")] == [("one",)]


def test_a_file_with_a_byte_order_mark_and_many_statements(any_database: Database) -> None:
    table = any_database.new_table("day VARCHAR(9)")
    insert = f"INSERT INTO {table} VALUES ('a;b')"
    script = f"\ufeff{insert};\nSELECT 'first';\n/* last; */ SELECT MAX(day) AS found FROM {table};\n"
    tasks = "  a: {sql: script.sql, set: found}\n  b:\n    sql: UPDATE T SET day = :found\n    depends_on: a\n"
    finished = run(any_database, tasks.replace("UPDATE T", f"UPDATE {table}"), script=script)
    assert finished.state == "success"
    assert any_database.hook().get_first(f"SELECT day FROM {table}")[0] == "a;b"


def test_an_aggregate_of_nothing_is_empty_with_having(any_database: Database) -> None:
    table = any_database.new_table("id INTEGER")
    sql = f"SELECT MAX(id) FROM {table} HAVING COUNT(*) > 0"
    tasks = f"  a: {{sql: {sql}, set: found, on_empty: skip}}\n  b: {{sql: SELECT 1, depends_on: a}}\n"
    assert run(any_database, tasks).states == {"a": "skipped", "b": "skipped"}
    any_database.hook().run(f"INSERT INTO {table} VALUES (1)")
    assert run(any_database, tasks).states == {"a": "success", "b": "success"}


def test_a_trigger_is_whole(any_database: Database) -> None:
    if any_database.kind == "postgres":
        pytest.skip("its triggers call functions, whose bodies are literals")
    table = any_database.new_table("id INTEGER, begin INTEGER, end INTEGER")
    trigger = {
        "sqlite": f"AFTER INSERT ON {table} BEGIN UPDATE {table} SET end = 8; UPDATE {table} SET end = end + 1; END;",
        "mariadb": f"BEFORE INSERT ON {table} FOR EACH ROW BEGIN IF NEW.id THEN SET NEW.end = 9; END IF; END;",
    }[any_database.kind]
    sql = f"CREATE TRIGGER g_{table} {trigger}\n      INSERT INTO {table} (id, begin, end) VALUES (1, 1, 1);\n"
    assert run(any_database, f"  a:\n    sql: |\n      {sql}").state == "success"
    assert any_database.hook().get_first(f"SELECT end FROM {table}")[0] == 9
