"""What Airflow has recorded of a run, as plain data: all that an explanation is made from, besides the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from airflow_workflow_provider.definitions.outcomes import Outcome
from airflow_workflow_provider.runs.states import RUNS_ENDED, outcome_of

RUN: Final = ""
"""Stands for the whole run where tasks are named."""


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One node of a run. ``state`` as Airflow has it, ``None`` before it is scheduled; ``tries``: attempts so far."""

    state: str | None = None
    tries: int = 0
    start: datetime | None = None
    end: datetime | None = None

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; ``None`` while it has not."""
        return outcome_of(self.state)


@dataclass(frozen=True, slots=True)
class Mark:
    """A state that a person gave to a task or to the run, and when."""

    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with its nodes.

    ``xcoms``: node → key → value as stored. ``triggered_by``: Airflow's word (``ui``, ``cli``, ``rest_api``…).
    ``marked``: the last mark of each node that a person has given a state; of the run itself under ``RUN``.
    """

    workflow: str
    run_id: str
    run_type: str
    state: str
    read_at: datetime
    start: datetime | None = None
    end: datetime | None = None
    logical_date: datetime | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    triggered_by: str | None = None
    user: str | None = None
    tasks: Mapping[str, TaskRecord] = field(default_factory=dict)
    xcoms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    marked: Mapping[str, Mark] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self.state in RUNS_ENDED

    @property
    def seconds(self) -> float | None:
        """How long it took, or has taken so far; ``None`` before its start."""
        if self.start is None:
            return None
        end = self.end if self.has_ended and self.end else self.read_at
        return max(0.0, (end - self.start).total_seconds())

    @property
    def is_marked(self) -> bool:
        """Whether a person gave it the state that it has."""
        return self._has_state_of_mark(RUN, self.state, self.start)

    def is_marked_task(self, node: str) -> bool:
        """Whether a person gave a node the state that it has; a mark from before its start was cleared."""
        return self._has_state_of_mark(node, self.of(node).state, self.of(node).start)

    def _has_state_of_mark(self, node: str, state: str | None, start: datetime | None) -> bool:
        mark = self.marked.get(node)
        return mark is not None and mark.state == state and (start is None or start <= mark.at)

    def of(self, node: str) -> TaskRecord:
        """A node's record; an empty one if Airflow has none (yet)."""
        return self.tasks.get(node, TaskRecord())
