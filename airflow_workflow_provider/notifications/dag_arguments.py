"""What a DAG needs so that Airflow tells of its runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from airflow_workflow_provider.compiler.plan import Expectations, Plan
from airflow_workflow_provider.notifications.deadlines import LongestExpectedDuration
from airflow_workflow_provider.notifications.late import tell_of_late_run
from airflow_workflow_provider.notifications.run_end import RunEnd


class DagWithDeadline(DAG):
    """A DAG whose runs can be late."""

    def test(self, *args: Any, **kwargs: Any) -> Any:
        """A run by hand, without the deadline: Airflow 3.3.2 crashes at the end of one that has it.

        (``DagRun.update_state`` looks for the deadlines of a DAG that was never kept.)
        """
        deadline, self.deadline = self.deadline, None
        try:
            return super().test(*args, **kwargs)
        finally:
            self.deadline = deadline


def notification_arguments(plan: Plan) -> dict[str, Any]:
    """Arguments for ``DAG``: ``deadline`` and the callbacks at the end of a run, each only where somebody needs it."""
    arguments: dict[str, Any] = {}
    events = {notification.event for notification in plan.notify}
    if "on_broken_expectation" in events and plan.expect:
        events.add("on_success" if plan.expect.on_violation == "warn" else "on_failure")
    if "on_success" in events:
        arguments["on_success_callback"] = RunEnd(plan, "on_success")
    if "on_failure" in events:
        arguments["on_failure_callback"] = RunEnd(plan, "on_failure")
    if plan.expect and (plan.expect.max is not None or plan.expect.of_usual is not None):
        arguments["deadline"] = _deadline(plan, plan.expect)
    return arguments


def _deadline(plan: Plan, expect: Expectations) -> DeadlineAlert:
    limits = {"max": expect.max, "of_usual": expect.of_usual}
    late = [
        {"notifier": each.notifier, "arguments": dict(each.arguments)}
        for each in plan.notify
        if each.event == "on_late"
    ]
    alert = DeadlineAlert(
        reference=LongestExpectedDuration(expect.max, expect.of_usual),
        interval=timedelta(seconds=expect.max or 0),
        callback=AsyncCallback(
            tell_of_late_run,
            kwargs={
                # Airflow keeps this with every run: no more than is needed.
                "tasks": [task.id for task in plan.tasks] if late else [],
                "limits": {name: limit for name, limit in limits.items() if limit is not None},
                "notifications": late,
                "stored": plan.stored,
            },
        ),
    )
    if hasattr(alert, "name"):  # from Airflow 3.3 on
        alert.name = "longest expected duration"
    return alert
