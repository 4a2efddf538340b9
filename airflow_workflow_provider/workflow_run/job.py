"""One workflow in one phase, and what has become of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from airflow_workflow_provider.workflow_run.exits import ExitCode
from airflow_workflow_provider.workflow_run.target import Run, Snapshot


@dataclass(slots=True)
class Job:
    """``phase`` counts from 1; ``result`` stays ``None`` while it is undecided (and if it never is).

    ``run`` is there as soon as a request to start it may have been sent, ``confirmed`` once the server has said that
    it exists. ``begun`` and ``ended`` are on the monotonic clock.
    """

    workflow: str
    phase: int
    run: Run | None = None
    snapshot: Snapshot | None = None
    result: ExitCode | None = None
    reason: str = ""
    confirmed: bool = False
    begun: float | None = None
    ended: float | None = None

    @property
    def word(self) -> str:
        """Its state in one word."""
        if self.result in (ExitCode.CONDITION, ExitCode.INTERRUPTED):
            return "condition" if self.result is ExitCode.CONDITION else "stopped"
        if self.snapshot is not None:
            return self.snapshot.word
        if self.result is not None:
            return "not ready" if self.result is ExitCode.READINESS else "not started"
        return "starting" if self.run is not None else "waiting"

    @property
    def seconds(self) -> float | None:
        """How long the run took by the server's account, else how long it has been waited for."""
        if self.snapshot is not None and self.snapshot.state.ended and self.snapshot.seconds is not None:
            return self.snapshot.seconds
        if self.begun is None:
            return None
        return (time.monotonic() if self.ended is None else self.ended) - self.begun

    @property
    def is_under_way(self) -> bool:
        """Whether there may be a run that has not ended."""
        if self.run is None or self.result is not None:
            return False
        return self.snapshot is None or not self.snapshot.state.ended

    def begin(self, run: Run) -> None:
        """A request to start it is about to be sent."""
        self.run, self.begun = run, time.monotonic()

    def end(self, result: ExitCode, reason: str = "") -> None:
        """It is decided."""
        self.result, self.reason, self.ended = result, reason, time.monotonic()
