"""A workflow with everything it refers to: the packages it calls and the SQL it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from airflow_workflow_provider.definitions.diagnostics import Location
from airflow_workflow_provider.definitions.models import (
    Accept,
    AnyTask,
    OperatorTask,
    Package,
    PackageTask,
    SqlTask,
    Workflow,
    WorkflowTask,
)
from airflow_workflow_provider.definitions.references import templates


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement: its text, where the definition names it, and the line in which it begins."""

    text: str
    location: Location
    file: str | None = None
    line: int = 1

    def place(self, offset: int) -> str:
        """Where an offset in it is, as messages say it."""
        line = self.line + self.text.count("\n", 0, offset)
        return f"line {line} of the SQL" if self.file is None else f"{self.file}, line {line}"


@dataclass(frozen=True)
class Definition:
    """What the rules check and the compiler compiles.

    ``packages`` holds the packages that were found, by name; ``statements`` the SQL of each SQL task.
    ``stored``: it comes from the store, and is not trusted as a file of the DAG folder is.
    """

    workflow: Workflow
    packages: Mapping[str, Package] = field(default_factory=dict)
    statements: Mapping[str, tuple[Statement, ...]] = field(default_factory=dict)
    stored: bool = False

    @cached_property
    def tasks(self) -> dict[str, AnyTask]:
        """The tasks by name, in the order of the file; phases as tasks that run their workflows."""
        return self.workflow.tasks or {name: task for name, (_, task) in self.phase_tasks.items()}

    @cached_property
    def phase_tasks(self) -> dict[str, tuple[Location, WorkflowTask]]:
        """What ``phases`` stand for: the task of every workflow, by name, with its place in the definition."""
        found: dict[str, tuple[Location, WorkflowTask]] = {}
        before: dict[str, list[Accept]] = {}
        for number, phase in enumerate(self.workflow.phases or ()):
            names = []
            for index, workflow in enumerate(phase):
                name = _task_name(workflow, found)
                task = WorkflowTask(workflow=workflow, depends_on=before)
                found[name] = (("phases", number, index), task)
                names.append(name)
            before = {name: ["success"] for name in names}
        return found

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
        """For every variable that tasks set, those tasks, sources first."""
        found: dict[str, list[str]] = {}
        for name in self.order:
            for variable in set_by(self.tasks[name]):
                found.setdefault(variable, []).append(name)
        return found

    def workflow_tasks(self) -> Iterator[tuple[str, Location, WorkflowTask]]:
        """Every task that runs another workflow, with the place where the definition names that."""
        for name, (location, task) in self.phase_tasks.items():
            yield name, location, task
        for name, each in (self.workflow.tasks or {}).items():
            if isinstance(each, WorkflowTask):
                yield name, ("tasks", name, "workflow"), each

    def package_tasks(self) -> Iterator[tuple[str, PackageTask, Package]]:
        """Every task that runs a known package."""
        for name, task in self.tasks.items():
            if isinstance(task, PackageTask) and task.package in self.packages:
                yield name, task, self.packages[task.package]

    @cached_property
    def argument_templates(self) -> dict[str, list[tuple[Location, str]]]:
        """Of every task that names an operator itself the texts in its arguments that could be templates."""
        return {name: templates(task.arguments, ("tasks", name, "arguments")) for name, task in self.operator_tasks()}

    def operator_tasks(self) -> Iterator[tuple[str, OperatorTask]]:
        """Every task that names an operator itself."""
        for name, task in self.tasks.items():
            if isinstance(task, OperatorTask):
                yield name, task


def set_by(task: AnyTask) -> Mapping[str, str | None]:
    """The variables that a task sets, with the column or the part of the result that each is filled from."""
    return (task.set_ or {}) if isinstance(task, SqlTask | PackageTask) else {}


def _task_name(workflow: str, taken: Mapping[str, object]) -> str:
    """A task name for a workflow in a phase: the same where it can be, and its own for each time it runs."""
    name = re.sub(r"[^A-Za-z0-9_\-]", "_", workflow)
    name = name if re.match(r"[A-Za-z_]", name) else f"_{name}"
    free = name
    number = 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
