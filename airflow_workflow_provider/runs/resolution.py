"""Where a workflow variable's value comes from: the order that docs/semantics.md gives, without Airflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_workflow_provider.compiler.plan import PlannedSchedule, PlannedVariable
from airflow_workflow_provider.definitions.values import ValueTypeError, coerce, from_json, plain_json
from airflow_workflow_provider.exceptions import VariableError

STARTED_BY: Final = "started-by"
"""Key in a run's ``conf`` under which the task that started it says so; no variable can have this name."""


_NOT_EXACT: Final = (AttributeError, LookupError, TypeError, ValueError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A value, ``None`` for none, and in words where it comes from."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Given:
    """What a run was started with: the values given to it and the schedule that started it, if one did."""

    values: Mapping[str, Any] = field(default_factory=dict)
    schedule: PlannedSchedule | None = None

    @classmethod
    def of(cls, conf: Mapping[str, Any] | None, schedule: PlannedSchedule | None = None) -> Given:
        """From a run's ``conf``; of what a parent workflow gave, values that JSON cannot hold are made whole.

        Whoever starts a run with the ``conf`` of another and corrects a value in it has given the corrected one.
        Raises ``VariableError`` for a ``conf`` that no task has made so.
        """
        values = dict(conf or {})
        parent = values.pop(STARTED_BY, None)
        exact = parent.get("exact") if isinstance(parent, Mapping) else None
        try:
            whole = {name: from_json(value) for name, value in (exact or {}).items()}
        except _NOT_EXACT:
            raise VariableError(
                f"'{STARTED_BY}' in the run's conf is not as a task writes it; start the run without it"
            ) from None
        values.update({name: value for name, value in whole.items() if values.get(name) == plain_json(value)})
        return cls(values, schedule)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values are looked up.

    ``value_set_by(task, variable)``: what a task has set, as XCom keeps it; only asked of tasks that ``succeeded``.
    ``secret(key)``: an Airflow Variable.
    """

    given: Given
    succeeded: Callable[[str], bool]
    value_set_by: Callable[[str, str], Any]
    secret: Callable[[str], Any]


def resolve(name: str, declared: PlannedVariable | None, setters: Sequence[str], sources: Sources) -> Resolved:
    """The value of a workflow variable for a reader; ``setters``: those upstream of it, the furthest downstream first.

    Raises ``VariableError`` for a value that the declared type cannot hold and for a required one without a value.
    """
    found = _first(name, declared, setters, sources)
    value = as_declared(name, found.value, declared)
    if value is None and declared is not None and declared.required and not found.origin.startswith("set by"):
        raise VariableError(f"variable '{name}' is required and has no value; give it one when starting the run")
    return Resolved(value, found.origin)


def as_declared(name: str, value: Any, declared: PlannedVariable | None) -> Any:
    """The value as its declared type holds it; ``VariableError`` if it cannot. Secrets are not shown in it."""
    try:
        return coerce(value, declared.type if declared else None, name)
    except ValueTypeError as error:
        raise VariableError(str(error)) from None


def _first(name: str, declared: PlannedVariable | None, setters: Sequence[str], sources: Sources) -> Resolved:
    for setter in setters:
        if sources.succeeded(setter):
            return Resolved(from_json(sources.value_set_by(setter, name)), f"set by '{setter}'")
    if declared is None:
        return Resolved(None, "no value")
    if declared.secret is not None:
        return Resolved(sources.secret(declared.secret), f"Airflow Variable '{declared.secret}'")
    given = sources.given
    if name in given.values:
        return Resolved(given.values[name], "given when the run was started")
    if given.schedule is not None and name in given.schedule.variables:
        return Resolved(given.schedule.variables[name], f"schedule '{given.schedule.name}'")
    return Resolved(declared.default, "no value" if declared.default is None else "default")
