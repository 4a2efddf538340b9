"""A workflow with everything it refers to: the packages it calls and the SQL it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from airflow_workflow_provider.definitions.diagnostics import Location
from airflow_workflow_provider.definitions.models import (
    AnyTask,
    OperatorTask,
    Package,
    PackageTask,
    SqlTask,
    Workflow,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement: its text, where the definition names it, and for a .sql file its place there."""

    text: str
    location: Location
    file: str | None = None
    offset: int = 0


@dataclass(frozen=True)
class Definition:
    """What the rules check and the compiler compiles.

    ``packages`` holds the packages that were found, by name; ``statements`` the SQL of each SQL task.
    """

    workflow: Workflow
    packages: Mapping[str, Package] = field(default_factory=dict)
    statements: Mapping[str, tuple[Statement, ...]] = field(default_factory=dict)

    @cached_property
    def tasks(self) -> dict[str, AnyTask]:
        """The tasks by name, in the order of the file."""
        return self.workflow.tasks or {}

    @cached_property
    def dependants(self) -> dict[str, list[str]]:
        """For every task the tasks that have an edge from it."""
        found: dict[str, list[str]] = {name: [] for name in self.tasks}
        for name, task in self.tasks.items():
            for source in task.depends_on:
                if source in found:
                    found[source].append(name)
        return found

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The tasks, sources first; tasks on a cycle are missing."""
        waiting = {name: sum(source in self.tasks for source in task.depends_on) for name, task in self.tasks.items()}
        ready = [name for name, count in waiting.items() if not count]
        for name in ready:  # grows while it is walked
            for dependant in self.dependants[name]:
                waiting[dependant] -= 1
                if not waiting[dependant]:
                    ready.append(dependant)
        return tuple(ready)

    @cached_property
    def _upstream(self) -> tuple[dict[str, int], dict[str, int]]:
        """Index of each task and, as one bit a task, all that is upstream of it: 5000 tasks stay small."""
        index = {name: number for number, name in enumerate(self.order)}
        bits: dict[str, int] = {}
        for name in self.order:
            mask = 0
            for source in self.tasks[name].depends_on:
                if source in index:
                    mask |= bits[source] | 1 << index[source]
            bits[name] = mask
        return index, bits

    def is_upstream(self, task: str, of: str) -> bool:
        """Whether ``task`` is upstream of the other one, directly or transitively (both outside of cycles)."""
        index, bits = self._upstream
        return bool(bits[of] >> index[task] & 1)

    @cached_property
    def setters(self) -> dict[str, list[str]]:
        """For every variable that SQL tasks set, those tasks, sources first."""
        found: dict[str, list[str]] = {}
        for name in self.order:
            task = self.tasks[name]
            if isinstance(task, SqlTask):
                for variable in task.set_ or ():
                    found.setdefault(variable, []).append(name)
        return found

    def package_tasks(self) -> Iterator[tuple[str, PackageTask, Package]]:
        """Every task that runs a known package."""
        for name, task in self.tasks.items():
            if isinstance(task, PackageTask) and task.package in self.packages:
                yield name, task, self.packages[task.package]

    def operator_tasks(self) -> Iterator[tuple[str, OperatorTask]]:
        """Every task that names an operator itself."""
        for name, task in self.tasks.items():
            if isinstance(task, OperatorTask):
                yield name, task
