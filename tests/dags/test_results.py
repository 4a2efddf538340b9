"""Variables that are set from the result of a package's operator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dag_test_run import FinishedRun, run_definition

pytestmark = pytest.mark.usefixtures("airflow_database")

PACKAGE = """
package: job
run:
  operator: airflow.providers.standard.operators.python.PythonOperator
  arguments: {python_callable: ast.literal_eval, op_args: [%s]}
"""
RESULT = {"status": "completed", "outputs": [{"name": "orders", "records_count": 42}], "empty": {}}


def run(sets: Any, variables: Any = None) -> FinishedRun:
    task = {"package": "job", "set": sets, "retries": 3, "retry_delay": "1s"}
    document = {"workflow": "w", "variables": variables or {}, "tasks": {"run_job": task}}
    package = PACKAGE % json.dumps(repr(RESULT))
    return run_definition({"w.workflow.json": json.dumps(document), "job.package.yaml": package})


def test_a_variable_is_a_part_of_the_result_by_its_path() -> None:
    finished = run({"count": "outputs.0.records_count", "status": "status"}, {"count": {"type": "integer"}})
    assert finished.state == "success"
    assert finished.xcoms["run_job", "count"] == 42
    assert finished.xcoms["run_job", "status"] == "completed"


def test_without_a_path_a_variable_is_the_whole_result() -> None:
    finished = run("everything", {"everything": {"type": "json"}})
    assert finished.xcoms["run_job", "everything"]["value"]["status"] == "completed"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("outputs.1", "no '1' there: it has 1 items"),
        ("outputs.0.count", "no 'count' there: it has 'name', 'records_count'"),
        ("empty.x", "no 'x' there: it is empty"),
        ("status.x", "no 'x' there: it is the text 'completed'"),
        ("status", "variable 'x' is declared integer and cannot hold 'completed'"),
    ],
)
def test_a_part_that_is_not_there_or_does_not_fit_fails_without_doing_the_work_again(
    path: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    finished = run({"x": path}, {"x": {"type": "integer"}})
    assert finished.states["run_job"] == "failed"
    assert ("run_job", "x") not in finished.xcoms
    output = capfd.readouterr()
    assert message in output.out + output.err


def test_what_a_package_sets_is_read_downstream() -> None:
    reader = {"package": "echo", "variables": {"n": "{{ vars.count }}"}, "depends_on": "run_job", "set": "seen"}
    task = {"package": "job", "set": {"count": "outputs.0.records_count"}}
    document = {"workflow": "w", "tasks": {"run_job": task, "read": reader}}
    echo = """
package: echo
variables: {n: {type: integer}}
run:
  operator: airflow.providers.standard.operators.python.PythonOperator
  arguments: {python_callable: builtins.abs, op_args: ["{{ vars.n }}"]}
"""
    files = {"w.workflow.json": json.dumps(document), "echo.package.yaml": echo}
    finished = run_definition({**files, "job.package.yaml": PACKAGE % json.dumps(repr(RESULT))})
    assert finished.xcoms["read", "seen"] == 42
