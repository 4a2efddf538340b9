"""What an explanation says, as plain data: text, JSON and the page in the UI are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_workflow_provider.definitions.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Value:
    """A value and in words where it comes from. ``problem`` is there instead of a value that cannot be told."""

    value: Any
    origin: str
    secret: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SeenValue:
    """A value of a variable and the tasks that have read it (none: no task that has started)."""

    value: Value
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariableExplanation:
    """A variable of the workflow; several values where tasks see different ones."""

    name: str
    type: str | None
    description: str | None
    values: tuple[SeenValue, ...]


@dataclass(frozen=True, slots=True)
class TaskExplanation:
    """A task: its outcome (``None`` while it has none), a word for its state, and why.

    ``state`` is Airflow's. ``values``: those of the task's own variables, given on it or by its package.
    """

    name: str
    outcome: Outcome | None
    status: str
    state: str | None
    reason: str
    tries: int
    start: datetime | None = None
    end: datetime | None = None
    seconds: float | None = None
    values: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class RunExplanation:
    """A run. ``started_by`` in words; ``broken``: the expectations that it did not meet, each in a sentence.

    ``not_read``: names that it was given and that are no variables of the workflow.
    """

    workflow: str
    version: str
    run_id: str
    state: str
    outcome_mode: str
    reason: str
    started_by: str
    start: datetime | None
    end: datetime | None
    seconds: float | None
    note: str | None
    broken: tuple[str, ...]
    tasks: tuple[TaskExplanation, ...]
    variables: tuple[VariableExplanation, ...]
    not_read: tuple[str, ...]
    has_ended: bool
