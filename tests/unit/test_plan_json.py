"""A plan that is written and read again is the same plan."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.compiler.plan import (
    Decision,
    Expectations,
    Gate,
    Notification,
    OperatorWork,
    Plan,
    PlannedSchedule,
    PlannedTask,
    PlannedVariable,
    RunOutcome,
    Scope,
    SqlWork,
    TriggerRule,
    Wiring,
    WorkflowWork,
)
from airflow_workflow_provider.compiler.plan_json import dump_plan, dump_with_version, load_plan
from tests.unit.shapes import Shape, shapes
from tests.workflows import definition

NAMES = st.text(max_size=5)
MAYBE = st.none() | st.text(max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def _many(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


MAPPINGS = st.dictionaries(NAMES, JSON, max_size=3)
EDGES = st.dictionaries(NAMES, _many(NAMES), max_size=3)
WIRINGS = st.builds(Wiring, st.sampled_from(TriggerRule), _many(NAMES))
GATES = st.builds(Gate, NAMES, NAMES, WIRINGS, NAMES)
VARIABLES = st.builds(PlannedVariable, NAMES, MAYBE, JSON, MAYBE, st.booleans(), MAYBE)
SECONDS = st.none() | st.floats(0, 1e9)
SCOPES = st.builds(Scope, MAPPINGS, st.none() | _many(VARIABLES), EDGES)
SQL = st.builds(SqlWork, NAMES, _many(NAMES), st.dictionaries(NAMES, MAYBE, max_size=3), NAMES)
TASKS = st.builds(
    PlannedTask,
    NAMES,
    SQL | st.builds(OperatorWork, NAMES, MAPPINGS, MAYBE) | st.builds(WorkflowWork, NAMES),
    WIRINGS,
    EDGES,
    NAMES,
    MAYBE,
    SCOPES,
    MAYBE,
    st.none() | st.integers(),
    SECONDS,
    SECONDS,
    MAYBE,
    MAYBE,
)
SCHEDULES = st.builds(PlannedSchedule, NAMES, NAMES, NAMES, MAPPINGS)
EXPECTATIONS = st.builds(Expectations, SECONDS, SECONDS, SECONDS, _many(NAMES), NAMES, EDGES)
PLANS = st.builds(
    Plan,
    workflow=NAMES,
    version=NAMES,
    tasks=_many(TASKS),
    gates=_many(GATES),
    decisions=_many(st.builds(Decision, NAMES, NAMES, NAMES, EDGES, WIRINGS)),
    outcome=st.none() | st.builds(RunOutcome, NAMES, NAMES, WIRINGS, _many(GATES)),
    outcome_mode=NAMES,
    variables=_many(VARIABLES),
    description=MAYBE,
    owner=MAYBE,
    tags=_many(NAMES),
    schedule=MAYBE,
    schedules=_many(SCHEDULES),
    start_date=MAYBE,
    catchup=st.booleans(),
    max_active_runs=st.none() | st.integers(),
    expect=st.none() | EXPECTATIONS,
    notify=_many(st.builds(Notification, NAMES, NAMES, MAPPINGS)),
    stored=st.booleans(),
)


def test_the_strategy_makes_every_field_of_a_plan() -> None:
    for made, strategy in ((Plan, PLANS), (PlannedTask, TASKS), (PlannedVariable, VARIABLES)):
        builds: Any = strategy
        while hasattr(builds, "wrapped_strategy"):
            builds = builds.wrapped_strategy
        assert len(builds.args) + len(builds.kwargs) == len(fields(made)), made


@given(PLANS)
def test_any_plan(plan: Plan) -> None:
    text = dump_plan(plan)
    assert load_plan(text) == plan
    assert dump_plan(load_plan(text)) == text


@given(shapes(), st.sampled_from(["strict", "handled"]))
def test_compiled_plans(shape: Shape, mode: str) -> None:
    plan = compile_workflow(definition(shape, mode))
    assert load_plan(dump_plan(plan)) == plan


@given(PLANS)
def test_a_version_of_the_text_is_part_of_the_text(plan: Plan) -> None:
    unversioned = replace(plan, version="")
    versioned, text = dump_with_version(unversioned, lambda given: f"v{hash(given)}")
    assert versioned == replace(plan, version=f"v{hash(dump_plan(unversioned))}")
    assert text == dump_plan(versioned)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"workflow": 1, "unknown": 2}', '{"tasks": [{}]}'])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        load_plan(text)
