"""The REST API of an Airflow, for the demo and the system tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from scripts.airflow_answers import DagImportError, DagRun, TaskInstance, XCom, dag_run, log_line, task_instance
from scripts.airflow_launcher import POLL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import httpx

T = TypeVar("T")

CONFLICT: Final = 409
RUN_ENDED: Final = ("success", "failed")
# Each look costs the API server a few hundredths of a second of CPU, which the tasks could use.
RUN_POLL_SECONDS: Final = 0.5
DEADLINE_SECONDS: Final = 240.0  # far more than anything takes, on a machine with much else to do


class LocalAirflowError(Exception):
    """Airflow did not start or did not answer as expected; the message says what to look at."""


class AirflowApi:
    """What an Airflow tells and does over its REST API; ``LocalAirflowError`` when it does not answer as expected."""

    _api: httpx.Client | None = None

    # DAGs

    def dag_ids(self) -> list[str]:
        """Every DAG that the dag processor has found and that is still there."""
        return [dag["dag_id"] for dag in self._list("/api/v2/dags", "dags", exclude_stale=True)]

    def wait_for_dag(self, dag_id: str, deadline: float = DEADLINE_SECONDS) -> None:
        """Return when a DAG is there; an error tells which files did not import."""

        def is_there() -> bool:
            self.parse_now()
            return dag_id in self.dag_ids()

        try:
            wait_for(is_there, f"the DAG {dag_id}", deadline)
        except LocalAirflowError as error:
            problems = "\n".join(f"{item.filename}: {item.stack_trace}" for item in self.import_errors())
            raise LocalAirflowError(f"{error}; import errors: {problems or 'none'}") from None

    def wait_for_change(self, dag_id: str, deadline: float = DEADLINE_SECONDS) -> None:
        """Return when a file that was changed before this call has been parsed: a DAG that is there is the new one."""
        seen: list[str] = []

        def parsed_anew() -> bool:
            self.parse_now()
            parsed = str(self.dag_details(dag_id)["last_parsed_time"])
            if parsed not in seen:
                seen.append(parsed)
            # The one seen first is old, the second may have begun before the change.
            return len(seen) > 2

        wait_for(parsed_anew, f"the changed DAG {dag_id}", deadline)

    def parse_now(self) -> None:
        """Let the dag processor parse all files, if they are within reach, before it would do so by itself."""

    def dag_source(self, dag_id: str) -> str:
        """What Airflow shows as the code of a DAG."""
        return str(self._call("GET", f"/api/v2/dagSources/{dag_id}")["content"])

    def dag_details(self, dag_id: str) -> Mapping[str, Any]:
        """Everything the API tells about a DAG (tags, owners, doc_md, params, timetable, …)."""
        details: Mapping[str, Any] = self._call("GET", f"/api/v2/dags/{dag_id}/details")
        return details

    def parse_anew(self, dag_id: str) -> None:
        """Ask the dag processor to parse the file of a DAG before its turn."""
        self._request("PUT", f"/api/v2/parseDagFile/{self.dag_details(dag_id)['file_token']}")

    def dag_versions(self, dag_id: str) -> list[str | None]:
        """The bundle version of each version of a DAG that Airflow has, the oldest first."""
        found = self._list(f"/api/v2/dags/{dag_id}/dagVersions", "dag_versions")
        return [item["bundle_version"] for item in sorted(found, key=lambda item: int(item["version_number"]))]

    def import_errors(self) -> list[DagImportError]:
        """Files that do not import, in order of their names."""
        found = self._list("/api/v2/importErrors", "import_errors")
        return sorted((DagImportError(e["filename"], e["stack_trace"]) for e in found), key=lambda e: e.filename)

    def set_paused(self, dag_id: str, paused: bool) -> None:
        """Pause or unpause a DAG; only runs of an unpaused DAG start."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": paused})

    def set_variable(self, key: str, value: str) -> None:
        """Add an Airflow Variable."""
        self._call("POST", "/api/v2/variables", json={"key": key, "value": value})

    def delete_variable(self, key: str) -> None:
        """Remove an Airflow Variable."""
        self._request("DELETE", f"/api/v2/variables/{key}")

    # Runs

    def trigger(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, *, logical_date: datetime | None = None
    ) -> str:
        """Start a run and return its run_id; unpauses the DAG."""
        self.set_paused(dag_id, paused=False)
        body = {"logical_date": logical_date.isoformat() if logical_date else None, "conf": dict(conf or {})}
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """One run as it now is."""
        return dag_run(self._call("GET", run_path(dag_id, run_id)))

    def runs(self, dag_id: str) -> list[DagRun]:
        """All runs of a DAG, the oldest first."""
        return [dag_run(item) for item in self._list(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs")]

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        deadline: float = DEADLINE_SECONDS,
        progress: Callable[[Sequence[TaskInstance]], None] | None = None,
    ) -> str:
        """The state in which a run ended; ``progress`` gets the tasks at every look."""

        def ended() -> str | None:
            state = self.run(dag_id, run_id).state
            if progress is not None:
                progress(self.task_instances(dag_id, run_id))
            return state if state in RUN_ENDED else None

        try:
            return wait_for(ended, f"the end of {dag_id} {run_id}", deadline, RUN_POLL_SECONDS)
        except LocalAirflowError as error:
            raise LocalAirflowError(f"{error}; its tasks: {self.task_states(dag_id, run_id)}") from None

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """The tasks of a run, in order of their names."""
        found = self._list(f"{run_path(dag_id, run_id)}/taskInstances", "task_instances")
        return sorted(map(task_instance, found), key=lambda task: task.task_id)

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """The state of every task of a run."""
        return {task.task_id: task.state for task in self.task_instances(dag_id, run_id)}

    def xcoms(self, dag_id: str, run_id: str) -> list[XCom]:
        """Every value that the tasks of a run left, in order of task and key."""
        tasks = f"{run_path(dag_id, run_id)}/taskInstances"
        entries = self._list(f"{tasks}/~/xcomEntries", "xcom_entries")
        names = sorted({(str(entry["task_id"]), str(entry["key"])) for entry in entries})
        return [
            XCom(
                task,
                key,
                self._call("GET", f"{tasks}/{task}/xcomEntries/{key}", params={"deserialize": False})["value"],
            )
            for task, key in names
        ]

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """The log of one attempt, a line for each message."""
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{try_number}"
        content = self._call("GET", path, params={"full_content": True}, headers={"Accept": "application/json"})[
            "content"
        ]
        return "\n".join(map(log_line, content))

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str], *, downstream: bool = True) -> None:
        """Let tasks run again, and all that depends on them; a run that had ended is queued when this returns."""
        body = {
            "dag_run_id": run_id,
            "dry_run": False,
            "include_downstream": downstream,
            "only_failed": False,
            "task_ids": list(task_ids),
        }
        self._call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def backfill(
        self, dag_id: str, start: datetime, end: datetime, conf: Mapping[str, Any] | None = None, *, again: bool = False
    ) -> None:
        """Let Airflow make the runs of a window; ``again``: those that are there and have ended, too.

        It waits for its turn, as a DAG has one backfill at a time. Not on SQLite, whose one writer may be another.
        """
        body = {
            "dag_id": dag_id,
            "from_date": start.isoformat(),
            "to_date": end.isoformat(),
            "dag_run_conf": dict(conf or {}),
            "reprocess_behavior": "completed" if again else "none",
        }

        def taken() -> bool:
            response = self._client.post("/api/v2/backfills", json=body)
            if response.is_error and response.status_code != CONFLICT:
                raise LocalAirflowError(f"the backfill was answered {response.status_code}: {response.text}")
            return not response.is_error

        wait_for(taken, f"the backfill of {dag_id}", 120, RUN_POLL_SECONDS)

    # REST API

    @property
    def _client(self) -> httpx.Client:
        if self._api is None:
            raise LocalAirflowError("this Airflow is not running")
        return self._api

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        return self._request(method, path, **arguments).json()

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        response = self._client.request(method, path, **arguments)
        if response.is_error:
            raise LocalAirflowError(f"{method} {path} answered {response.status_code}: {response.text}")
        return response

    def _list(self, path: str, key: str, **parameters: Any) -> list[Any]:
        """All pages of a list."""
        items: list[Any] = []
        while True:
            page = self._call("GET", path, params={**parameters, "limit": 100, "offset": len(items)})
            items += page[key]
            if not page[key] or len(items) >= page["total_entries"]:
                return items


def run_path(dag_id: str, run_id: str) -> str:
    """The API's path of a run."""
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def wait_for(
    look: Callable[[], T | None], what: str, deadline: float = DEADLINE_SECONDS, every: float = POLL_SECONDS
) -> T:
    """Look until there is something to see (a true value) and return it."""
    end = time.monotonic() + deadline
    while not (seen := look()):
        if time.monotonic() > end:
            raise LocalAirflowError(f"waited {deadline:.0f} s for {what}")
        time.sleep(every)
    return seen
