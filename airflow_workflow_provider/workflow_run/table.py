"""Progress on a terminal: a table that is drawn again and again in place. Imported only where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.workflow_run.exits import ExitCode
from airflow_workflow_provider.workflow_run.job import Job
from airflow_workflow_provider.workflow_run.report import shown_seconds

_STYLES = {ExitCode.OK: "green", ExitCode.CONDITION: "yellow", None: ""}


class TableReport:
    """A row for each workflow; notes scroll above it."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)

    @contextmanager
    def showing(self, jobs: Sequence[Job]) -> Iterator[None]:
        """Keep the table up to date; it stays when the flow has ended."""
        with Live(console=self._console, get_renderable=lambda: table(jobs), refresh_per_second=2):
            yield

    def note(self, text: str) -> None:
        """A line above the table."""
        self._console.print(Text(one_line(text)))

    def started(self, job: Job) -> None:
        """The table shows it."""

    def changed(self, job: Job) -> None:
        """The table shows it."""

    def ended(self, job: Job) -> None:
        """The table shows it."""


def table(jobs: Sequence[Job]) -> Table:
    """All workflows as they now are."""
    shown = Table("phase", "workflow", "state", Column("time", justify="right"), "", box=None, pad_edge=False)
    for job in jobs:
        where = job.run.url or job.run.id if job.run is not None and job.result is not ExitCode.OK else ""
        shown.add_row(
            str(job.phase),
            Text(one_line(job.workflow), overflow="fold"),
            Text(job.word, style=_STYLES.get(job.result, "red")),
            shown_seconds(job.seconds),
            Text("\n".join(filter(None, [job.reason, where])), overflow="fold"),
        )
    return shown
