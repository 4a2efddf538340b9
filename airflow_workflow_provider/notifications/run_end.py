"""What the DAG calls when a run has ended: tells the notifiers that want to know. Runs in the dag processor."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_workflow_provider.compiler.plan import BROKEN_EXPECTATIONS, REASON, Notification, Plan
from airflow_workflow_provider.notifications.notifiers import notify
from airflow_workflow_provider.notifications.told import told
from airflow_workflow_provider.runs.ending import BY_TASKS, ending
from airflow_workflow_provider.runs.states import RAN

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunEnd:
    """The DAG's ``on_success_callback`` (``on_success``) or ``on_failure_callback`` (``on_failure``)."""

    plan: Plan
    event: str

    def __call__(self, context: Any) -> None:
        """Tell every notifier; none that fails keeps the others from being told."""
        ended = self._ended(context)
        told_of = {self.event, *(["on_broken_expectation"] if ended.broken else [])}
        for notification in self.plan.notify:
            if notification.event in told_of:
                self._tell(notification, ended, context)

    def _tell(self, notification: Notification, ended: _Ended, context: Any) -> None:
        about = told(
            notification.event,
            self.plan.workflow,
            context["run_id"],
            self._state,
            ended.reason,
            tasks=[task.id for task in self.plan.tasks],
            failed=ended.failed,
            broken=ended.broken,
        )
        airflow = dict(context)
        if not hasattr(airflow.get("dag"), "get_template_env"):
            airflow.pop("dag", None)  # dag.test() gives the scheduler's DAG, which fills no templates
        notify(notification.notifier, notification.arguments, about, airflow, stored=self.plan.stored)

    @property
    def _state(self) -> str:
        return "success" if self.event == "on_success" else "failed"

    def _ended(self, context: Any) -> _Ended:
        """How the run ended: as its outcome node says, else by its tasks."""
        plan, run_id = self.plan, context["run_id"]
        unknown = _Ended(f"the run {'succeeded' if self.event == 'on_success' else 'failed'}")
        if not _can_ask():
            return unknown
        try:
            states = _task_states(plan, run_id)
            said = _said_by_outcome(plan, run_id, states)
        except Exception:
            log.exception("What the tasks of %s %s did cannot be looked up", plan.workflow, run_id)
            return unknown
        airflow = context.get("reason")
        by = None if airflow is None or airflow in BY_TASKS else str(airflow)
        reason = ending(plan, self._state, states, said.get(REASON), by)
        failed = tuple(task.id for task in plan.tasks if states.get(task.id) == "failed")
        return _Ended(reason, failed, tuple(said.get(BROKEN_EXPECTATIONS) or ()))


@dataclass(frozen=True, slots=True)
class _Ended:
    reason: str
    failed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


def _can_ask() -> bool:
    """Not at the end of ``dag.test()``, which has no dag processor to ask."""
    from airflow.sdk.execution_time import task_runner

    return hasattr(task_runner, "SUPERVISOR_COMMS")


def _task_states(plan: Plan, run_id: str) -> dict[str, str]:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    nodes = [task.id for task in plan.tasks] + [decision.id for decision in plan.decisions]
    if plan.outcome:
        nodes.append(plan.outcome.outcome)
    states = RuntimeTaskInstance.get_task_states(dag_id=plan.workflow, task_ids=nodes, run_ids=[run_id])
    return {task: str(getattr(state, "value", state)) for task, state in states.get(run_id, {}).items() if state}


def _said_by_outcome(plan: Plan, run_id: str, states: Mapping[str, str]) -> dict[str, Any]:
    """The XComs of the outcome node, if it has run; one that was skipped may have some of an earlier attempt."""
    from airflow.sdk.execution_time.xcom import XCom

    if plan.outcome is None or states.get(plan.outcome.outcome) not in RAN:
        return {}
    where: dict[str, Any] = {
        "dag_id": plan.workflow,
        "task_id": plan.outcome.outcome,
        "run_id": run_id,
        "map_index": -1,
    }
    keys = (REASON, BROKEN_EXPECTATIONS) if plan.expect else (REASON,)
    values = {key: XCom.get_one(key=key, **where) for key in keys}
    return {key: value for key, value in values.items() if value}
