"""Runs that a ``workflow:`` task starts: their ids, and what is written into them. Without Airflow.

The id of a child run follows from the parent's run, the task and its attempt. So a task that lost its worker finds
the child that it had started, and whoever stops a parent run finds its children without asking anybody.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from airflow_workflow_provider.definitions.values import plain_json, to_json
from airflow_workflow_provider.exceptions import VariableError
from airflow_workflow_provider.runs.resolution import STARTED_BY

# Two names of this length, two digests and two numbers stay far below the 250 characters of a run id.
_READABLE: Final = 70


@dataclass(frozen=True, slots=True)
class TaskAttempt:
    """One attempt of a ``workflow:`` task.

    ``last`` is the number of the last attempt that Airflow allows. Clearing a task raises it, so attempts with the
    same ``last`` are tries of one and the same thing. ``run_started`` tells a run from a deleted one of the same id.
    """

    workflow: str
    run_id: str
    run_started: str
    task: str
    number: int
    last: int

    @property
    def child_run_id(self) -> str:
        """The id of the run that this attempt starts, at most 250 characters."""
        tail = _digest(self.task, self.run_started)
        return f"{children_prefix(self.workflow, self.run_id)}{_readable(self.task)}__{self.number}of{self.last}_{tail}"

    def earlier(self) -> Iterator[TaskAttempt]:
        """The attempts before this one since the task was last cleared, the latest first; maybe more than were."""
        for number in range(self.number - 1, 0, -1):
            yield replace(self, number=number)

    def may_wait_for(self) -> tuple[str, ...]:
        """The ids of the runs that this attempt can have to do with: its own, and those of the attempts before it."""
        return tuple(each.child_run_id for each in (self, *self.earlier()))

    @property
    def in_words(self) -> str:
        """For people: who started the child."""
        attempt = f", attempt {self.number}" if self.number > 1 else ""
        return f"task '{self.task}' of workflow '{self.workflow}', run {self.run_id}{attempt}"

    def conf(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The child's ``conf``: the values given to it, and who gave them.

        Values that JSON has no type for are there twice: as Airflow can check them against the child's params, and
        exactly. Raises ``VariableError`` for a value that cannot be given to a run at all.
        """
        exact = {name: _exact(name, value) for name, value in values.items() if not _is_plain(value)}
        started_by = {
            "workflow": self.workflow,
            "run_id": self.run_id,
            "task": self.task,
            "attempt": self.number,
            "last": self.last,
        }
        return {
            **{name: plain_json(value) for name, value in values.items()},
            STARTED_BY: {**started_by, **({"exact": exact} if exact else {})},
        }


def children_prefix(workflow: str, run_id: str) -> str:
    """What the ids of all runs begin with that tasks of this run have started."""
    return f"workflow__{_readable(workflow)}__{_digest(workflow, run_id)}__"


def started_by(run_id: str, conf: Any) -> Mapping[str, Any] | None:
    """Who started a run: ``workflow``, ``run_id``, ``task``, ``attempt`` and ``last``; ``None`` if no task did.

    A run that a person started with the ``conf`` of another one was started by a person.
    """
    parent = conf.get(STARTED_BY) if isinstance(conf, Mapping) else None
    if not isinstance(parent, Mapping) or not {"workflow", "run_id", "task", "last"} <= parent.keys():
        return None
    return parent if run_id.startswith(children_prefix(parent["workflow"], parent["run_id"])) else None


def _readable(name: str) -> str:
    """A name as part of a run id; Airflow refuses two dots in a row there."""
    return re.sub(r"[^A-Za-z0-9_.~:+-]|\.(?=\.)", "_", name[:_READABLE])


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _is_plain(value: Any) -> bool:
    """Whether JSON gives back the value as it is."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | str)


def _exact(name: str, value: Any) -> Any:
    try:
        return to_json(value)
    except TypeError as error:
        raise VariableError(f"variable '{name}': {error}") from None
