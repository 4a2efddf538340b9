"""What the flow needs of a system that runs workflows. The flow, the exit codes and the reports know no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Protocol
from uuid import uuid4


class RunState(Enum):
    """How far a run is."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        """Whether it will not change by itself any more; an unknown state may."""
        return self in (RunState.COMPLETED, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that a workflow declares.

    ``type`` is a type of the definition language or ``None``; ``schema`` is the JSON Schema that values must fit.
    """

    name: str
    type: str | None = None
    default: Any = None
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a workflow can be executed: it can if there are no problems.

    ``variables`` is ``None`` when the system does not tell which variables exist: then any name is passed on.
    ``seen`` is false when the workflow could not be looked at.
    """

    problems: tuple[str, ...] = ()
    variables: Mapping[str, Variable] | None = None
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """One run. The first id is chosen here, before the run is started, so that it can be found again."""

    workflow: str
    id: str
    url: str | None = None


def new_run_id() -> str:
    """An id that says who started the run and when, and that no other run has."""
    return f"workflow-run__{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}__{uuid4().hex[:12]}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment: ``word`` is the system's own name of the state, ``seconds`` how long it ran."""

    state: RunState
    word: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """What a run left: final values of its variables, and the outcome of every task that settled."""

    variables: Mapping[str, Any]
    outcomes: Mapping[str, str]


class Target(Protocol):
    """A system that runs workflows.

    Every method may raise ``UnreachableError`` (asked again later) and ``LoginError``; all but ``log_in`` may raise
    ``RefusedError``. No method asks again by itself.
    """

    def log_in(self) -> None:
        """Make sure that the credentials are accepted."""

    def check(self, workflow: str, *, cancellable: bool) -> Readiness:
        """Whether a workflow can be executed by this user now (and its runs stopped); starts nothing."""

    def new_run(self, workflow: str) -> Run:
        """A run that does not exist yet; asks nobody."""

    def start(self, run: Run, variables: Mapping[str, Any], *, repeated: bool) -> Run:
        """Start it, once: when an earlier request for it may have arrived (``repeated``), look for it first.

        Returns it as the system knows it, which may have given it an id of its own.
        """

    def state(self, run: Run) -> Snapshot:
        """How far it is; ``RefusedError`` if it does not exist."""

    def cancel(self, run: Run) -> bool:
        """Stop it, unless it has ended already; ``False`` if it does not exist. ``run`` may be as before the start."""

    def reason(self, run: Run) -> str:
        """Why it failed, in one line; may be empty."""

    def results(self, run: Run, given: Mapping[str, Any], names: Collection[str]) -> Results:
        """What it left, with the values at the end of at least the variables ``names``; it was started with ``given``.

        A variable of ``names`` that does not exist is left out.
        """

    def close(self) -> None:
        """Let go of connections."""
