"""What Airflow is to call is on the DAG where somebody needs it, and nowhere else; mistakes have their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.cli.building import build_problems
from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.dags.builder import build_dag
from tests.unit.reading import read

HEAD = "workflow: w\ndefaults: {connection: db}\ntasks: {a: {sql: SELECT 1, set: x}}\n"
FILE = "{notifier: tests.notifications.notifiers.FileNotifier, arguments: {file: x}}"


def dag_of(folder: Path, text: str, *, for_worker: bool = False) -> Any:
    definition = read(folder, HEAD + text).definition
    assert definition is not None
    return build_dag(compile_workflow(definition), for_worker=for_worker)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("", set()),
        (f"notify: {{on_success: [{FILE}]}}", {"success"}),
        (f"notify: {{on_failure: [{FILE}]}}", {"failure"}),
        (f"expect: {{checks: x}}\nnotify: {{on_broken_expectation: [{FILE}]}}", {"failure"}),
        (f"expect: {{checks: x, on_violation: warn}}\nnotify: {{on_broken_expectation: [{FILE}]}}", {"success"}),
        ("expect: {checks: x, duration: {min: 1s}}", set()),
        ("expect: {duration: {max: 1m}}", {"deadline"}),
        ("expect: {duration: {of_usual: 2}}", {"deadline"}),
        (f"expect: {{duration: {{max: 1m}}}}\nnotify: {{on_late: [{FILE}]}}", {"deadline"}),
    ],
)
def test_airflow_calls_only_what_somebody_needs(tmp_path: Path, text: str, there: set[str]) -> None:
    for for_worker in (False, True):
        dag = dag_of(tmp_path, text, for_worker=for_worker)
        found = {
            name
            for name, value in (
                ("success", dag.on_success_callback),
                ("failure", dag.on_failure_callback),
                ("deadline", dag.deadline),
            )
            if value
        }
        assert found == (set() if for_worker else there)


def test_what_airflow_keeps_of_a_dag_with_a_deadline_is_the_same_at_every_look(tmp_path: Path) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    text = f"expect: {{duration: {{max: 1m, of_usual: 2}}}}\nnotify: {{on_late: [{FILE}], on_failure: [{FILE}]}}"
    kept = [DagSerialization.to_dict(dag_of(tmp_path, text)) for _ in range(2)]
    assert kept[0] == kept[1]
    (alert,) = kept[0]["dag"]["deadline"]
    assert alert["reference"] == {
        "reference_type": "LongestExpectedDuration",
        "max": 60.0,
        "of_usual": 2.0,
        "__class_path": "airflow_workflow_provider.notifications.deadlines.LongestExpectedDuration",
    }


@pytest.mark.parametrize(
    ("notifiers", "message"),
    [
        (
            f"on_failure: [{FILE}, {{notifier: tests.notifications.notifiers.FileNotifer}}]",
            (
                "3:9: error: notify.on_failure[1].notifier: 'tests.notifications.notifiers' has no 'FileNotifer'; "
                "did you mean 'FileNotifier'?"
            ),
        ),
        (
            "on_failure: [{notifier: no.such.Notifier}]",
            (
                "error: notify.on_failure[0].notifier: 'no.such.Notifier' cannot be imported: there is no module 'no'; "
                "is its package installed?"
            ),
        ),
        (
            "on_success: [{notifier: tests.notifications.notifiers.FileNotifier}]",
            "error: notify.on_success[0].notifier: FileNotifier refuses the arguments: ",
        ),
        (
            f"on_failure: [{FILE}]\n  on_success: [{{notifier: tests.notifications.notifiers.NoNotifier}}]",
            "error: notify.on_success[0].notifier: 'NoNotifier' is not a notifier class",
        ),
    ],
)
def test_a_notifier_that_cannot_be_used_is_an_error_at_its_place(tmp_path: Path, notifiers: str, message: str) -> None:
    reading = read(tmp_path, f"{HEAD}notify:\n  {notifiers}\n")
    (problem,) = build_problems(reading)
    assert message.removeprefix("3:9: ") in str(problem)
    assert problem.line >= 5
