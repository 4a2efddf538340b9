"""Aperture Data Studio's REST API, versions 1 and 2: what is asked, what answers mean. No Airflow, no network.

How one logs in, the bases and the body of v2's ``execute`` are published. The paths below the bases, the names in
answers and most states are published only inside an installation: ``aperture_names`` holds what is assumed of them, and
a connection can override each.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from difflib import get_close_matches
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from airflow_workflow_provider.remote.aperture_names import Names
from airflow_workflow_provider.remote.calls import (
    Answer,
    Flow,
    RemoteError,
    Request,
    create,
)
from airflow_workflow_provider.remote.paging import all_items
from airflow_workflow_provider.remote.waiting import wait_until

log = logging.getLogger(__name__)

SYSTEM: Final = "Aperture"
PORT: Final = 7701
TOKEN_SECONDS: Final = 3300
"""A v1 token lasts an hour; it is renewed a little earlier."""
LARGEST_RESULT: Final = 16_384
"""Characters of JSON of a result that is kept."""
VERSIONS: Final = ("PreferDraft", "PublishedOnly")


class LoginError(RemoteError):
    """The user, password, environment or API key was refused."""

    hopeless = True  # tried again and again, it could lock the user out


class ReadinessError(RemoteError):
    """The workflow does not exist or cannot be executed; nothing was started."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A workflow to be executed. v1 knows a workflow by its name and has no Spaces."""

    workflow: str
    space: str | None = None
    version: str = "PublishedOnly"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    refresh_sources: bool = False
    dependencies: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the API tells it; ``state`` in lower case, ``result`` and ``error`` as they came."""

    id: str
    state: str
    label: str | None = None
    created: datetime | None = None
    seconds: float | None = None
    result: Any = None
    error: str = ""
    url: str | None = None


class Api:
    """The requests of one dialect. Holds v1's token, which lasts for many flows."""

    def __init__(
        self,
        dialect: str,
        names: Names,
        *,
        user: str = "",
        password: str = "",
        environment: str = "",
    ) -> None:
        self.dialect = dialect
        self.names = names
        self._credentials = {"username": user, "password": password}
        self._authorization = f"{environment} {password}" if dialect == "v2" else ""
        self._expires = float("inf") if dialect == "v2" else 0.0

    # Requests

    def login(self) -> Flow[None]:
        """Make sure that there is a token (v1); v2 has no login."""
        if time.time() < self._expires:
            return
        method, path = self._path("login")
        try:
            answer = yield Request(method, path, body=self._credentials)
        except RemoteError as error:
            if error.status in (400, 401, 403):
                raise LoginError(f"login failed: {error}", status=error.status) from None
            raise
        token = _first(answer.data, self.names.token) if isinstance(answer.data, dict) else None
        if not isinstance(token, str):
            raise LoginError(f"{SYSTEM}: the answer to the login holds no token under {_either(self.names.token)}")
        self._authorization = f"Bearer {token}"
        self._expires = time.time() + TOKEN_SECONDS

    def call(
        self,
        name: str,
        number: str = "",
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        repeatable: bool = True,
    ) -> Flow[Answer]:
        """Send one of the named requests, logged in; ``number`` is the id in its path."""
        for again in (True, False):
            yield from self.login()
            method, path = self._path(name)
            request = Request(
                method,
                path.replace("{id}", quote(number, safe="")),
                query=query or {},
                body=body,
                headers={"Authorization": self._authorization},
                repeatable=repeatable,
            )
            try:
                answer: Answer = yield request
                return answer
            except RemoteError as error:
                if error.status != 401:
                    raise
                if self.dialect == "v2" or not again:
                    raise LoginError(f"login failed: {error}", status=401) from None
                self._expires = 0.0  # the token has ended early; a refused request was not carried out
        raise AssertionError("unreachable")

    def _path(self, name: str) -> tuple[str, str]:
        method, _, path = str(getattr(self.names, name)).rpartition(" ")
        return method or "GET", path

    def _list(self, name: str, **query: str | int) -> Flow[list[Mapping[str, Any]]]:
        """All items of a list, whether it comes whole, in pages, or as a bare array."""

        def ask(page: Mapping[str, int]) -> Flow[Answer]:
            return self.call(name, query={**query, **page})

        def items_in(data: Any) -> Any:
            return _first(data, self.names.items) if isinstance(data, dict) else data

        misread = f"{SYSTEM} answered '{getattr(self.names, name)}' with something that is not a list"
        return all_items(ask, partial(json.dumps, sort_keys=True), misread, items_in)

    # Workflows

    def ready(self, wanted: Execution) -> Flow[str]:
        """The id (v1) or external label (v2) of the workflow, which exists and can be executed."""
        query = {"spaceExternalLabel": wanted.space} if self.dialect == "v2" and wanted.space else {}
        try:
            workflows = yield from self._list("workflows", **query)
        except RemoteError as error:
            if error.status in (403, 404) and not error.foreign:
                raise ReadinessError(
                    f"workflow '{wanted.workflow}' is not ready: {error}", status=error.status
                ) from None
            raise
        labels = [str(_first(item, self.names.workflow_label)) for item in workflows]
        if wanted.workflow not in labels:
            near = get_close_matches(wanted.workflow, labels, 1)
            where = f"Space '{wanted.space}'" if query else "the environment"
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ReadinessError(
                f"workflow '{wanted.workflow}' is not ready: there is none of that name in {where}{hint}"
            )
        found = workflows[labels.index(wanted.workflow)]
        if _first(found, self.names.executable) is False:
            raise ReadinessError(
                f"workflow '{wanted.workflow}' is not ready: it exists but cannot be executed as it is"
            )
        return wanted.workflow if self.dialect == "v2" else str(_first(found, self.names.workflow_id))

    # Jobs

    def job(self, job_id: str) -> Flow[Job]:
        """One job as it now is."""
        return self.read_job((yield from self.call("job", job_id)))

    def jobs_of(self, workflow: str) -> Flow[list[Job]]:
        """The jobs of a workflow that the API still knows."""
        listed = yield from self._list("jobs")
        jobs = [self._read(item) for item in listed]
        return [found for found in jobs if found.label in (None, workflow)]

    def appeared(self, workflow: str, known: frozenset[str]) -> Flow[Job | None]:
        """The job of a workflow that has appeared beside the ``known`` ones; an error if there are several."""
        return one_of(workflow, [j for j in (yield from self.jobs_of(workflow)) if j.id not in known])

    def start(self, wanted: Execution, target: str, known: Iterable[str], wait: float = 1.0) -> Flow[Job]:
        """Start a job. If the answer is lost, the one that has appeared beside the ``known`` ones is it."""
        before = frozenset(known)

        def ask() -> Flow[Answer]:
            return self.call("execute", target, body=self._body(wanted), repeatable=False)

        return (yield from create("job", ask, self.read_job, lambda: self.appeared(wanted.workflow, before), wait))

    def stop(self, job_id: str) -> Flow[None]:
        """Ask for a job to be stopped; one that has ended or is gone is left alone."""
        try:
            yield from self.call("cancel", job_id)
        except RemoteError as error:
            if error.status not in (404, 409):
                raise

    def wait_until_ended(
        self,
        job_id: str,
        interval: float,
        deadline: float | None = None,
        report: Callable[[Job], None] | None = None,
    ) -> Flow[Job]:
        """The job once it has ended. An unknown state is not an end; it is logged once."""
        reported = ""
        known = {*self.ended_states, *self.names.active}

        def has_ended(now: Job) -> bool:
            nonlocal reported
            if now.state not in known:
                known.add(now.state)
                log.warning("%s tells a state that is not known here: '%s'; waiting on", SYSTEM, now.state)
            if report is not None and now.state != reported:
                report(now)
            reported = now.state
            return now.state in self.ended_states

        def too_late(seen: Job | None) -> str:
            state = (seen.state if seen else "") or "not known"
            return f"{SYSTEM}: the timeout is over, but job {job_id} has not ended (state {state})"

        return wait_until(has_ended, lambda: self.job(job_id), f"job {job_id}", too_late, interval, deadline)

    # Reading

    @property
    def ended_states(self) -> frozenset[str]:
        """States after which no other comes."""
        names = self.names
        return frozenset(state.lower() for state in (*names.succeeded, *names.failed, *names.stopped))

    def has_succeeded(self, job: Job) -> bool:
        """Whether the job did what it should."""
        return job.state in {state.lower() for state in self.names.succeeded}

    def read_job(self, answer: Answer) -> Job:
        """The job in an answer."""
        return self._read(answer.data)

    def _read(self, data: Any) -> Job:
        names = self.names
        number = _first(data, names.id) if isinstance(data, dict) else None
        if number is None:
            text = f"{SYSTEM} answered with something that has no job id under {_either(names.id)}"
            raise RemoteError(text, passing=True, maybe_done=True)
        started, finished = _time(_first(data, names.started)), _time(_first(data, names.finished))
        label = _first(data, names.label)
        error = _first(data, names.error)
        return Job(
            id=str(number),
            state=str(_first(data, names.state) or "").lower(),
            label=None if label is None else str(label),
            created=_time(_first(data, names.created)),
            seconds=_between(started, finished),
            result=_first(data, names.result),
            error=" ".join((error if isinstance(error, str) else json.dumps(error)).split()) if error else "",
            url=_first(data, names.url),
        )

    def _body(self, wanted: Execution) -> dict[str, Any]:
        if self.dialect == "v1":
            body: dict[str, Any] = {"workflowParameters": dict(wanted.parameters)} if wanted.parameters else {}
            return {**body, "refreshSources": True} if wanted.refresh_sources else body
        body = {
            "externalLabel": wanted.workflow,
            "spaceExternalLabel": wanted.space,
            "versionToExecute": wanted.version,
            "refreshSources": wanted.refresh_sources,
            "workflowParameters": dict(wanted.parameters),
        }
        return body if wanted.dependencies is None else {**body, "dependenciesToUse": wanted.dependencies}


def summary(ended: Job) -> dict[str, Any]:
    """The small part of a job that later tasks may need; a large result is left out."""
    result = ended.result if len(json.dumps(ended.result)) <= LARGEST_RESULT else None
    return {"job_id": ended.id, "state": ended.state, "duration_seconds": ended.seconds, "result": result}


def one_of(workflow: str, jobs: list[Job]) -> Job | None:
    """The only one; of several nobody can tell which one is meant."""
    if len(jobs) > 1:
        ids = ", ".join(found.id for found in jobs)
        raise RemoteError(
            f"{SYSTEM}: jobs {ids} of workflow '{workflow}' could each be the one that was started here; "
            "stop those that are not wanted and start it anew"
        )
    return jobs[0] if jobs else None


def _first(data: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((data[name] for name in names if data.get(name) is not None), None)


def _either(names: Iterable[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)


def _between(started: datetime | None, finished: datetime | None) -> float | None:
    """Seconds, unless the times contradict each other."""
    return None if started is None or finished is None or finished < started else (finished - started).total_seconds()


def _time(value: Any) -> datetime | None:
    """ISO text, or milliseconds since 1970."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        if not isinstance(value, str):
            return datetime.fromtimestamp(value / 1000, timezone.utc)
        # Python 3.10 reads no Z.
        read = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)
