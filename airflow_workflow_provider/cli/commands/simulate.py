"""``simulate``: what a run would do, from the meaning of the definition alone."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_workflow_provider.cli.console import Console, UsageError, printable
from airflow_workflow_provider.cli.loading import load_workflow
from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.definitions.diagnostics import unknown_name
from airflow_workflow_provider.definitions.outcomes import Outcome
from airflow_workflow_provider.semantics import RunMeaning, TaskMeaning, interpret

_SIGNS: Final = {Outcome.SUCCESS: "✓", Outcome.FAILURE: "✗", Outcome.SKIPPED: "–"}
_COLOURS: Final = {Outcome.SUCCESS: "green", Outcome.FAILURE: "red", Outcome.SKIPPED: "dim"}


@dataclass(frozen=True, slots=True)
class _Simulation:
    """A plan, what is supposed, what follows, and what the user should know about the supposition."""

    plan: Plan
    failing: tuple[str, ...]
    skipping: tuple[str, ...]
    meaning: RunMeaning
    notes: tuple[str, ...]


def run(arguments: Namespace, console: Console) -> int:
    """Work it out and tell it; 0 also when the run would fail, because the question was answered."""
    simulation = _simulate(load_workflow(arguments, console).plan, arguments.fail, arguments.skip)
    lines = _json_lines(simulation) if arguments.output == "json" else _text_lines(simulation, console)
    for line in lines:
        console.write(line)
    return 0


def _simulate(plan: Plan, fail: Sequence[str], skip: Sequence[str]) -> _Simulation:
    names = [task.id for task in plan.tasks]
    _refuse_unknown(names, fail, skip)
    failing = tuple(name for name in names if name in set(fail))
    skipping = tuple(name for name in names if name in set(skip))
    results = dict.fromkeys(failing, Outcome.FAILURE) | dict.fromkeys(skipping, Outcome.SKIPPED)
    tasks = {task.id: (task.constraint, task.edges) for task in plan.tasks}
    meaning = interpret(tasks, results, plan.outcome_mode)
    return _Simulation(plan, failing, skipping, meaning, tuple(_notes(plan, meaning, failing, skipping)))


def _refuse_unknown(names: Sequence[str], fail: Sequence[str], skip: Sequence[str]) -> None:
    known = set(names)
    problems = [unknown_name("task", name, names) for name in dict.fromkeys((*fail, *skip)) if name not in known]
    problems += [f"task '{name}' cannot both fail and be skipped" for name in dict.fromkeys(fail) if name in skip]
    if problems:
        raise UsageError(*problems)


def _notes(plan: Plan, meaning: RunMeaning, failing: Sequence[str], skipping: Sequence[str]) -> Iterator[str]:
    for name in failing:
        if meaning.tasks[name].outcome is not Outcome.FAILURE:
            yield f"'{name}' does not run here, so it cannot fail"
    for name in skipping:
        if meaning.tasks[name].reason != "it skipped itself":
            yield f"'{name}' does not run here anyway"
    for task in plan.tasks:
        if task.condition is not None and meaning.tasks[task.id].outcome is not Outcome.SKIPPED:
            yield f"'{task.id}' runs only if {printable(task.condition)}; taken to be true"


def _text_lines(simulation: _Simulation, console: Console) -> Iterator[str]:
    plan, meaning = simulation.plan, simulation.meaning
    yield f"{console.paint(plan.workflow, 'bold')}, if {_supposed(simulation)}"
    yield ""
    width = max(len(name) for name in meaning.tasks)
    for name, task in meaning.tasks.items():
        outcome = console.paint(f"{_SIGNS[task.outcome]} {name:<{width}}  {task.outcome.value}", _COLOURS[task.outcome])
        padding = " " * (len("success") - len(task.outcome.value))
        yield f"  {outcome}{padding}  {_why(task)}"
    yield ""
    state = console.paint(_state(meaning), "bold", "red" if meaning.failed else "green")
    yield f"run: {state} (outcome: {plan.outcome_mode})"
    yield f"  {meaning.reason}"
    if simulation.notes:
        yield ""
    for note in simulation.notes:
        yield f"note: {note}"


def _supposed(simulation: _Simulation) -> str:
    parts = [
        f"{_joined(names)} {verb if len(names) == 1 else verbs}"
        for names, verb, verbs in (
            (simulation.failing, "fails", "fail"),
            (simulation.skipping, "skips itself", "skip themselves"),
        )
        if names
    ]
    return " and ".join(parts) or "no task fails"


def _joined(names: Sequence[str]) -> str:
    return " and ".join((*([", ".join(names[:-1])] if names[1:] else []), names[-1]))


def _why(task: TaskMeaning) -> str:
    if task.outcome is not Outcome.SKIPPED:
        return f"runs: {task.reason}"
    return task.reason if task.reason == "it skipped itself" else f"does not run: {task.reason}"


def _state(meaning: RunMeaning) -> str:
    return "failed" if meaning.failed else "success"


def _json_lines(simulation: _Simulation) -> Iterator[str]:
    meaning = simulation.meaning
    yield json.dumps(
        {
            "workflow": simulation.plan.workflow,
            "version": simulation.plan.version,
            "fail": simulation.failing,
            "skip": simulation.skipping,
            "tasks": [
                {"task": name, "outcome": task.outcome.value, "reason": task.reason}
                for name, task in meaning.tasks.items()
            ],
            "run": {
                "state": _state(meaning),
                "reason": meaning.reason,
                "outcome": simulation.plan.outcome_mode,
            },
            "notes": simulation.notes,
        },
        indent=2,
    )
