"""The values of a run's variables and where each comes from, as each task sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from airflow_workflow_provider.compiler.plan import Plan, PlannedTask, PlannedVariable
from airflow_workflow_provider.definitions.references import BUILT_INS, exact_reference
from airflow_workflow_provider.exceptions import VariableError
from airflow_workflow_provider.explain.explanation import SeenValue, Value, VariableExplanation
from airflow_workflow_provider.explain.reads import condition_reads, given_reads, own_reads
from airflow_workflow_provider.explain.record import RunRecord
from airflow_workflow_provider.explain.tasks import has_read, is_skipped_by_itself, was_settled
from airflow_workflow_provider.runs.resolution import STARTED_BY, Given, Sources, as_declared, resolve
from airflow_workflow_provider.runs.schedule import schedule_of_run

HIDDEN: Final = "***"
_REFERENCE: Final = re.compile(r"(\{\{.*?\}\})", re.DOTALL)
# What a value of a run can do wrong: refuse to be what is declared, or not be what `to_json` writes.
_UNREADABLE: Final = (VariableError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)


class RunVariables:
    """The variables of one run."""

    def __init__(self, plan: Plan, record: RunRecord) -> None:
        self._plan = plan
        self._record = record
        self._declared = {variable.name: variable for variable in plan.variables}
        self._setters = _setters(plan)
        self._names = tuple(dict.fromkeys((*self._declared, *self._setters)))

    @cached_property
    def _given(self) -> Given:
        """Empty when the run's ``conf`` is not what a run can be started with."""
        record = self._record
        schedule = schedule_of_run(record.run_type, record.run_id, record.logical_date, self._plan.schedules)
        try:
            return Given.of(record.conf, schedule)
        except _UNREADABLE:
            return Given({}, schedule)

    @property
    def schedule_name(self) -> str | None:
        """The schedule that started the run, if it is one of several."""
        return self._given.schedule.name if self._given.schedule else None

    @property
    def not_read(self) -> tuple[str, ...]:
        """Names in the run's ``conf`` that are no variables."""
        return tuple(name for name in self._record.conf if name not in self._declared and name != STARTED_BY)

    def of_workflow(self) -> tuple[VariableExplanation, ...]:
        """Every variable of the workflow: as tasks have read it, as tasks have set it, as the run began with it."""
        seen: dict[str, list[SeenValue]] = {name: [] for name in self._names}
        for task in self._plan.tasks:
            if has_read(task, self._record):
                for name in self._reads_of_workflow(task):
                    _add(seen.setdefault(name, []), self.read(task, name), task.id)
        for name in self._names:
            for value in self._unread(name):
                _add(seen[name], value)
        return tuple(self._explained(name, values) for name, values in seen.items())

    def of_task(self, task: PlannedTask) -> tuple[tuple[str, Value], ...]:
        """The task's own variables: given on it, or its package's."""
        if not has_read(task, self._record) or is_skipped_by_itself(task, self._record):
            return ()
        package = None if task.scope.package is None else {variable.name: variable for variable in task.scope.package}
        declared = self._declared if package is None else package
        names = dict.fromkeys((*own_reads(task), *task.scope.given))
        return tuple(
            (name, self._own(task, name, declared.get(name)))
            for name in names
            if name in task.scope.given or (package is not None and name in package)
        )

    def read(self, task: PlannedTask, name: str) -> Value:
        """A variable of the workflow as a task sees it."""
        return self._resolved(name, task.scope.setters.get(name, ()), task)

    def _explained(self, name: str, values: list[SeenValue]) -> VariableExplanation:
        declared = self._declared.get(name)
        return VariableExplanation(
            name, declared.type if declared else None, declared.description if declared else None, tuple(values)
        )

    def _unread(self, name: str) -> Iterator[Value]:
        """The values that the run has for a variable whether or not a task has read them."""
        for setter in self._setters.get(name, ()):
            if self._record.of(setter).state == "success":
                yield self._resolved(name, (setter,))
        yield self._resolved(name, ())

    def _resolved(self, name: str, setters: tuple[str, ...], reader: PlannedTask | None = None) -> Value:
        declared = self._declared.get(name)
        secret = declared is not None and declared.secret is not None
        if declared is not None and secret:
            declared = replace(declared, type=None)
        try:
            found = resolve(name, declared, setters, self._sources(reader))
        except _UNREADABLE as error:
            return Value(None, "not readable", secret, _problem(name, error, secret=secret))
        return Value(HIDDEN if secret else found.value, found.origin, secret)

    def _sources(self, reader: PlannedTask | None) -> Sources:
        record = self._record

        def succeeded(setter: str) -> bool:
            if record.of(setter).state != "success":
                return False
            if reader is None or setter in self._awaited[reader.id]:
                return True
            # Behind an `any` a reader may have started before the setter ended.
            return was_settled(setter, record.of(reader.id), record)

        return Sources(
            given=self._given,
            succeeded=succeeded,
            value_set_by=lambda task, name: record.xcoms.get(task, {}).get(name),
            secret=lambda _: HIDDEN,
        )

    @cached_property
    def _awaited(self) -> Mapping[str, frozenset[str]]:
        """For each task those that have ended when it starts: not behind an ``any`` of several sources."""
        awaited: dict[str, frozenset[str]] = {}
        for task in self._plan.tasks:
            sources = task.edges if task.constraint != "any" or len(task.edges) == 1 else ()
            awaited[task.id] = frozenset(sources).union(*(awaited.get(source, frozenset()) for source in sources))
        return awaited

    def _reads_of_workflow(self, task: PlannedTask) -> Iterator[str]:
        """Variables of the workflow that a task that has started has read."""
        yield from condition_reads(task)
        if task.condition is not None and is_skipped_by_itself(task, self._record):
            return
        yield from given_reads(task)
        if task.scope.package is None:
            yield from (name for name in own_reads(task) if name not in task.scope.given)
            return
        for variable in task.scope.package:
            if self._is_looked_up(task, variable):
                yield variable.name

    def _is_looked_up(self, task: PlannedTask, variable: PlannedVariable) -> bool:
        """Whether a package's variable has its value from the workflow."""
        has_own = variable.name in task.scope.given or variable.secret is not None or variable.default is not None
        return not has_own and (variable.name in self._declared or variable.name in task.scope.setters)

    def _own(self, task: PlannedTask, name: str, declared: PlannedVariable | None) -> Value:
        value = self._own_value(task, name, declared)
        if value.problem or value.secret or declared is None:
            return value
        try:
            return replace(value, value=as_declared(name, value.value, declared))
        except _UNREADABLE as error:
            return replace(value, value=None, problem=_problem(name, error, secret=False))

    def _own_value(self, task: PlannedTask, name: str, declared: PlannedVariable | None) -> Value:
        if name in task.scope.given:
            value = self._rendered(task, task.scope.given[name])
            secret = value.secret or (declared is not None and declared.secret is not None)
            return replace(value, value=HIDDEN if secret else value.value, secret=secret)
        if declared is None:
            return self.read(task, name)
        if declared.secret is not None:
            return Value(HIDDEN, f"Airflow Variable '{declared.secret}'", secret=True)
        if declared.default is not None:
            return Value(declared.default, "given by the package")
        if not self._is_looked_up(task, declared):
            return Value(None, "no value")
        found = self.read(task, name)
        return replace(found, origin=f"the workflow's: {found.origin}")

    def _rendered(self, task: PlannedTask, given: Any) -> Value:
        """A value given on a task. References are filled in; of other templates the text is shown as written."""
        if isinstance(given, str):
            return self._rendered_text(task, given)
        if isinstance(given, list | tuple):
            return _listed([self._rendered(task, item) for item in given])
        if isinstance(given, Mapping):
            listed = _listed([self._rendered(task, item) for item in given.values()])
            return replace(listed, value=dict(zip(given, listed.value, strict=True)))
        return Value(given, "given by the task")

    def _rendered_text(self, task: PlannedTask, text: str) -> Value:
        name = exact_reference(text)
        if name in BUILT_INS:
            return self._built_in(task, name, text)
        if name is not None:
            found = self.read(task, name)
            return replace(found, origin=f"given by the task: '{name}', {found.origin}")
        parts = _REFERENCE.split(text)
        references = [exact_reference(part) for part in parts[1::2]]
        if any(each is None or each in BUILT_INS for each in references) or any("{" in part for part in parts[::2]):
            return Value(text, "given by the task, as written")
        read = [self.read(task, each) for each in references if each is not None]
        filled = [*(str(each.value) for each in read), ""]
        problem = next((each.problem for each in read if each.problem), None)
        whole = "".join(f"{part}{value}" for part, value in zip(parts[::2], filled, strict=True))
        return Value(None if problem else whole, "given by the task", problem=problem)

    def _built_in(self, task: PlannedTask, name: str, text: str) -> Value:
        """Of those that the record does not have the text is shown."""
        known = {
            "run_id": self._record.run_id,
            "workflow": self._plan.workflow,
            "workflow_version": self._plan.version,
            "task": task.id,
        }
        if name not in known:
            return Value(text, "given by the task, as written")
        return Value(known[name], f"given by the task: '{name}', built in")


def _listed(values: list[Value]) -> Value:
    """Of several values one: a list of them."""
    problem = next((value.problem for value in values if value.problem), None)
    return Value([value.value for value in values], "given by the task", problem=problem)


def _add(values: list[SeenValue], value: Value, reader: str | None = None) -> None:
    """Count a reader in with those that see the same value; of unread values keep only those that say something new."""
    for index, seen in enumerate(values):
        if _same(seen.value, value):
            if reader is not None and reader not in seen.readers:
                values[index] = replace(seen, readers=(*seen.readers, reader))
            return
    if reader is not None or not values or value.value is not None or value.problem:
        values.append(SeenValue(value, (reader,) if reader is not None else ()))


def _same(one: Value, other: Value) -> bool:
    """As values of their types: 1 is neither 1.0 nor true."""
    return one == other and repr(one.value) == repr(other.value)


def _setters(plan: Plan) -> dict[str, list[str]]:
    setters: dict[str, list[str]] = {}
    for task in plan.tasks:
        for name in task.work.set:
            setters.setdefault(name, []).append(task.id)
    return setters


def _problem(name: str, error: Exception, *, secret: bool) -> str:
    if isinstance(error, VariableError) and not secret:
        return str(error)
    return f"the value of '{name}' cannot be read"
