"""What the REST API of an Airflow answers, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class DagRun:
    """One run of a DAG; ``bundle_version``: what of a versioned bundle it keeps to."""

    dag_id: str
    run_id: str
    state: str
    conf: Mapping[str, Any]
    note: str | None
    seconds: float | None
    bundle_version: str | None


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task of one run; ``state`` is ``None`` until the scheduler has looked at it, ``pid`` without a worker.

    ``hostname`` is that of the worker, empty without one.
    """

    task_id: str
    state: str | None
    try_number: int
    operator: str | None
    pid: int | None
    hostname: str
    queue: str | None
    started: datetime | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class XCom:
    """A value that a task left."""

    task_id: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class DagImportError:
    """A DAG file that Airflow could not import."""

    filename: str
    stack_trace: str


def dag_run(item: Mapping[str, Any]) -> DagRun:
    """A run from the API's JSON."""
    return DagRun(
        item["dag_id"],
        item["dag_run_id"],
        item["state"],
        item["conf"] or {},
        item["note"],
        item["duration"],
        item["bundle_version"],
    )


def task_instance(item: Mapping[str, Any]) -> TaskInstance:
    """A task of a run from the API's JSON."""
    started = item["start_date"]
    return TaskInstance(
        task_id=item["task_id"],
        state=item["state"],
        try_number=item["try_number"],
        operator=item["operator_name"] or item["operator"],
        pid=item["pid"],
        hostname=item["hostname"] or "",
        queue=item["queue"],
        started=iso_time(started) if started else None,
        seconds=item["duration"],
    )


def log_line(message: Any) -> str:
    """One message of a task's log, with the exception if it carries one."""
    if isinstance(message, str):
        return message
    causes = [f"{cause['exc_type']}: {cause['exc_value']}" for cause in message.get("error_detail") or []]
    return " ".join([message.get("event", ""), *causes])


def iso_time(text: str) -> datetime:
    """A time as Airflow writes it (Python 3.10 does not read the ``Z``)."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
