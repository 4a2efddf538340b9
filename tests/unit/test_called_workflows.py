"""Workflows that call workflows: missing ones, circles, and what is given to them."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from airflow_workflow_provider.cli.main import main
from airflow_workflow_provider.definitions.called_workflows import Call, CalledWorkflow, CallGraph

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.workflow.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.startswith("workflow:") else f"workflow: {path.name.split('.')[0]}\n{text}")
        return path

    return write_file


def validate(*paths: Path) -> list[str]:
    """What ``validate`` says, without the paths."""
    shown = io.StringIO()
    with redirect_stdout(shown):
        main(["validate", *map(str, paths)])
    return [line.rpartition("/")[2].replace(".workflow.yaml", "") for line in shown.getvalue().splitlines()]


def test_a_workflow_that_is_not_there_is_an_error_with_the_nearest_name(write: Write) -> None:
    write("metrics", "tasks: {a: {sql: SELECT 1}}")
    caller = write("caller", "tasks: {a: {workflow: metrcs}}")
    assert validate(caller) == [
        (
            "caller:2:23: error: tasks.a.workflow: unknown workflow 'metrcs'; did you mean 'metrics'? "
            "(looked for among the workflows that are loaded together) [unknown_workflow]"
        )
    ]


def test_phases_show_the_place_of_a_workflow_that_is_not_there(write: Write) -> None:
    write("one", "tasks: {a: {sql: SELECT 1}}")
    caller = write("caller", "phases: [[one], [one, two]]")
    (line,) = validate(caller)
    assert line.startswith("caller:2:23: error: phases[1][1]: unknown workflow 'two'")


def test_a_workflow_in_another_folder_of_the_same_loader_can_be_called(write: Write, tmp_path: Path) -> None:
    (tmp_path / "dags.py").write_text(
        "from airflow_workflow_provider import load_workflow_dags\n\nload_workflow_dags(__file__)\n"
    )
    write("shared/metrics", "tasks: {a: {sql: SELECT 1, connection: c}}")
    caller = write("team/caller", "tasks: {a: {workflow: metrics}}")
    assert validate(caller) == []


def test_a_workflow_goes_by_its_name_not_by_its_file(write: Write) -> None:
    write("some_file", "workflow: metrics\ntasks: {a: {sql: SELECT 1, connection: c}}")
    assert validate(write("caller", "tasks: {a: {workflow: metrics}}")) == []


def test_a_circle_is_shown_at_every_workflow_on_it_from_its_own_side(write: Write, tmp_path: Path) -> None:
    write("a", "tasks: {x: {workflow: b}}")
    write("b", "phases: [[c]]")
    write("c", "tasks: {x: {workflow: a}, y: {workflow: d}}")
    write("d", "tasks: {x: {sql: SELECT 1, connection: c}}")
    write("e", "tasks: {x: {workflow: a}}")
    assert validate(tmp_path) == [
        (
            "a:2:23: error: tasks.x.workflow: workflows call each other in a circle: a → b → c → a; remove "
            "one of these calls [workflow_cycle]"
        ),
        (
            "b:2:11: error: phases[0][0]: workflows call each other in a circle: b → c → a → b; remove "
            "one of these calls [workflow_cycle]"
        ),
        (
            "c:2:23: error: tasks.x.workflow: workflows call each other in a circle: c → a → b → c; remove "
            "one of these calls [workflow_cycle]"
        ),
    ]


def test_a_workflow_that_calls_itself(write: Write) -> None:
    (line,) = validate(write("a", "tasks: {x: {workflow: a}}"))
    assert "in a circle: a → a; remove one of these calls" in line


def test_what_is_given_must_be_what_the_called_workflow_takes(write: Write) -> None:
    write(
        "metrics",
        "variables:\n"
        "  region: EU\n"
        "  day: {type: date, required: true}\n"
        "  limit: {type: integer, default: 3}\n"
        "  token: {secret: true, from: t}\n"
        "tasks: {a: {sql: SELECT 1}}",
    )
    caller = write(
        "caller",
        "tasks:\n"
        "  a:\n"
        "    workflow: metrics\n"
        "    variables: {regoin: US, limit: many, token: x}\n"
        "  b:\n"
        "    workflow: metrics\n"
        "    variables: {region: US, day: '{{ vars.ds }}', limit: 4}\n",
    )
    assert validate(caller) == [
        (
            "caller:4:15: error: tasks.a.workflow: workflow 'metrics' needs 'day'; give it in 'variables' of "
            "this task [workflow_scope]"
        ),
        (
            "caller:5:17: error: tasks.a.variables.regoin: unknown variable of workflow 'metrics': 'regoin'; "
            "did you mean 'region'? [workflow_scope]"
        ),
        (
            "caller:5:29: error: tasks.a.variables.limit: variable 'limit' is declared integer and cannot "
            "hold 'many'; expected a whole number [workflow_scope]"
        ),
        (
            "caller:5:42: error: tasks.a.variables.token: 'token' is a secret of workflow 'metrics', which "
            "reads it itself; remove it here [workflow_scope]"
        ),
    ]


def test_a_broken_workflow_can_be_called_its_own_file_tells_what_is_wrong(write: Write) -> None:
    write("broken", "variables: 5\ntasks: {a: {sqll: SELECT 1}}")
    assert validate(write("caller", "tasks: {a: {workflow: broken, variables: {x: 1}}}")) == []


def test_ten_thousand_workflows_in_a_chain_are_looked_at_once_each() -> None:
    looked_at: list[str] = []
    size = 10_000

    def find(name: str) -> CalledWorkflow | None:
        looked_at.append(name)
        number = int(name)
        return CalledWorkflow(name, (str(number + 1),) if number < size else ())

    graph = CallGraph(find, list)
    problems = [
        problem for number in range(size) for problem in graph.problems(str(number), {"x": Call(str(number + 1))})
    ]
    assert problems == []
    assert len(looked_at) < 3 * size
