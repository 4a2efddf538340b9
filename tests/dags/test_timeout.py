"""A task's timeout covers its condition and its templates, whatever kind of task it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_workflow_provider.operators.sql import WorkflowSQLOperator
from airflow_workflow_provider.operators.within_timeout import within_timeout
from airflow_workflow_provider.operators.workflow import WorkflowRunOperator
from airflow_workflow_provider.operators.workflow_task import workflow_class
from tests.dag_test_run import run_definition

ENDLESS = """
workflow: endless
variables: {seen: ""}
tasks:
  a:
    operator: airflow.providers.standard.operators.bash.BashOperator
    arguments: {bash_command: "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}true"}
    timeout: 1s
    retries: 0
"""


def test_a_template_without_end_is_stopped(airflow_database: None) -> None:
    run = run_definition({"endless.workflow.yaml": ENDLESS})
    assert (run.state, run.states["a"]) == ("failed", "failed")


def _waiting(*_: Any) -> None:
    while True:
        pass


@pytest.mark.parametrize(
    "operator",
    [
        workflow_class(EmptyOperator)(task_id="a"),
        WorkflowSQLOperator(task_id="a", sql="SELECT 1"),
        WorkflowRunOperator(task_id="a", workflow="w"),
    ],
    ids=["any", "sql", "workflow"],
)
def test_every_kind_of_task_has_its_condition_within_the_timeout(
    operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(operator), "variables_if_it_runs", _waiting)
    operator.execution_timeout = timedelta(seconds=0.2)

    class Instance:
        _ti_context_from_server = None

    with pytest.raises(AirflowTaskTimeout):
        operator.render_template_fields({"ti": Instance()}, None)


def test_what_templates_take_is_taken_from_the_timeout() -> None:
    class Task:
        execution_timeout: timedelta | None = timedelta(minutes=1)

        @within_timeout
        def render(self, *_: Any) -> None:
            """Take some time."""

    task = Task()
    task.render({}, None)
    assert task.execution_timeout is not None
    assert timedelta(seconds=30) < task.execution_timeout < timedelta(minutes=1)
    task.execution_timeout = None
    task.render({}, None)
    assert task.execution_timeout is None
