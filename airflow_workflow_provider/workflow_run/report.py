"""Progress while it happens: the interface, and plain lines for logs and mail."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timezone
from typing import Protocol, TextIO

from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.workflow_run.exits import ExitCode
from airflow_workflow_provider.workflow_run.job import Job


class Report(Protocol):
    """Told of everything that happens, as it happens."""

    def showing(self, jobs: Sequence[Job]) -> AbstractContextManager[object]:
        """Around the whole flow."""

    def note(self, text: str) -> None:
        """Something that concerns no single workflow."""

    def started(self, job: Job) -> None:
        """Its run exists."""

    def changed(self, job: Job) -> None:
        """Its run has another state, which is not its last."""

    def ended(self, job: Job) -> None:
        """It is decided."""


class PlainReport:
    """One line for each event, with the time in UTC, written at once."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def showing(self, jobs: Sequence[Job]) -> AbstractContextManager[object]:
        """Lines need no preparation."""
        return nullcontext()

    def note(self, text: str) -> None:
        """A line of its own."""
        now = datetime.now(timezone.utc)
        say(f"{now:%Y-%m-%dT%H:%M:%SZ} {one_line(text)}", self._stream)

    def started(self, job: Job) -> None:
        """With the address to look at."""
        if job.run is not None:
            self.note(f"phase {job.phase}: {job.workflow}: started {job.run.url or job.run.id}")

    def changed(self, job: Job) -> None:
        """With the new state."""
        self.note(f"phase {job.phase}: {job.workflow}: {job.word}")

    def ended(self, job: Job) -> None:
        """With the duration, and the reason if it is not well."""
        seconds = job.seconds
        after = f" after {shown_seconds(seconds)}" if seconds is not None else ""
        reason = f": {job.reason}" if job.reason else ""
        self.note(f"phase {job.phase}: {job.workflow}: {job.word}{after}{reason}")


def say(text: str, stream: TextIO | None) -> OSError | None:
    """Print a line at once. Where nobody reads any more (a closed pipe, a full disk), the work goes on; it says why."""
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        return error
    return None


def shown_seconds(seconds: float | None) -> str:
    """``12s``, ``3m05s``, ``1h02m03s``."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m{rest:02d}s"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def verdict(code: ExitCode, message: str) -> str:
    """The last line."""
    return f"workflow-run: {code.word.replace('_', ' ')}: {message}"
