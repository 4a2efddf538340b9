"""The node that decides how a run ends: by its tasks, and by what its definition expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_workflow_provider.compiler.plan import BROKEN_EXPECTATIONS, REASON, Expectations
from airflow_workflow_provider.operators.variables import RunVariables, TaskVariables, task_states
from airflow_workflow_provider.runs.ending import ended_by_tasks
from airflow_workflow_provider.runs.expectations import (
    FEWEST_USUAL_RUNS,
    USUAL_RUNS,
    broken_check,
    broken_durations,
    outcome_reason,
    shown_duration,
    usual_duration,
)
from airflow_workflow_provider.runs.states import outcome_at_the_end
from airflow_workflow_provider.semantics import Edges

if TYPE_CHECKING:
    from airflow.sdk import Context

# Runs that were cleared do not count, so a few more than are needed are looked at.
_MOST_LOOKS: Final = 2 * USUAL_RUNS


class RunOutcomeOperator(BaseOperator):
    """Fail the run, or not, by the definition's ``outcome`` and ``expect``.

    Without expectations it only starts in a run in which something failed.

    :param tasks: task → (constraint, edges) of the definition, sources first
    :param decisions: decision nodes; one that failed itself fails the run in both modes
    :param expect: what must hold in a run that would succeed
    """

    custom_operator_name = "Outcome"
    ui_color = "#fce8e6"

    workflow_variables: TaskVariables

    def __init__(
        self,
        *,
        mode: str,
        tasks: Mapping[str, tuple[str, Edges]],
        decisions: Sequence[str] = (),
        expect: Expectations | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.expect = expect
        self.mode = mode
        self.tasks = tasks
        self.decisions = decisions

    def execute(self, context: Context) -> str:
        """The reason why the run did not fail; raises the reason why it did."""
        states = task_states(context, [*self.tasks, *self.decisions])
        failed, reason = ended_by_tasks(self.mode, self.tasks, self.decisions, states)
        broken: list[str] = []
        if not failed and self.expect is not None:
            broken = self._broken_expectations(self.expect, states, context)
            failed = bool(broken) and self.expect.on_violation == "fail"
            reason = outcome_reason(reason, self.expect, broken)
        context["ti"].xcom_push(key=REASON, value=reason)
        if broken:
            context["ti"].xcom_push(key=BROKEN_EXPECTATIONS, value=broken)
        if failed:
            raise AirflowFailException(f"The run failed ({self.mode}). {reason}")
        for sentence in broken:
            self.log.warning("Broken expectation: %s", sentence)
        self.log.info("The run succeeded (%s). %s", self.mode, reason)
        return reason

    def _broken_expectations(self, expect: Expectations, states: Mapping[str, str], context: Context) -> list[str]:
        outcomes = {name: outcome_at_the_end(states.get(name)).value for name in self.tasks}
        variables = RunVariables(self.workflow_variables, context)
        checks = (broken_check(check, variables.workflow, outcomes, variables.is_secret) for check in expect.checks)
        return [*self._broken_durations(expect, context), *(sentence for sentence in checks if sentence)]

    def _broken_durations(self, expect: Expectations, context: Context) -> list[str]:
        run: Any = context["dag_run"]
        seconds = (datetime.now(timezone.utc) - run.start_date).total_seconds()
        whole = not getattr(run, "clear_number", 0)
        if not whole:
            self.log.info("Tasks of this run were run again, so it is not judged as too short")
        usual = self._usual_duration(run) if expect.of_usual is not None else None
        return broken_durations(expect, seconds, usual, whole=whole)

    def _usual_duration(self, run: Any) -> float | None:
        found = past_durations(self.dag_id, run.logical_date or run.run_after)
        usual = usual_duration(found)
        if usual is None:
            self.log.info(
                "%s of the successful runs before this one tell what is usual, %s are needed; not judged by it",
                len(found),
                FEWEST_USUAL_RUNS,
            )
        else:
            self.log.info("Usually (median of %s runs) a run takes %s", len(found), shown_duration(usual))
        return usual


def past_durations(dag_id: str, before: datetime) -> list[float]:
    """Seconds of the last successful runs whose logical date is earlier; runs that were cleared do not count."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetPreviousDagRun

    found: list[float] = []
    for _ in range(_MOST_LOOKS):
        if len(found) == USUAL_RUNS:
            break
        answer: Any = task_runner.SUPERVISOR_COMMS.send(
            GetPreviousDagRun(dag_id=dag_id, logical_date=before, state="success")
        )
        run = answer.dag_run
        if run is None:
            break
        before = run.logical_date
        if run.start_date and run.end_date and not getattr(run, "clear_number", 0):
            found.append((run.end_date - run.start_date).total_seconds())
    return found
