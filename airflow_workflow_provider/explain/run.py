"""A run explained: what ran, what was skipped and the edge or condition that decided it, values and their origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from airflow_workflow_provider.compiler.plan import BROKEN_EXPECTATIONS, REASON, Plan, PlannedTask
from airflow_workflow_provider.definitions.diagnostics import quoted_list
from airflow_workflow_provider.definitions.outcomes import Outcome
from airflow_workflow_provider.explain.explanation import RunExplanation, TaskExplanation
from airflow_workflow_provider.explain.record import RunRecord, TaskRecord
from airflow_workflow_provider.explain.tasks import reason_of, status_of
from airflow_workflow_provider.explain.variables import RunVariables
from airflow_workflow_provider.runs.children import started_by as parent_of
from airflow_workflow_provider.runs.ending import A_PERSON, ending
from airflow_workflow_provider.runs.schedule import schedule_of_run
from airflow_workflow_provider.runs.states import RAN, STARTED

_TRIGGERS: Final = {
    "cli": "the command line",
    "operator": "a task",
    "rest_api": "the REST API",
    "ui": "the UI",
    "test": "a test",
    "asset": "an asset",
}


def explain_run(plan: Plan, record: RunRecord) -> RunExplanation:
    """The explanation of a run by the plan that it ran with."""
    variables = RunVariables(plan, record)
    return RunExplanation(
        workflow=plan.workflow,
        version=plan.version,
        run_id=record.run_id,
        state=record.state,
        outcome_mode=plan.outcome_mode,
        reason=run_reason(plan, record),
        started_by=started_by(plan, record),
        start=record.start,
        end=record.end if record.has_ended else None,
        seconds=record.seconds,
        note=record.note,
        broken=broken_expectations(plan, record),
        tasks=(*(_task(plan, task, record, variables) for task in plan.tasks), *_removed(plan, record)),
        variables=variables.of_workflow(),
        not_read=variables.not_read,
        has_ended=record.has_ended,
    )


def run_reason(plan: Plan, record: RunRecord) -> str:
    """Why the run ended as it did, or what it is doing, in one sentence."""
    if not record.has_ended:
        return _doing(plan, record)
    states = {name: node.state for name, node in record.tasks.items() if node.state}
    return ending(plan, record.state, states, _told(plan, record), A_PERSON if record.is_marked else None)


def started_by(plan: Plan, record: RunRecord) -> str:
    """The schedule, task, person or program that started the run, in words."""
    parent = _parent(record)
    if parent is not None:
        return f"task '{parent['task']}' of workflow '{parent['workflow']}', run {parent['run_id']}"
    if record.run_type in ("scheduled", "backfill"):
        by = _by_schedule(plan, record)
        return f"a backfill of {by}" if record.run_type == "backfill" else by
    who = f" ({record.user})" if record.user else ""
    if record.run_type == "manual":
        return _TRIGGERS.get(record.triggered_by or "", "a person or a program") + who
    return (record.run_type or "unknown").replace("_", " ") + who


def broken_expectations(plan: Plan, record: RunRecord) -> tuple[str, ...]:
    """The expectations that the run did not meet, each in a sentence; empty also while it has not been decided."""
    found = _left_by_outcome(plan, record, BROKEN_EXPECTATIONS)
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _task(plan: Plan, task: PlannedTask, record: RunRecord, variables: RunVariables) -> TaskExplanation:
    node = record.of(task.id)
    started = node.tries > 0 and node.start is not None and (node.outcome is not None or node.state in STARTED)
    return TaskExplanation(
        name=task.id,
        outcome=node.outcome,
        status=status_of(record, node),
        state=node.state,
        reason=reason_of(plan, task, record),
        tries=node.tries if started else 0,
        start=node.start if started else None,
        end=node.end if started and node.outcome is not None else None,
        seconds=_seconds(node, record) if started else None,
        values=variables.of_task(task),
    )


def _seconds(node: TaskRecord, record: RunRecord) -> float | None:
    if node.start is None:
        return None
    end = node.end if node.outcome is not None else record.read_at
    return max(0.0, (end - node.start).total_seconds()) if end else None


def _removed(plan: Plan, record: RunRecord) -> Iterator[TaskExplanation]:
    """Tasks that the run had before the definition was changed under it."""
    known = {name for name, _ in plan.wirings()}
    for name, node in record.tasks.items():
        if name not in known and node.state == "removed" and "." not in name:
            reason = "it was taken out of the workflow during the run"
            yield TaskExplanation(name, Outcome.SKIPPED, Outcome.SKIPPED.value, node.state, f"did not run: {reason}", 0)


def _told(plan: Plan, record: RunRecord) -> str | None:
    """The reason that the node of the run's outcome has left: it also knows of expectations."""
    reason = _left_by_outcome(plan, record, REASON)
    return reason if isinstance(reason, str) else None


def _left_by_outcome(plan: Plan, record: RunRecord, key: str) -> Any:
    """An XCom of the node that decided the run's state; what it left before it was cleared does not count."""
    if plan.outcome is None or record.of(plan.outcome.outcome).state not in RAN:
        return None
    return record.xcoms.get(plan.outcome.outcome, {}).get(key)


def _doing(plan: Plan, record: RunRecord) -> str:
    by_status: dict[str, list[str]] = {}
    for task in plan.tasks:
        by_status.setdefault(status_of(record, record.of(task.id)), []).append(task.id)
    order = ("running", "retrying", "deferred", "queued", "waiting", "failure")
    shown = [_count(status, by_status[status]) for status in order if status in by_status]
    return "; ".join(shown) or "every task has ended; the run's state is being decided"


def _count(status: str, names: Iterable[str]) -> str:
    return f"{'failed' if status == 'failure' else status}: {quoted_list(names)}"


def _parent(record: RunRecord) -> Mapping[str, Any] | None:
    try:
        return parent_of(record.run_id, record.conf)
    except (TypeError, AttributeError):  # a `conf` that a person has written
        return None


def _by_schedule(plan: Plan, record: RunRecord) -> str:
    schedule = schedule_of_run(record.run_type, record.run_id, record.logical_date, plan.schedules)
    if schedule is not None:
        return f"schedule '{schedule.name}' ({schedule.cron}, {schedule.timezone})"
    return f"the schedule ({plan.schedule}, UTC)" if plan.schedule else "a schedule"
