"""What the definitions promise, on the real scheduler, dag processor, API server and workers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.airflow_api import LocalAirflowError, wait_for
from scripts.local_airflow import LocalAirflow
from tests.system.doors import Door, door

__all__ = ["door"]

Define = Callable[..., str]
BASH = "airflow.providers.standard.operators.bash.BashOperator"


def bash(command: str, **more: object) -> str:
    """A task, as flow-style YAML."""
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{operator: {BASH}, arguments: {{bash_command: '{command}'}}{rest}}}"


def state(airflow: LocalAirflow, dag: str, run: str, task: str) -> str | None:
    return airflow.task_states(dag, run).get(task)


def started(airflow: LocalAirflow, dag: str, run: str) -> set[str]:
    """Tasks for which a worker was started."""
    return {task.task_id for task in airflow.task_instances(dag, run) if task.pid}


def test_any_starts_while_another_source_is_still_running(airflow: LocalAirflow, define: Define, door: Door) -> None:
    dag = define(
        "eager",
        f"""
outcome: handled
tasks:
  a: {bash("exit 1")}
  b: {bash(door.wait)}
  d: {bash("true", depends_on="{a: failure, b: success}", constraint="any")}
""",
    )
    run = airflow.trigger(dag)
    wait_for(lambda: state(airflow, dag, run, "d") == "success" or None, "d")
    assert state(airflow, dag, run, "b") == "running"
    door.open()
    assert airflow.wait_for_run(dag, run) == "success"
    assert airflow.task_states(dag, run) == {
        "a": "failed",
        "b": "success",
        "d": "success",
        "d.any": "success",
        "workflow.failed": "success",
        "workflow.end": "success",
        "workflow.outcome": "success",
    }
    assert started(airflow, dag, run) == {"a", "b", "d", "d.any", "workflow.outcome"}


def test_the_broken_chain_does_not_run_a_handler_and_the_run_says_why_it_failed(
    airflow: LocalAirflow, define: Define
) -> None:
    dag = define(
        "broken_chain",
        f"""
tasks:
  a: {bash("exit 1")}
  b: {bash("true", depends_on="a")}
  c: {bash("true", depends_on="{b: failure}")}
  alert: {bash("true", depends_on="{a: failure}")}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    states = airflow.task_states(dag, run)
    assert (states["a"], states["b"], states["c"], states["alert"]) == ("failed", "skipped", "skipped", "success")
    reasons = {x.key: x.value for x in airflow.xcoms(dag, run) if x.task_id == "workflow.outcome"}
    assert reasons["reason"] == "failed: 'a'; handled: 'a' by 'alert'"
    assert "The run failed (strict). failed: 'a'" in airflow.task_log(dag, run, "workflow.outcome")
    assert started(airflow, dag, run) == {"a", "alert", "workflow.outcome"}


def test_nothing_is_started_beyond_the_tasks_when_nothing_fails(airflow: LocalAirflow, define: Define) -> None:
    dag = define(
        "calm",
        f"""
tasks:
  a: {bash("true")}
  b: {bash("true", depends_on="a")}
  h: {bash("true", depends_on="{a: failure, b: failure}", constraint="any")}
  c: {bash("true", depends_on="{b: failure}")}
  d: {bash("true", depends_on="{a: success, b: completion}", constraint="any")}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "success"
    assert started(airflow, dag, run) <= {"a", "b", "d", "d.any"}


def test_clearing_decides_every_constraint_anew(airflow: LocalAirflow, define: Define, door: Door) -> None:
    dag = define(
        "cleared",
        f"""
tasks:
  a: {bash(door.opened)}
  b: {bash("true", depends_on="a")}
  m: {bash("true", depends_on="{a: success, b: completion}")}
  h: {bash("true", depends_on="{a: failure}")}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    before = airflow.task_states(dag, run)
    assert (before["b"], before["m"], before["h"]) == ("upstream_failed", "skipped", "success")
    door.open()
    airflow.clear(dag, run, ["a"])
    assert airflow.wait_for_run(dag, run) == "success"
    after = airflow.task_states(dag, run)
    assert (after["a"], after["b"], after["m"], after["h"]) == ("success", "success", "success", "skipped")


VARIABLES = textwrap.dedent(
    """
    variables:
      limit: {type: integer, default: 3, description: How many}
      day: {type: date}
      price: {type: number}
      note: text
    defaults: {connection: test_db}
    tasks:
      ask:
        sql: SELECT :limit + 1 AS more, '2026-02-28' AS day, '12.50' AS price
        set: {found: more, day: day, price: price}
      tell:
        package: tell
        variables: {amount: "{{ vars.price }}"}
        depends_on: ask
      check:
        sql: INSERT INTO log VALUES (:run_id, :found || ' ' || typeof(:found) || ' ' || :day || ' ' || typeof(:price))
        depends_on: ask
        if: vars.found > vars.limit and vars.day.year == 2026
      never:
        sql: INSERT INTO log VALUES (:run_id, 'never')
        depends_on: ask
        if: vars.found < 0
    """
)
TELL = f"""
package: tell
variables: {{amount: {{type: number, required: true}}, found: {{type: integer}}, note: own}}
run:
  operator: {BASH}
  arguments:
    bash_command: 'echo "$AMOUNT/$FOUND/$NOTE"'
    env: {{AMOUNT: "{{{{ vars.amount }}}}", FOUND: "{{{{ vars.found }}}}", NOTE: "{{{{ vars.note }}}}"}}
"""


def test_values_keep_their_type_from_sql_to_packages(airflow: LocalAirflow, define: Define, database: Path) -> None:
    dag = define("tells_types", VARIABLES, {"tell.package.yaml": TELL})
    run = airflow.trigger(dag, {"limit": 41})
    assert airflow.wait_for_run(dag, run) == "success"
    values = {x.key: x.value for x in airflow.xcoms(dag, run) if x.task_id == "ask"}
    assert values == {
        "found": 42,
        "day": {"type": "date", "value": "2026-02-28"},
        "price": {"type": "decimal", "value": "12.50"},
    }
    told = [x.value for x in airflow.xcoms(dag, run) if x.task_id == "tell" and x.key == "return_value"]
    assert told == ["12.50/42/own"]
    assert state(airflow, dag, run, "never") == "skipped"
    import sqlite3

    with sqlite3.connect(database) as connection:
        lines = [row[0] for row in connection.execute("SELECT line FROM log WHERE run_id = ?", [run])]
    assert lines == ["42 integer 2026-02-28 real"]


def test_a_value_that_a_variable_cannot_hold_is_refused_before_the_run(airflow: LocalAirflow, define: Define) -> None:
    dag = define("tells_types", VARIABLES, {"tell.package.yaml": TELL})
    with pytest.raises(LocalAirflowError, match=r"400.*limit: 'many' is not of type 'integer'"):
        airflow.trigger(dag, {"limit": "many"})


def test_a_definition_that_breaks_stays_visible_and_disturbs_no_other(
    airflow: LocalAirflow, define: Define, dag_folder: Path, door: Door
) -> None:
    good = f"\ntasks:\n  a: {bash(door.wait)}\n  b: {bash('true', depends_on='a')}\n"
    dag = define("breaks", good)
    other = define("other", f"\ntasks:\n  a: {bash('true')}\n")
    run = airflow.trigger(dag)
    wait_for(lambda: state(airflow, dag, run, "a") == "running" or None, "a")

    file = dag_folder / "breaks.workflow.yaml"
    file.write_text(f"workflow: {dag}\ntasks:\n  a: {{sql: SELECT 1, retires: 3}}\n")
    airflow.wait_for_change(dag)
    shown = airflow.dag_details(dag)
    assert [tag["name"] for tag in shown["tags"]] == ["broken definition"]
    assert "breaks.workflow.yaml:3:" in shown["doc_md"]
    assert "did you mean 'retries'" in shown["doc_md"]
    assert airflow.import_errors() == []
    assert airflow.wait_for_run(other, airflow.trigger(other)) == "success"

    door.open()
    assert airflow.wait_for_run(dag, run) == "failed", "a run whose definition broke is never green"

    file.write_text(f"workflow: {dag}{good}")
    airflow.wait_for_change(dag)
    assert airflow.dag_details(dag)["tags"] == []
    assert airflow.wait_for_run(dag, airflow.trigger(dag)) == "success"
