"""``show --json``: a definition as a document for programs. Durations are seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from airflow_workflow_provider.cli.loading import CheckedPackage, CompiledWorkflow
from airflow_workflow_provider.cli.stored import Shown, version_json
from airflow_workflow_provider.cli.words import when
from airflow_workflow_provider.compiler.normal_form import package_form
from airflow_workflow_provider.compiler.plan import OperatorWork, Plan, PlannedTask, SqlWork, Wiring, Work

_EXPECT = ("min", "max", "of_usual", "checks", "on_violation")


def workflow_json(workflow: CompiledWorkflow) -> dict[str, Any]:
    """A workflow with what Airflow makes of it."""
    plan = workflow.plan
    return {
        "workflow": plan.workflow,
        "version": plan.version,
        "stored": stored_json(workflow.stored),
        "description": plan.description,
        "owner": plan.owner,
        "tags": list(plan.tags),
        "schedule": plan.schedule,
        "schedules": [asdict(schedule) for schedule in plan.schedules],
        "start_date": plan.start_date,
        "catchup": plan.catchup,
        "max_active_runs": plan.max_active_runs,
        "outcome": plan.outcome_mode,
        "expect": {name: getattr(plan.expect, name) for name in _EXPECT} if plan.expect else None,
        "notify": [asdict(notification) for notification in plan.notify],
        "variables": [asdict(variable) for variable in plan.variables],
        "tasks": [_task(task) for task in plan.tasks],
        "nodes": list(_nodes(plan)),
    }


def package_json(loaded: CheckedPackage) -> dict[str, Any]:
    """A package, with its short forms written out."""
    form = package_form(loaded.package)
    return {
        "package": loaded.package.package,
        "stored": stored_json(loaded.stored),
        "description": loaded.package.description,
        "variables": form.get("variables", {}),
        "run": form["run"],
    }


def stored_json(shown: Shown | None) -> dict[str, Any] | None:
    """Where it stands in the store; ``None`` for a file."""
    return {**version_json(shown.definition.version), "current": shown.is_current} if shown else None


def _task(task: PlannedTask) -> dict[str, Any]:
    return {
        "task": task.id,
        "description": task.description,
        "does": _work(task.work),
        "runs": when(task.constraint, task.edges, task.condition),
        "edges": {source: list(words) for source, words in task.edges.items()},
        "constraint": task.constraint,
        "if": task.condition,
        "variables": dict(task.scope.given),
        "retries": task.retries,
        "retry_delay": task.retry_delay,
        "timeout": task.timeout,
        "pool": task.pool,
        "group": task.group,
        **_wiring(task.wiring),
    }


def _work(work: Work) -> dict[str, Any]:
    if isinstance(work, SqlWork):
        return {
            "kind": "sql",
            "connection": work.connection,
            "statements": list(work.statements),
            "set": dict(work.set),
            "on_empty": work.on_empty,
            "autocommit": work.autocommit,
        }
    if isinstance(work, OperatorWork):
        kind = {"kind": "operator"} if work.package is None else {"kind": "package", "package": work.package}
        return {**kind, "operator": work.operator, "arguments": dict(work.arguments), "set": dict(work.set)}
    return {"kind": "workflow", "workflow": work.workflow}


def _nodes(plan: Plan) -> Iterator[dict[str, Any]]:
    """What Airflow's graph shows besides the tasks."""
    for decision in plan.decisions:
        yield {"node": decision.id, "kind": "decision", "task": decision.task, **_wiring(decision.wiring)}
    for gate in plan.gates:
        yield {"node": gate.id, "kind": "gate", "task": gate.task, **_wiring(gate.wiring)}
    if plan.outcome is not None:
        for gate in plan.outcome.gates:
            yield {"node": gate.id, "kind": "gate", "task": None, **_wiring(gate.wiring)}
        yield {"node": plan.outcome.outcome, "kind": "outcome", "task": None, **_wiring(plan.outcome.wiring)}


def _wiring(wiring: Wiring) -> dict[str, Any]:
    return {"trigger_rule": wiring.rule.value, "upstream": list(wiring.upstream)}
