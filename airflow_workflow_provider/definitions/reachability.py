"""What must have happened for a task to run, as far as edges tell: used to see that two tasks exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations, islice
from typing import Final, TypeAlias

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.outcomes import RAN, Outcome, accepted

Needs: TypeAlias = "Mapping[str, frozenset[Outcome]]"


_MAX_TRACKED: Final = 200


class Reachability:
    """Necessary outcomes per task, computed when asked for. A task maps to ``None`` when it can never run.

    Only sources whose outcomes can contradict each other are tracked, and of those no more than memory allows: beyond
    that, tasks that exclude each other may be taken for tasks that do not.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._needs: dict[str, Needs | None] = {}
        self._matters = frozenset(islice(_contested(definition), _MAX_TRACKED))

    @property
    def contradictions(self) -> bool:
        """Whether any outcomes can contradict each other; without, every task can run beside every other."""
        return bool(self._matters)

    def needs(self, task: str) -> Needs | None:
        """For each task that matters, the outcomes of which it must have had one for ``task`` to run."""
        for name in self._missing(task):
            self._needs[name] = self._of_task(name)
        return self._needs[task]

    def exclude(self, one: str, other: str) -> bool:
        """Whether no run can have both tasks run."""
        first, second = self.needs(one), self.needs(other)
        return first is None or second is None or _join([first, second]) is None

    def _missing(self, task: str) -> list[str]:
        """Tasks to work out first, sources before dependants, without recursion."""
        order: list[str] = []
        tasks = self._definition.tasks
        stack, entered = [task], set(self._needs)
        while stack:
            name = stack[-1]
            waiting = [s for s in tasks[name].depends_on if s not in entered and s in tasks]
            if name in entered or not waiting:
                stack.pop()
                if name not in entered:
                    entered.add(name)
                    order.append(name)
            else:
                stack += waiting
        return order

    def _of_task(self, name: str) -> Needs | None:
        task = self._definition.tasks[name]
        edges = [self._of_edge(source, accepted(words)) for source, words in task.depends_on.items()]
        met: Needs | None
        if not edges:
            met = {}
        elif task.constraint == "all":
            met = _join(edges)
        else:
            met = _common([edge for edge in edges if edge is not None])
        return met if met is None or name not in self._matters else {**met, name: RAN}

    def _of_edge(self, source: str, outcomes: frozenset[Outcome]) -> Needs | None:
        if source not in self._definition.tasks:
            return {}  # unknown_source says so
        own = {source: outcomes} if source in self._matters else {}
        if Outcome.SKIPPED in outcomes:
            return own
        before = self._needs[source]
        return None if before is None else _join([before, own])


def _contested(definition: Definition) -> Iterator[str]:
    """Tasks with two edges from them, or an edge and their own running, that cannot both be satisfied."""
    everywhere = {accepted(words) for task in definition.tasks.values() for words in task.depends_on.values()}
    if RAN.intersection(*everywhere):
        return  # as in most workflows, where every edge accepts success
    for name, dependants in definition.dependants.items():
        wanted = {RAN, *(accepted(definition.tasks[dependant].depends_on[name]) for dependant in dependants)}
        if any(not one & other for one, other in combinations(wanted, 2)):
            yield name


def _join(facts: Iterable[Needs | None]) -> Needs | None:
    """All of the facts at once; ``None`` when they contradict each other."""
    joined: dict[str, frozenset[Outcome]] = {}
    for fact in facts:
        if fact is None:
            return None
        for task, outcomes in fact.items():
            before = joined.get(task, outcomes)
            joined[task] = before if before is outcomes else _meet(before, outcomes)
            if not joined[task]:
                return None
    return joined


@lru_cache(maxsize=64)
def _meet(one: frozenset[Outcome], other: frozenset[Outcome]) -> frozenset[Outcome]:
    return one & other


def _common(facts: list[Needs]) -> Needs | None:
    """What holds whichever of the facts holds; ``None`` when there is none."""
    if not facts:
        return None
    shared = set(facts[0]).intersection(*facts[1:])
    return {task: frozenset().union(*(fact[task] for fact in facts)) for task in shared}
