"""``dag.test()`` keeps no note of a run, and says nothing about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dag_test_run import run_definition

if TYPE_CHECKING:
    import pytest

DEFINITION = """
workflow: noted
tasks:
  a:
    operator: airflow.providers.standard.operators.bash.BashOperator
    arguments: {bash_command: exit 1}
"""


def test_a_run_that_fails_leaves_no_traceback_of_the_note(
    airflow_database: None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_definition({"w.workflow.yaml": DEFINITION}).state == "failed"
    captured = capfd.readouterr()
    logged = caplog.text + captured.out + captured.err
    assert "could not be written" not in logged
    assert "DetachedInstanceError" not in logged
