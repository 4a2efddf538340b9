"""What a plan takes over from a definition, when its version changes, and that its meaning is the oracle's."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider import semantics
from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.compiler.plan import Plan, SqlWork
from airflow_workflow_provider.definitions.outcomes import Outcome
from tests import oracle
from tests.unit.reading import read_data
from tests.unit.shapes import Shape, shapes
from tests.workflows import definition, words

OUTCOMES = {"S": Outcome.SUCCESS, "F": Outcome.FAILURE, "K": Outcome.SKIPPED}


def plan_of(folder: Path, tasks: dict[str, Any], **more: Any) -> Plan:
    reading = read_data(folder, {"workflow": "w", "tasks": tasks, **more})
    assert reading.definition is not None, reading.diagnostics
    assert reading.errors == ()
    return compile_workflow(reading.definition)


@settings(max_examples=400)
@given(shapes(10), st.data())
def test_the_meaning_is_the_oracles(shape: Shape, data: st.DataObject) -> None:
    results = {name: data.draw(st.sampled_from("SFK")) for name in shape}
    mode = data.draw(st.sampled_from(["strict", "handled"]))
    tasks = {
        name: (kind, {source: tuple(words(accepted)) for source, accepted in edges.items()})
        for name, (kind, edges) in shape.items()
    }
    meaning = semantics.interpret(tasks, {name: OUTCOMES[end] for name, end in results.items()}, mode)
    expected = oracle.outcomes(shape, results)
    assert {name: task.outcome for name, task in meaning.tasks.items()} == {
        name: OUTCOMES[end] for name, end in expected.items()
    }
    assert meaning.failed == oracle.run_fails(shape, expected, mode)
    assert meaning.reason
    assert all(task.reason for task in meaning.tasks.values())


@given(shapes(10), st.sampled_from(["strict", "handled"]))
def test_nodes_have_one_name_each_and_wait_only_for_nodes_that_there_are(shape: Shape, mode: str) -> None:
    plan = compile_workflow(definition(shape, mode))
    names = [name for name, _ in plan.wirings()]
    assert len(set(names)) == len(names)
    assert all(source in names for _, wiring in plan.wirings() for source in wiring.upstream)
    assert {task.id for task in plan.tasks} == set(shape)
    assert all(set(task.edges) == set(shape[task.id][1]) for task in plan.tasks)


A = {"sql": "SELECT :x", "connection": "db"}
VERSIONED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"a": {**A, "sql": "SELECT  :x"}}, {}),
    ({"a": {**A, "connection": "other"}}, {}),
    ({"a": {**A, "retries": 1}}, {}),
    ({"a": {**A, "set": "y"}}, {}),
    ({"a": {**A, "on_empty": "fail"}}, {}),
    ({"a": {**A, "if": "vars.x == 1"}}, {}),
    ({"b": A}, {}),
    ({"a": A, "b": A}, {}),
    ({"a": A}, {"schedule": "@daily"}),
    ({"a": A}, {"outcome": "handled"}),
    ({"a": A}, {"variables": {"x": 2}}),
    ({"a": A}, {"variables": {"x": {"default": 1, "type": "integer"}}}),
]


def test_the_version_changes_with_what_a_run_does_and_with_nothing_else(tmp_path: Path) -> None:
    variables = {"variables": {"x": 1}}
    versions = [
        plan_of(tmp_path, tasks, **{**variables, **more}).version for tasks, more in [({"a": A}, {}), *VERSIONED]
    ]
    assert len(set(versions)) == len(versions)
    short = plan_of(tmp_path, {"a": A, "b": {**A, "depends_on": "a"}}, **variables)
    long = plan_of(tmp_path, {"a": A, "b": {**A, "depends_on": {"a": ["success"]}}}, variables={"x": {"default": 1}})
    assert short.version == long.version


def test_defaults_are_for_tasks_that_give_nothing(tmp_path: Path) -> None:
    defaults = {"connection": "db", "retries": 2, "retry_delay": "1m", "timeout": "2h", "pool": "p"}
    own = {"connection": "other", "retries": 0, "retry_delay": "90s", "timeout": "1d", "pool": "q"}
    plan = plan_of(tmp_path, {"a": {"sql": "SELECT 1"}, "b": {"sql": "SELECT 1", **own}}, defaults=defaults)
    a, b = plan.tasks
    assert (a.retries, a.retry_delay, a.timeout, a.pool) == (2, 60, 7200, "p")
    assert (b.retries, b.retry_delay, b.timeout, b.pool) == (0, 90, 86400, "q")
    assert isinstance(a.work, SqlWork)
    assert isinstance(b.work, SqlWork)
    assert (a.work.connection, b.work.connection) == ("db", "other")


def test_a_delay_of_zero_is_a_delay(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"a": {"sql": "SELECT 1", "retry_delay": "0s"}}, defaults={"retry_delay": "5m"})
    assert plan.tasks[0].retry_delay == 0


def test_setters_in_sight_the_furthest_downstream_first(tmp_path: Path) -> None:
    tasks = {
        "one": {"sql": "SELECT 1", "set": "x"},
        "two": {"sql": "SELECT 2", "set": "x", "depends_on": "one"},
        "aside": {"sql": "SELECT 3", "set": "x"},
        "reader": {"sql": "SELECT :x", "depends_on": "two"},
    }
    plan = plan_of(tmp_path, tasks)
    scopes = {task.id: task.scope.setters for task in plan.tasks}
    assert scopes["reader"] == {"x": ("two", "one")}
    assert scopes["two"] == {}


@pytest.mark.parametrize(("kind", "mode"), list(product(["all", "any"], ["strict", "handled"])))
def test_names_that_could_clash_with_nodes(tmp_path: Path, kind: str, mode: str) -> None:
    edges = {"workflow": "success", "any": "failure"}
    tasks = {
        "workflow": {"sql": "SELECT 1"},
        "any": {"sql": "SELECT 1"},
        "all": {"sql": "SELECT 1", "depends_on": edges, "constraint": kind},
    }
    plan = plan_of(tmp_path, tasks, outcome=mode)
    names = [name for name, _ in plan.wirings()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("on_empty", "hides"), [("skip", True), ("fail", False), ("null", False)])
def test_a_query_that_may_skip_itself_may_hide_a_failure(tmp_path: Path, on_empty: str, hides: bool) -> None:
    """The task after it is skipped at once; when the other source fails then, only the outcome node is left to tell."""
    sql = {"sql": "SELECT 1"}
    tasks = {"find": {**sql, "on_empty": on_empty}, "load": sql, "report": {**sql, "depends_on": ["find", "load"]}}
    plan = plan_of(tmp_path, tasks, defaults={"connection": "db"})
    assert (plan.outcome is not None) is hides
