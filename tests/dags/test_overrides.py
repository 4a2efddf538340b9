"""What a run is given and Airflow's API lets through, though no variable can take it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dag_test_run import FinishedRun, run_definition

pytestmark = pytest.mark.usefixtures("airflow_database")

WORKFLOW = """
workflow: w
variables:
  region: EU
  at: {type: datetime}
  token: {secret: true, from: some_token}
tasks:
  a:
    operator: airflow.providers.standard.operators.python.PythonOperator
    arguments: {python_callable: builtins.abs, op_args: [1]}
"""


def run(conf: dict[str, Any]) -> FinishedRun:
    return run_definition({"w.workflow.yaml": WORKFLOW}, conf)


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"regoin": "US"}, "the run was given 'regoin', which is no variable of the workflow; did you mean 'region'?"),
        ({"at": "2026-02-29T10:00:00Z"}, "variable 'at' is declared datetime and cannot hold '2026-02-29T10:00:00Z'"),
        ({"token": "x"}, "the run was given a value for the secret 'token'; start one without it"),
    ],
)
def test_the_first_task_fails_with_the_reason_before_it_does_anything(
    conf: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    finished = run(conf)
    assert finished.states == {"a": "failed"}
    output = capfd.readouterr()
    assert message in output.out + output.err


@pytest.mark.parametrize("conf", [{}, {"region": "US", "at": "2026-02-28"}, {"openlineage": {"parent": 1}, "x": 2}])
def test_other_names_are_somebody_elses(conf: dict[str, Any]) -> None:
    assert run(conf).state == "success"
