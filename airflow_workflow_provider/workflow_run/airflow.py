"""Airflow as a target: its stable REST API, ``/api/v2``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Final
from urllib.parse import quote

from airflow_workflow_provider.definitions.diagnostics import one_line, quoted_list, suggestion
from airflow_workflow_provider.workflow_run import airflow_results
from airflow_workflow_provider.workflow_run.airflow_login import authentication
from airflow_workflow_provider.workflow_run.credentials import Credentials
from airflow_workflow_provider.workflow_run.exits import LoginError, NonsenseError, RefusedError, UnreachableError
from airflow_workflow_provider.workflow_run.server import Server
from airflow_workflow_provider.workflow_run.target import (
    Readiness,
    Results,
    Run,
    RunState,
    Snapshot,
    Variable,
    new_run_id,
)

_STATES: Final = {
    "queued": RunState.WAITING,
    "running": RunState.RUNNING,
    "success": RunState.COMPLETED,
    "failed": RunState.FAILED,
}
# Airflow's permission check comes before it reads the body, and a text is never the body of a run.
_PROBE: Final = "workflow-run: may this user do it?"
_DAG_ID: Final = re.compile(r"[\w.\-]+")
_NO_NAME: Final = "it does not exist; a name in Airflow holds letters, digits, '_', '-' and '.'"
_BROKEN_TAG: Final = "broken definition"
_MOST_NAMES: Final = 1000
_LOGICAL_DATES: Final = 5
"""How many are tried; another run started in the same microsecond is rare enough."""


class AirflowTarget:
    """The ``Target`` for Airflow 3. A run of it is a DAG run."""

    def __init__(self, server: Server, credentials: Credentials) -> None:
        self._server = server
        self._credentials = credentials
        self._auth = authentication(server, credentials)
        self._variables: dict[str, Mapping[str, Variable]] = {}
        self._logical_dates: dict[str, str] = {}

    def log_in(self) -> None:
        """Ask for something small with the credentials; what this user may not see is no matter here."""
        try:
            self._call("GET", "dags", params={"limit": 1})
        except RefusedError as error:
            if error.status != 403:
                raise LoginError(f"{self._server.url} is no Airflow with /api/v2 ({error})") from None

    def check(self, workflow: str, *, cancellable: bool) -> Readiness:
        """All that keeps Airflow from running it."""
        if not _DAG_ID.fullmatch(workflow):  # in an address it could be another one
            return Readiness((_NO_NAME,), seen=False)
        try:
            details = self._call("GET", f"{_dag(workflow)}/details")
        except RefusedError as error:
            return Readiness((self._missing(workflow, error),), seen=False)
        if not isinstance(details, dict):
            raise NonsenseError(f"{self._server.url}: the details of '{workflow}' are no mapping")
        variables = airflow_results.declared(details.get("params") or {})
        self._variables[workflow] = variables
        problems = [*_state_problems(details), *self._permission_problems(workflow, cancellable)]
        return Readiness(tuple(problems), variables)

    def new_run(self, workflow: str) -> Run:
        """Airflow takes the id as it is."""
        run_id = new_run_id()
        path = f"dags/{quote(workflow, safe='')}/runs/{quote(run_id, safe='')}"
        return Run(workflow, run_id, f"{self._server.url}/{path}")

    def start(self, run: Run, variables: Mapping[str, Any], *, repeated: bool) -> Run:
        """Airflow keeps run ids unique, so that a second request with the same id cannot start a second run.

        The logical date is now, as in Airflow's own form: without one no later run would know of this one's success.
        Airflow keeps logical dates of a DAG unique, too; one that another run has is given up for a later one.
        """
        if repeated and self._exists(run):
            return run
        for _ in range(_LOGICAL_DATES):
            conflict = self._post(run, variables)
            if conflict is None or self._exists(run):
                return run
            del self._logical_dates[run.id]
        assert conflict is not None, "another run has each of them"
        raise conflict

    def _post(self, run: Run, variables: Mapping[str, Any]) -> RefusedError | None:
        """Ask for the run; the answer of an Airflow that has a run of this id or logical date."""
        logical_date = self._logical_dates.setdefault(run.id, datetime.now(timezone.utc).isoformat())
        body = {"dag_run_id": run.id, "logical_date": logical_date, "conf": dict(variables)}
        try:
            self._call("POST", f"{_dag(run.workflow)}/dagRuns", json=body)
        except RefusedError as error:
            if error.status != 409:
                raise
            return error
        return None

    def state(self, run: Run) -> Snapshot:
        """The state of the DAG run and how long it has run."""
        found = self._call("GET", _dag_run(run))
        word = found.get("state") if isinstance(found, dict) else None
        if not isinstance(word, str):
            raise NonsenseError(f"{self._server.url}: the run '{run.id}' has no state")
        return Snapshot(_STATES.get(word, RunState.UNKNOWN), one_line(word, limit=40), airflow_results.seconds(found))

    def cancel(self, run: Run) -> bool:
        """Set it to failed, which ends its running tasks."""
        if not self._exists(run):
            return False
        if not self.state(run).state.ended:
            self._call("PATCH", _dag_run(run), json={"state": "failed"})
        return True

    def reason(self, run: Run) -> str:
        """What ``workflow.outcome`` says, else the tasks that failed."""
        reason = self._xcom_value(run, {"task_id": "workflow.outcome", "key": "reason", "map_index": -1})
        if isinstance(reason, str):
            return one_line(reason, limit=500)
        failed = [task["task_id"] for task in self._tasks(run) if task.get("state") == "failed"]
        return f"failed: {quoted_list(sorted(set(failed)))}" if failed else "no task failed"

    def results(self, run: Run, given: Mapping[str, Any], names: Collection[str]) -> Results:
        """Variables: what tasks set, else what the run was given, else the defaults."""
        declared = self._variables.get(run.workflow, {})
        values = {name: given.get(name, variable.default) for name, variable in declared.items()}
        entries = self._list(f"{_dag_run(run)}/taskInstances/~/xcomEntries", "xcom_entries") if names else ()
        for name, entry in airflow_results.latest(entries, names).items():
            values[name] = self._xcom_value(run, entry)
        typed = airflow_results.typed(values, declared)
        return Results(typed, airflow_results.outcomes(self._tasks(run)))

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        return self._server.call(method, f"api/v2/{path}", auth=self._auth, **arguments)

    def _list(self, path: str, key: str, most: int | None = None) -> Iterator[Any]:
        """The items of all pages."""
        seen = 0
        while True:
            page = self._call("GET", path, params={"limit": 100, "offset": seen})
            items = page.get(key) if isinstance(page, dict) else None
            if not isinstance(items, list):
                raise NonsenseError(f"{self._server.url}: '{path}' answered without '{key}'")
            yield from items
            seen += len(items)
            total = page.get("total_entries")
            if not items or (isinstance(total, int) and seen >= total) or (most is not None and seen >= most):
                return

    def _missing(self, workflow: str, error: RefusedError) -> str:
        """Why a workflow cannot be looked at."""
        if error.status == 403:
            return f"{self._who()} may not see it"
        if error.status != 404:
            return f"it cannot be looked at ({error})"
        try:
            known = [str(dag.get("dag_id")) for dag in self._list("dags", "dags", _MOST_NAMES)]
        except (RefusedError, UnreachableError):
            known = []
        return f"it does not exist{suggestion(workflow, known)}"

    def _permission_problems(self, workflow: str, cancellable: bool) -> Iterator[str]:
        if not self._may("POST", f"{_dag(workflow)}/dagRuns"):
            yield f"{self._who()} may not start it"
        elif cancellable and not self._may("PATCH", f"{_dag(workflow)}/dagRuns/{quote(_PROBE, safe='')}"):
            yield f"{self._who()} may not stop its runs, as --cancel-on-interrupt would"

    def _may(self, method: str, path: str) -> bool:
        """Whether a request would be permitted, without any effect: its body cannot be one."""
        try:
            self._call(method, path, json=_PROBE)
        except RefusedError as error:
            return error.status != 403
        raise NonsenseError(f"{self._server.url}: {method} {path} accepted a body that is none")

    def _who(self) -> str:
        name = self._credentials.username
        return f"'{name}'" if name else f"the owner of the token in {self._credentials.source}"

    def _exists(self, run: Run) -> bool:
        try:
            self.state(run)
        except RefusedError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _tasks(self, run: Run) -> list[Mapping[str, Any]]:
        found = self._list(f"{_dag_run(run)}/taskInstances", "task_instances")
        return [task for task in found if isinstance(task, dict) and isinstance(task.get("task_id"), str)]

    def _xcom_value(self, run: Run, entry: Mapping[str, Any]) -> Any:
        """The value of an entry; ``None`` if there is none."""
        task, key = quote(str(entry["task_id"]), safe=""), quote(str(entry["key"]), safe="")
        path = f"{_dag_run(run)}/taskInstances/{task}/xcomEntries/{key}"
        try:
            found = self._call("GET", path, params={"map_index": entry.get("map_index", -1), "deserialize": False})
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        return found.get("value") if isinstance(found, dict) else None


def _dag(workflow: str) -> str:
    return f"dags/{quote(workflow, safe='')}"


def _dag_run(run: Run) -> str:
    return f"{_dag(run.workflow)}/dagRuns/{quote(run.id, safe='')}"


def _state_problems(details: Mapping[str, Any]) -> Iterator[str]:
    tags = [tag.get("name") for tag in details.get("tags") or [] if isinstance(tag, dict)]
    if _BROKEN_TAG in tags:
        yield f"its definition is broken: {one_line(str(details.get('description') or 'see it in Airflow'))}"
    if details.get("is_stale"):
        yield "it is no longer in Airflow's DAG folder"
    if details.get("has_import_errors"):
        yield "its file has import errors; they are shown at the top of Airflow's list of DAGs"
    if details.get("is_paused"):
        yield "it is paused, its runs would not start; unpause it in Airflow"
    allowed = details.get("allowed_run_types")
    if isinstance(allowed, list) and "manual" not in allowed:
        yield "it does not allow manual runs"
