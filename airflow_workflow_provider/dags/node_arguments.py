"""Arguments that operators have whatever they do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_workflow_provider.compiler.plan import Plan, PlannedTask, Wiring


def node_arguments(plan: Plan, node: str, wiring: Wiring) -> dict[str, Any]:
    """Arguments of every operator."""
    given = {"task_id": node, "trigger_rule": wiring.rule.value}
    return {**given, "owner": plan.owner} if plan.owner else given


def task_arguments(plan: Plan, task: PlannedTask) -> dict[str, Any]:
    """Arguments of every operator of a task; what the definition does not say is left to Airflow."""
    given = node_arguments(plan, task.id, task.wiring)
    if task.retries is not None:
        given["retries"] = task.retries
    if task.retry_delay is not None:
        given["retry_delay"] = timedelta(seconds=task.retry_delay)
    if task.timeout is not None:
        given["execution_timeout"] = timedelta(seconds=task.timeout)
    if task.pool is not None:
        given["pool"] = task.pool
    if task.description is not None:
        given["doc_md"] = task.description
    return given
