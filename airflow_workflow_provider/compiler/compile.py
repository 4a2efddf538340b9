"""Definition → plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from airflow_workflow_provider.compiler.constraints import constrain
from airflow_workflow_provider.compiler.groups import phase_group
from airflow_workflow_provider.compiler.plan import (
    Expectations,
    Gate,
    Notification,
    OperatorWork,
    Plan,
    PlannedSchedule,
    PlannedTask,
    PlannedVariable,
    RunOutcome,
    Scope,
    SqlWork,
    TriggerRule,
    Wiring,
    Work,
    WorkflowWork,
)
from airflow_workflow_provider.compiler.plan_json import dump_with_version
from airflow_workflow_provider.compiler.reached_gates import reached_gate, reached_gates
from airflow_workflow_provider.compiler.run_outcome import run_outcome
from airflow_workflow_provider.definitions.checks import check_references
from airflow_workflow_provider.definitions.definition import Definition, set_by
from airflow_workflow_provider.definitions.models import (
    AnyTask,
    ExpectedDuration,
    Notify,
    OperatorTask,
    PackageTask,
    Schedule,
    SqlTask,
    Variable,
    WorkflowTask,
)
from airflow_workflow_provider.definitions.outcomes import Outcome, accepted
from airflow_workflow_provider.definitions.package_runs import package_run
from airflow_workflow_provider.definitions.reads import own_reads, scope_reads

T = TypeVar("T")


def compile_workflow(definition: Definition) -> Plan:
    """The plan of a definition that has no errors."""
    return compile_to_json(definition)[0]


def compile_to_json(definition: Definition, version: str | None = None) -> tuple[Plan, str]:
    """The plan of a definition that has no errors, also as JSON; ``version`` if it is known from elsewhere."""
    edges = {
        name: {source: tuple(words) for source, words in definition.tasks[name].depends_on.items()}
        for name in definition.order
    }
    constraints = {
        name: constrain(name, definition.tasks[name].constraint, task_edges) for name, task_edges in edges.items()
    }
    reached = reached_gates(constraints)
    tasks = tuple(
        _task(definition, name, edges[name], reached[name] if name in reached else constraints[name].wiring)
        for name in definition.order
    )
    gates = (
        *(gate for constraint in constraints.values() for gate in constraint.gates),
        *(
            Gate(reached_gate(name), name, constraints[name].wiring, f"the constraint of '{name}' holds")
            for name in reached
        ),
    )
    decisions = tuple(
        replace(constraint.decision, follows=reached_gate(name)) if name in reached else constraint.decision
        for name, constraint in constraints.items()
        if constraint.decision
    )
    workflow = definition.workflow
    plan = Plan(
        workflow=workflow.workflow,
        version="",
        tasks=tasks,
        gates=gates,
        decisions=decisions,
        outcome_mode=workflow.outcome,
        variables=tuple(_variable(name, variable) for name, variable in workflow.variables.items()),
        description=workflow.description,
        owner=workflow.owner,
        tags=tuple(workflow.tags),
        schedule=workflow.schedule,
        schedules=tuple(map(_schedule, workflow.schedules)),
        start_date=workflow.start_date.isoformat() if workflow.start_date else None,
        catchup=workflow.catchup,
        max_active_runs=workflow.max_active_runs,
        expect=_expectations(definition) if workflow.expect else None,
        notify=_notifications(workflow.notify) if workflow.notify else (),
        stored=definition.stored,
    )
    plan = replace(plan, outcome=_run_outcome(plan))
    return dump_with_version(plan, _version if version is None else lambda _: version)


def _run_outcome(plan: Plan) -> RunOutcome | None:
    accepts = (accepted(words) for task in plan.tasks for words in task.edges.values())
    return run_outcome(
        plan.outcome_mode,
        dict(plan.wirings()),
        tuple(task.id for task in plan.tasks),
        skippable=_skippable(plan),
        after_decisions=tuple(item.follows for item in plan.decisions if item.follows != item.task),
        has_handlers=any(Outcome.FAILURE in outcomes for outcomes in accepts),
        has_expectations=plan.expect is not None,
    )


def _skippable(plan: Plan) -> frozenset[str]:
    """Tasks that can end ``skipped``: by themselves, or because their wiring skips them rather than fail them.

    SQL skips itself only where the definition says so; what an operator does cannot be known.
    """
    found = {decision.task for decision in plan.decisions}
    for task in plan.tasks:
        skips_itself = task.condition is not None or not isinstance(task.work, SqlWork) or task.work.on_empty == "skip"
        if skips_itself or _is_skipped_by(task.wiring, found):
            found.add(task.id)
    return frozenset(found)


def _is_skipped_by(wiring: Wiring, skippable: set[str]) -> bool:
    if wiring.rule is TriggerRule.ALL_SUCCESS:
        return any(source in skippable for source in wiring.upstream)
    return True


def _task(definition: Definition, name: str, edges: Mapping[str, tuple[str, ...]], wiring: Wiring) -> PlannedTask:
    task, defaults = definition.tasks[name], definition.workflow.defaults
    retry_delay = _first_given(task.retry_delay, defaults.retry_delay)
    timeout = _first_given(task.timeout, defaults.timeout)
    return PlannedTask(
        id=name,
        work=_work(definition, name, task),
        wiring=wiring,
        edges=edges,
        constraint=task.constraint,
        condition=task.if_,
        scope=_scope(definition, name, task),
        description=task.description,
        retries=_first_given(task.retries, defaults.retries),
        retry_delay=_seconds(retry_delay),
        timeout=_seconds(timeout),
        pool=task.pool or defaults.pool,
        group=_group(definition, name),
    )


def _group(definition: Definition, name: str) -> str | None:
    """The phase that a task belongs to."""
    if name not in definition.phase_tasks:
        return None
    (_, number, _), _ = definition.phase_tasks[name]
    assert isinstance(number, int)
    return phase_group(number + 1)


def _expectations(definition: Definition) -> Expectations:
    expect = definition.workflow.expect
    assert expect is not None
    duration = expect.duration or ExpectedDuration()
    reads = {variable for check in expect.checks for variable in check_references(check)[0]}
    setters = {name: tuple(reversed(definition.setters[name])) for name in sorted(reads) if name in definition.setters}
    return Expectations(
        min=_seconds(duration.min),
        max=_seconds(duration.max),
        of_usual=duration.of_usual,
        checks=tuple(expect.checks),
        on_violation=expect.on_violation,
        setters=setters,
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _notifications(notify: Notify) -> tuple[Notification, ...]:
    return tuple(
        Notification(event, each.notifier, each.arguments)
        for event in Notify.model_fields
        for each in getattr(notify, event)
    )


def _first_given(own: T | None, default: T | None) -> T | None:
    """The task's own setting, even where it is zero."""
    return default if own is None else own


def _work(definition: Definition, name: str, task: AnyTask) -> Work:
    if isinstance(task, SqlTask):
        return SqlWork(
            connection=task.connection or definition.workflow.defaults.connection or "",
            statements=tuple(statement.text for statement in definition.statements[name]),
            set=set_by(task),
            on_empty=task.on_empty or "null",
            autocommit=task.autocommit,
        )
    if isinstance(task, PackageTask):
        run = package_run(definition.packages[task.package])
        arguments = _with_connection(run.arguments, task, run.connection_argument)
        return OperatorWork(run.operator, arguments, task.package, set_by(task))
    if isinstance(task, WorkflowTask):
        return WorkflowWork(task.workflow)
    assert isinstance(task, OperatorTask)
    return OperatorWork(task.operator, _with_connection(task.arguments, task))


def _with_connection(arguments: Mapping[str, Any], task: AnyTask, argument: str = "conn_id") -> Mapping[str, Any]:
    """A ``connection`` on the task itself is the operator's connection, unless its arguments name one."""
    return {argument: task.connection, **arguments} if task.connection else arguments


def _scope(definition: Definition, name: str, task: AnyTask) -> Scope:
    package = definition.packages[task.package] if isinstance(task, PackageTask) else None
    reads = {variable for _, variable in (*scope_reads(definition, name), *own_reads(definition, name))}
    if package is not None:
        reads.update(package.variables)
    setters = {
        variable: visible for variable in sorted(reads) if (visible := _visible_setters(definition, variable, name))
    }
    return Scope(
        given=task.variables,
        package=tuple(_variable(*item) for item in package.variables.items()) if package is not None else None,
        setters=setters,
    )


def _visible_setters(definition: Definition, variable: str, reader: str) -> tuple[str, ...]:
    """``definition.setters`` has sources first, so the furthest downstream comes first here."""
    setters = definition.setters.get(variable, ())
    return tuple(setter for setter in reversed(setters) if definition.is_upstream(setter, reader))


def _variable(name: str, variable: Variable) -> PlannedVariable:
    return PlannedVariable(
        name, variable.type, variable.default, variable.description, variable.required, variable.from_
    )


def _schedule(schedule: Schedule) -> PlannedSchedule:
    return PlannedSchedule(schedule.name, schedule.cron, schedule.timezone, schedule.variables)


def _version(plan_json: str) -> str:
    """Twelve hex digits that change with anything that changes what a run does, and with nothing else."""
    return hashlib.sha256(plan_json.encode()).hexdigest()[:12]
