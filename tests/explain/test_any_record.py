"""Whatever Airflow has recorded, an explanation is made, and it never contradicts the meaning of the definition."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.explain_text import explanation_lines
from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.definitions.definition import Definition, Statement
from airflow_workflow_provider.definitions.models import Workflow
from airflow_workflow_provider.definitions.outcomes import Outcome
from airflow_workflow_provider.explain.as_json import as_json
from airflow_workflow_provider.explain.record import Mark, TaskRecord
from airflow_workflow_provider.explain.run import explain_run
from airflow_workflow_provider.plugins.run_page import run_page
from airflow_workflow_provider.semantics import interpret
from tests.explain.runs import at, record
from tests.unit.shapes import Shape, shapes
from tests.workflows import definition, words

STATES = st.sampled_from(
    [
        *(None, "scheduled", "queued", "running", "success", "failed", "skipped", "upstream_failed", "removed"),
        *("restarting", "up_for_retry", "up_for_reschedule", "deferred", "awaiting_input", "one of a later release"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("type"), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.none() | st.integers(-10, 10).map(at)
TASKS = st.builds(TaskRecord, STATES, st.integers(0, 3), TIMES, TIMES)
NAMES = st.sampled_from(["x", "y", "z", "reason", "broken_expectations", "started-by"])
TYPES = st.sampled_from([None, "string", "integer", "number", "boolean", "date", "datetime", "json"])


@st.composite
def workflows(draw: st.DrawFn) -> Definition:
    """SQL tasks that read and set ``x``, ``y`` and ``z``, one of them a secret."""
    shape: Shape = draw(shapes(5))
    tasks: dict[str, Any] = {}
    for name, (constraint, edges) in shape.items():
        tasks[name] = {
            "sql": "SELECT :x, :y, :z",
            "constraint": constraint,
            "depends_on": {source: words(accepted) for source, accepted in edges.items()},
            "on_empty": draw(st.sampled_from([None, "skip"])),
            "if": draw(st.sampled_from([None, "vars.x > 1"])),
            "set": draw(st.sampled_from([None, {"x": "c"}, {"x": "c", "y": "d"}])),
            "variables": draw(st.sampled_from([{}, {"y": "{{ vars.x }}"}, {"y": ["a {{ vars.z }}"], "x": {"k": 1.5}}])),
        }
    data = {
        "workflow": "w",
        "outcome": draw(st.sampled_from(["strict", "handled"])),
        "variables": {
            "x": {"type": draw(TYPES), "required": draw(st.booleans())},
            "y": None,
            "z": {"secret": True, "from": "z"},
        },
        "defaults": {"connection": "db"},
        "tasks": tasks,
    }
    statements = {name: (Statement("SELECT :x, :y, :z", ("tasks", name, "sql")),) for name in tasks}
    return Definition(Workflow.model_validate(data), statements=statements)


@settings(max_examples=150)
@given(
    workflows(),
    st.sampled_from(["queued", "running", "success", "failed"]),
    st.data(),
    st.dictionaries(NAMES | st.text(), JSON, max_size=4),
    st.sampled_from(["manual", "scheduled", "backfill", "asset_triggered", ""]),
)
def test_every_record_has_an_explanation(
    workflow: Definition, state: str, data: st.DataObject, conf: dict[str, Any], run_type: str
) -> None:
    plan = compile_workflow(workflow)
    nodes = [name for name, _ in plan.wirings()]
    run = record(
        state,
        data.draw(st.dictionaries(st.sampled_from(nodes) | st.text(min_size=1), TASKS, max_size=len(nodes) + 1)),
        start=data.draw(TIMES),
        end=data.draw(TIMES),
        conf=conf,
        run_type=run_type,
        note=data.draw(st.none() | st.text()),
        xcoms=data.draw(st.dictionaries(st.sampled_from(nodes), st.dictionaries(NAMES, JSON, max_size=4), max_size=4)),
        marked=data.draw(
            st.dictionaries(st.sampled_from(["", *nodes]), st.builds(Mark, st.text(), TIMES.filter(bool)))
        ),
    )
    explained = explain_run(plan, run)
    assert [task.name for task in explained.tasks][: len(plan.tasks)] == [task.id for task in plan.tasks]
    assert all(task.reason for task in explained.tasks)
    assert explained.reason
    assert {"x", "y", "z"} <= {variable.name for variable in explained.variables}
    [secret] = [variable for variable in explained.variables if variable.name == "z"]
    assert {seen.value.value for seen in secret.values} == {"***"}
    json.dumps(as_json(explained))
    for line in explanation_lines(explained, Console(StringIO(), StringIO())):
        assert line.isprintable() or not line
    run_page(explained)


@settings(max_examples=100)
@given(shapes(6), st.data(), st.sampled_from(["strict", "handled"]))
def test_an_ended_run_is_explained_as_the_semantics_has_it(shape: Shape, data: st.DataObject, mode: str) -> None:
    """When the tasks ended as the definition means it, the explanation says what ``simulate`` says."""
    plan = compile_workflow(definition(shape, mode))
    results = {name: data.draw(st.sampled_from(Outcome)) for name in shape}
    meaning = interpret({task.id: (task.constraint, task.edges) for task in plan.tasks}, results, mode)
    states = {Outcome.SUCCESS: "success", Outcome.FAILURE: "failed", Outcome.SKIPPED: "skipped"}
    tasks = {
        name: TaskRecord(states[each.outcome], int(each.outcome is not Outcome.SKIPPED))
        for name, each in meaning.tasks.items()
    }
    for name, each in meaning.tasks.items():
        if each.reason == "it skipped itself":
            tasks[name] = TaskRecord("skipped", 1)
    explained = explain_run(plan, record("failed" if meaning.failed else "success", tasks))
    assert explained.reason == meaning.reason
    for task in explained.tasks:
        told = meaning.tasks[task.name]
        assert task.outcome is told.outcome
        if told.reason == "it skipped itself":
            assert task.reason == "skipped itself"
        else:
            verb = "did not run" if told.outcome is Outcome.SKIPPED else "ran"
            assert task.reason == f"{verb}: {told.reason}"
