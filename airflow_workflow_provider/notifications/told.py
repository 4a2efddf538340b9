"""What a notifier is told about a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypedDict
from urllib.parse import quote


class Told(TypedDict):
    """The names that a notifier's templates can read beside Airflow's own (see docs/notifications.md)."""

    event: str
    workflow: str
    run_id: str
    state: str
    reason: str
    failed_tasks: list[str]
    broken_expectations: list[str]
    run_url: str
    task_urls: dict[str, str]


def told(
    event: str,
    workflow: str,
    run_id: str,
    state: str,
    reason: str,
    *,
    tasks: Iterable[str],
    failed: Sequence[str],
    broken: Sequence[str] = (),
) -> Told:
    """Everything about one run; ``tasks`` are those of the definition."""
    run_url = f"{base_url()}/dags/{quote(workflow, safe='')}/runs/{quote(run_id, safe='')}"
    return {
        "event": event,
        "workflow": workflow,
        "run_id": run_id,
        "state": state,
        "reason": reason,
        "failed_tasks": list(failed),
        "broken_expectations": list(broken),
        "run_url": run_url,
        "task_urls": {task: f"{run_url}/tasks/{quote(task, safe='')}" for task in tasks},
    }


def base_url() -> str:
    """Where this Airflow's UI is."""
    from airflow.configuration import conf

    configured: Any = conf.get("api", "base_url", fallback=None)
    return str(configured or "http://localhost:8080").rstrip("/")
