"""``show``: a workflow or package in words."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from datetime import timedelta

from airflow_workflow_provider.cli.console import Console, printable
from airflow_workflow_provider.cli.loading import CheckedPackage, CompiledWorkflow, load_definition
from airflow_workflow_provider.cli.show_json import package_json, workflow_json
from airflow_workflow_provider.cli.show_package import package_lines
from airflow_workflow_provider.cli.stored_text import stored_facts
from airflow_workflow_provider.cli.variables_text import read_lines, variable_lines
from airflow_workflow_provider.cli.words import head_lines, value_text, when
from airflow_workflow_provider.compiler.plan import (
    Expectations,
    Plan,
    PlannedSchedule,
    PlannedTask,
    SqlWork,
    Wiring,
    Work,
    WorkflowWork,
)
from airflow_workflow_provider.definitions.durations import format_duration

_OUTCOMES = {
    "strict": "strict: the run fails when any task failed",
    "handled": "handled: the run fails when a task failed and no task that waits for its failure ran",
}
_ON_EMPTY = {
    "null": "null without a row",
    "skip": "skips itself without a row",
    "fail": "fails without a row",
}


def run(arguments: Namespace, console: Console) -> int:
    """Show it."""
    loaded = load_definition(arguments, console)
    if arguments.output == "json":
        document = package_json(loaded) if isinstance(loaded, CheckedPackage) else workflow_json(loaded)
        console.write(json.dumps(document, indent=2))
        return 0
    for line in package_lines(loaded, console) if isinstance(loaded, CheckedPackage) else _lines(loaded, console):
        console.write(line)
    return 0


def _lines(workflow: CompiledWorkflow, console: Console) -> Iterator[str]:
    yield from _head(workflow, console)
    yield from _tasks(workflow, console)
    yield from _extra_nodes(workflow.plan, console)


def _head(workflow: CompiledWorkflow, console: Console) -> Iterator[str]:
    plan = workflow.plan
    yield from head_lines(plan.workflow, f"version {plan.version}", plan.description, console)
    facts = {
        **stored_facts(workflow.stored),
        "schedule": _schedule(plan),
        **{f"schedule {each.name}": _named_schedule(each) for each in plan.schedules},
        "outcome": _OUTCOMES[plan.outcome_mode],
        "expects": _expectations(plan.expect) if plan.expect else "",
        **_notifications(plan),
        "owner": plan.owner,
        "tags": ", ".join(plan.tags),
        "runs at a time": str(plan.max_active_runs or ""),
    }
    yield from _facts({name: printable(fact) for name, fact in facts.items() if fact})
    if plan.variables:
        yield ""
        yield console.paint("variables", "bold")
        yield from variable_lines(plan)


def _schedule(plan: Plan) -> str:
    if plan.schedule is None and not plan.schedules:
        return "none; started by hand"
    since = f", from {plan.start_date}" if plan.start_date else ""
    missed = ", missed runs are made up for" if plan.catchup else ""
    schedule = f"{plan.schedule} (UTC)" if plan.schedule else f"{len(plan.schedules)} schedules"
    return f"{schedule}{since}{missed}"


def _named_schedule(schedule: PlannedSchedule) -> str:
    values = "; ".join(f"{name} = {value_text(value)}" for name, value in schedule.variables.items())
    return f"{schedule.cron} ({schedule.timezone}){f', {values}' if values else ''}"


def _expectations(expect: Expectations) -> str:
    limits = {
        "at least": _duration(expect.min),
        "at most": _duration(expect.max),
        "within": f"{expect.of_usual:g} times of the usual duration" if expect.of_usual else "",
    }
    parts = [f"{words} {limit}" for words, limit in limits.items() if limit]
    violation = " (else only a warning)" if expect.on_violation == "warn" else ""
    return f"{'; '.join((*parts, *expect.checks))}{violation}"


def _notifications(plan: Plan) -> dict[str, str]:
    """Who is told, by event."""
    found: dict[str, list[str]] = {}
    for each in plan.notify:
        found.setdefault(each.event.replace("_", " "), []).append(each.notifier.rpartition(".")[2])
    return {event: ", ".join(notifiers) for event, notifiers in found.items()}


def _facts(facts: dict[str, str], indent: str = "  ") -> Iterator[str]:
    width = max(map(len, facts), default=0)
    for name, fact in facts.items():
        yield f"{indent}{name:<{width}}  {fact}"


def _tasks(workflow: CompiledWorkflow, console: Console) -> Iterator[str]:
    yield ""
    yield console.paint("tasks", "bold")
    for task in workflow.plan.tasks:
        description = printable(" ".join((task.description or "").split()))
        yield f"  {console.paint(task.id, 'bold')}  {description}".rstrip()
        yield from _facts(_task_facts(task), "    ")
        yield from read_lines(workflow, task)


def _task_facts(task: PlannedTask) -> dict[str, str]:
    facts = {
        "does": _work(task),
        "runs": when(task.constraint, task.edges, task.condition),
        "trigger rule": _wiring(task.wiring),
        "sets": _sets(task.work),
        "limits": _limits(task),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _work(task: PlannedTask) -> str:
    work = task.work
    if isinstance(work, SqlWork):
        count = "" if len(work.statements) == 1 else f" ({len(work.statements)} statements)"
        each = ", each committed by itself" if work.autocommit else ""
        return f"SQL on {printable(work.connection) or 'no connection'}{count}{each}"
    if isinstance(work, WorkflowWork):
        return f"workflow {work.workflow}, waited for"
    operator = work.operator
    return f"package {work.package} ({operator})" if work.package else operator


def _sets(work: Work) -> str:
    whole = "the first column" if isinstance(work, SqlWork) else "the result"
    columns = ", ".join(f"{variable} from {column or whole}" for variable, column in work.set.items())
    empty = f"; {_ON_EMPTY[work.on_empty]}" if columns and isinstance(work, SqlWork) else ""
    return printable(columns + empty)


def _limits(task: PlannedTask) -> str:
    parts = []
    if task.retries:
        pause = f" after {_duration(task.retry_delay)}" if task.retry_delay is not None else ""
        parts.append(f"{task.retries} {'retry' if task.retries == 1 else 'retries'}{pause}")
    if task.timeout is not None:
        parts.append(f"fails after {_duration(task.timeout)}")
    if task.pool is not None:
        parts.append(f"pool {printable(task.pool)}")
    return ", ".join(parts)


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(timedelta(seconds=seconds))


def _wiring(wiring: Wiring) -> str:
    return f"{wiring.rule.value} of {', '.join(wiring.upstream)}" if wiring.upstream else wiring.rule.value


def _extra_nodes(plan: Plan, console: Console) -> Iterator[str]:
    """What Airflow's graph shows besides the tasks."""
    decisions = {
        decision.id: f"decides '{decision.task}': {when(decision.constraint, decision.edges)}"
        for decision in plan.decisions
    }
    gates = {gate.id: f"for '{gate.task}': succeeds when {gate.meaning}" for gate in plan.gates}
    outcome = plan.outcome
    ends = {}
    if outcome is not None:
        ends = {gate.id: f"succeeds when {gate.meaning}" for gate in outcome.gates}
        starts = "starts only when a task failed" if outcome.gates else "also checks the expectations"
        ends[outcome.outcome] = f"fails the run when its outcome says so; {starts}"
    wirings = dict(plan.wirings())
    for title, nodes in (
        ("decision nodes, each a short task", decisions),
        ("gates, settled by the scheduler without a worker", gates),
        ("run outcome", ends),
    ):
        if nodes:
            yield ""
            yield console.paint(title, "bold")
            for name, meaning in nodes.items():
                yield f"  {console.paint(name, 'bold')}"
                yield f"    {meaning}"
                yield f"    {console.paint(_wiring(wirings[name]), 'dim')}"
