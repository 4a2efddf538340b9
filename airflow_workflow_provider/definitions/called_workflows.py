"""Workflows that call workflows: whether the called one exists, calls its caller, and takes what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, unknown_name
from airflow_workflow_provider.definitions.references import TemplateSyntaxError, template_references
from airflow_workflow_provider.definitions.values import ValueTypeError, coerce

MISSING = "unknown_workflow"
CYCLE = "workflow_cycle"
SCOPE = "workflow_scope"


@dataclass(frozen=True, slots=True)
class Call:
    """A task that runs another workflow, with the values that it gives to it."""

    workflow: str
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CalledVariable:
    """What a caller needs to know of a variable."""

    type: str | None = None
    needs_value: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class CalledWorkflow:
    """What a caller needs to know of a workflow; ``variables`` is ``None`` where its definition is broken."""

    name: str
    calls: tuple[str, ...] = ()
    variables: Mapping[str, CalledVariable] | None = None


@dataclass(frozen=True, slots=True)
class CallProblem:
    """What is wrong with a call; ``variable`` names the value that it is about, if it is about one."""

    task: str
    message: str
    rule: str
    variable: str | None = None


class CallGraph:
    """The workflows that can be called, looked up by ``find``; for messages ``names`` lists them, ``place`` says where
    they were looked for.
    """

    def __init__(
        self,
        find: Callable[[str], CalledWorkflow | None],
        names: Callable[[], Iterable[str]],
        place: str = "among the workflows that are loaded together",
    ) -> None:
        self._find = find
        self._names = names
        self._place = place
        self._seen: set[str] = set()
        self._cycles: dict[tuple[str, str], tuple[str, ...]] = {}

    def problems(self, caller: str, calls: Mapping[str, Call]) -> Iterator[CallProblem]:
        """What is wrong with the calls (by task) of a workflow."""
        self._explore(caller, calls)
        for task, call in calls.items():
            called = self._find(call.workflow)
            if called is None:
                unknown = unknown_name("workflow", call.workflow, self._names())
                yield CallProblem(task, f"{unknown} (looked for {self._place})", MISSING)
                continue
            cycle = self._cycles.get((caller, call.workflow))
            if cycle:
                message = f"workflows call each other in a circle: {' → '.join(cycle)}; remove one of these calls"
                yield CallProblem(task, message, CYCLE)
            if called.variables is not None:
                yield from _given(task, call, called.variables)

    def _explore(self, caller: str, calls: Mapping[str, Call]) -> None:
        """Look at all that can be reached from a workflow. What has been looked at before is closed: no circle that a
        workflow seen for the first time is on can go through it.
        """
        graph: dict[str, set[str]] = {}
        if caller not in self._seen:
            graph[caller] = {call.workflow for call in calls.values()}
        waiting = [call.workflow for call in calls.values()]
        while waiting:
            name = waiting.pop()
            if name in self._seen or name in graph:
                continue
            called = self._find(name)
            graph[name] = set(called.calls) if called else set()
            waiting += graph[name]
        self._seen.update(graph)
        for cycle in _cycles({name: graph[name] & graph.keys() for name in graph}):
            for first, second in pairwise(cycle):
                self._cycles[first, second] = _from(first, cycle)


def check_calls(definition: Definition, graph: CallGraph) -> Iterator[Finding]:
    """What is wrong with the calls of a definition, with its places."""
    places = {name: location for name, location, _ in definition.workflow_tasks()}
    calls = {name: Call(task.workflow, task.variables) for name, _, task in definition.workflow_tasks()}
    for problem in graph.problems(definition.workflow.workflow, calls):
        if problem.variable is None:
            yield Finding(places[problem.task], problem.message, problem.rule)
        else:
            location = ("tasks", problem.task, "variables", problem.variable)
            yield Finding(location, problem.message, problem.rule, on_key=True)


def called_workflow(data: Mapping[str, Any]) -> CalledWorkflow | None:
    """What callers need to know, from a document that need not be right; ``None`` if it has no name."""
    name = data.get("workflow")
    if not isinstance(name, str):
        return None
    tasks, phases = data.get("tasks"), data.get("phases")
    called = (
        [task.get("workflow") for task in tasks.values() if isinstance(task, dict)] if isinstance(tasks, dict) else []
    )
    if isinstance(phases, list):
        called += [each for phase in phases if isinstance(phase, list) for each in phase]
    calls = tuple(dict.fromkeys(each for each in called if isinstance(each, str)))
    return CalledWorkflow(name, calls, _variables(data.get("variables")))


def _variables(data: object) -> dict[str, CalledVariable] | None:
    if data is None:
        return {}
    return {str(name): _variable(each) for name, each in data.items()} if isinstance(data, dict) else None


def _variable(data: object) -> CalledVariable:
    if not isinstance(data, dict):
        return CalledVariable()
    kind = data.get("type")
    needs_value = data.get("required") is True and data.get("default") is None
    return CalledVariable(kind if isinstance(kind, str) else None, needs_value, data.get("secret") is True)


def _given(task: str, call: Call, variables: Mapping[str, CalledVariable]) -> Iterator[CallProblem]:
    for name, value in call.given.items():
        declared = variables.get(name)
        if declared is None:
            message = unknown_name(f"variable of workflow '{call.workflow}':", name, variables)
            yield CallProblem(task, message, SCOPE, name)
        elif declared.secret:
            message = f"'{name}' is a secret of workflow '{call.workflow}', which reads it itself; remove it here"
            yield CallProblem(task, message, SCOPE, name)
        elif not _is_template(value):
            try:
                coerce(value, declared.type, name)
            except (ValueTypeError, KeyError) as error:
                yield CallProblem(task, str(error), SCOPE, name)
    for name, declared in variables.items():
        if declared.needs_value and call.given.get(name) is None:
            message = f"workflow '{call.workflow}' needs '{name}'; give it in 'variables' of this task"
            yield CallProblem(task, message, SCOPE)


def _is_template(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(template_references(value))
    except TemplateSyntaxError:
        return True


def _cycles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Circles, each as callers and callees with the first at its end again, until there is none without an edge of one
    of them.
    """
    while True:
        try:
            TopologicalSorter(graph).prepare()
            return
        except CycleError as error:
            # graphlib speaks of predecessors: each of its nodes is called by the next.
            cycle: list[str] = error.args[1][::-1]
            yield cycle
            for caller, callee in pairwise(cycle):
                graph[caller].discard(callee)


def _from(first: str, cycle: list[str]) -> tuple[str, ...]:
    """The same circle, starting and ending with one of its workflows."""
    start = cycle.index(first)
    return (*cycle[start:-1], *cycle[:start], first)
