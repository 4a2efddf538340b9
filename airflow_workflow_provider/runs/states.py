"""Airflow's states and what they mean here: the one table that the rest of the package reads. Without Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airflow_workflow_provider.definitions.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class TaskState:
    """A state of a task. ``word``: what people are told; ``meanwhile``: what is going on, in a sentence.

    ``outcome``: how it ended, ``None`` while it has not; ``has_started``: it has begun and not ended.
    """

    word: str
    outcome: Outcome | None = None
    has_started: bool = False
    meanwhile: str = ""


TASK_STATES: Final[Mapping[str, TaskState]] = {
    "scheduled": TaskState("queued"),
    "queued": TaskState("queued"),
    "running": TaskState("running", has_started=True),
    "restarting": TaskState("running", has_started=True, meanwhile="it was cleared while it ran"),
    "up_for_retry": TaskState("retrying", has_started=True, meanwhile="an attempt failed; it will be tried again"),
    "up_for_reschedule": TaskState("waiting", has_started=True, meanwhile="it looks again later"),
    "deferred": TaskState("deferred", has_started=True, meanwhile="it waits in the triggerer"),
    "awaiting_input": TaskState("waiting", has_started=True, meanwhile="it waits for a person"),
    "success": TaskState("success", Outcome.SUCCESS),
    "failed": TaskState("failure", Outcome.FAILURE),
    "skipped": TaskState("skipped", Outcome.SKIPPED),
    "upstream_failed": TaskState("skipped", Outcome.SKIPPED),
    "removed": TaskState("skipped", Outcome.SKIPPED),
}
RUNS_UNDER_WAY: Final = ("queued", "running")
"""States of runs that have not ended."""
RUNS_ENDED: Final = ("success", "failed")

STARTED: Final = frozenset(name for name, state in TASK_STATES.items() if state.has_started)
SETTLED: Final = frozenset(name for name, state in TASK_STATES.items() if state.outcome is not None)
RAN: Final = frozenset(("success", "failed"))
"""Of the settled ones those of tasks that ran to their end."""
GOING_ON: Final = frozenset(TASK_STATES) - SETTLED - {"restarting"}
"""A task goes on with what it does, now or later; one that is restarting was cleared and begins anew."""


def outcome_of(state: str | None) -> Outcome | None:
    """How a task in that state has ended; ``None`` if it has not."""
    found = TASK_STATES.get(state or "")
    return None if found is None else found.outcome


def outcome_at_the_end(state: str | None) -> Outcome:
    """The same when the run is over: whatever has not ended then did not run."""
    return outcome_of(state) or Outcome.SKIPPED
