"""``runs``: the runs of a workflow."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_workflow_provider.cli.console import Console, printable
from airflow_workflow_provider.cli.database import metadata_session
from airflow_workflow_provider.cli.explain_text import COLOURS, OTHER_SIGN, SIGNS
from airflow_workflow_provider.cli.listing import write_list
from airflow_workflow_provider.cli.stored import positive
from airflow_workflow_provider.explain.words import iso_time, shown_seconds, shown_time

if TYPE_CHECKING:
    from airflow_workflow_provider.explain.records import RecordedRun


def run(arguments: Namespace, console: Console) -> int:
    """List them."""
    from airflow_workflow_provider.explain.records import latest_runs

    positive("--limit", arguments.limit)
    with metadata_session() as session:
        found = latest_runs(arguments.name, session, limit=arguments.limit, state=arguments.state)
    nothing = f"no run of '{arguments.name}'" + (f" is {arguments.state}" if arguments.state else " yet")
    write_list(found, arguments, console, as_json=_as_json, lines=_lines, nothing=nothing)
    return 0


def _lines(found: Sequence[RecordedRun], console: Console) -> Iterator[str]:
    from airflow_workflow_provider.explain.run import run_reason, started_by

    rows = [
        (
            printable(each.record.run_id),
            each.record.state,
            shown_time(each.record.start),
            shown_seconds(each.record.seconds),
            printable(started_by(each.plan, each.record)),
            printable(run_reason(each.plan, each.record)),
        )
        for each in found
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(6)]
    for run_id, state, start, seconds, by, reason in rows:
        head = f"{SIGNS.get(state, OTHER_SIGN)} {run_id:<{widths[0]}}  {state:<{widths[1]}}"
        painted = console.paint(head, *([COLOURS[state]] if state in COLOURS else []))
        times = f"{start:<{widths[2]}}  {seconds:>{widths[3]}}"
        yield f"{painted}  {times}  {by:<{widths[4]}}  {reason}".rstrip()


def _as_json(each: RecordedRun) -> dict[str, Any]:
    from airflow_workflow_provider.explain.run import broken_expectations, run_reason, started_by

    record = each.record
    end = record.end if record.has_ended else None
    return {
        "workflow": record.workflow,
        "run": record.run_id,
        "state": record.state,
        "start": iso_time(record.start) if record.start else None,
        "end": iso_time(end) if end else None,
        "seconds": record.seconds,
        "started_by": started_by(each.plan, record),
        "reason": run_reason(each.plan, record),
        "broken_expectations": list(broken_expectations(each.plan, record)),
        "version": each.plan.version,
    }
