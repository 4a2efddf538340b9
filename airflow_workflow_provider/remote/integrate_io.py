"""Integrate.io's REST API v2, packages and jobs: what is asked, what answers mean. No Airflow, no network."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from operator import itemgetter
from typing import Any, Final

from airflow_workflow_provider.remote.calls import (
    Answer,
    Flow,
    RemoteError,
    Request,
    create,
    send,
)
from airflow_workflow_provider.remote.paging import all_items
from airflow_workflow_provider.remote.waiting import wait_until

log = logging.getLogger(__name__)

SYSTEM: Final = "Integrate.io"
API: Final = "https://api.xplenty.com"
ACCEPT: Final = "application/vnd.xplenty+json; version=2"

COMPLETED: Final = "completed"
ENDED: Final = frozenset({COMPLETED, "failed", "stopped"})
STOPPING: Final = frozenset({"pending_stoppage", "stopping"})
JOB_STATUSES: Final = frozenset({"idle", "pending", "queued", "running"}) | ENDED | STOPPING


def base_url(account_id: str, api: str = API) -> str:
    """Where an account's API is."""
    return f"{api.rstrip('/')}/{account_id}/api/"


def headers(api_key: str) -> dict[str, str]:
    """What every request carries."""
    return {"Accept": ACCEPT, "Authorization": f"Basic {basic(api_key)}"}


def basic(api_key: str) -> str:
    """The API key as HTTP Basic credentials: user, and a blank password."""
    return base64.b64encode(f"{api_key}:".encode()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the API tells it. Only ``status`` decides; the times are unreliable."""

    id: int
    status: str
    package_id: int | None = None
    cluster_id: int | None = None
    progress: float = 0.0
    outputs: tuple[Mapping[str, Any], ...] = ()
    errors: str = ""
    runtime_in_seconds: float | None = None
    html_url: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """No further status will come."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be started; ``variables`` are values, ``dynamic_variables`` expressions."""

    package_id: int
    cluster_id: int
    variables: Mapping[str, str] = field(default_factory=dict)
    dynamic_variables: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As the API wants it."""
        given: dict[str, Any] = {"cluster_id": self.cluster_id, "package_id": self.package_id}
        if self.variables:
            given["variables"] = dict(self.variables)
        if self.dynamic_variables:
            given["dynamic_variables"] = dict(self.dynamic_variables)
        return given


@dataclass(frozen=True, slots=True)
class Mark:
    """A job variable that says whose job it is: the API has no idempotency key.

    Jobs of one task in one run share ``owner``; ``generation`` changes when a user clears the task.
    """

    variable: str
    owner: str
    generation: int

    @property
    def value(self) -> str:
        """The variable's value."""
        return f"{self.owner}#{self.generation}"

    def is_on(self, job: Job) -> bool:
        """Whether this very task started the job."""
        return job.variables.get(self.variable) == self.value

    def shares_owner(self, job: Job) -> bool:
        """Whether this task started the job, before or after it was cleared."""
        return str(job.variables.get(self.variable, "")).rpartition("#")[0] == self.owner


def read_job(answer: Answer) -> Job:
    """The job in an answer."""
    return _job(answer.data)


def _job(data: Any) -> Job:
    if not isinstance(data, dict) or not isinstance(data.get("id"), int) or not isinstance(data.get("status"), str):
        # The words of a proxy or of another API: asking again may give the real answer.
        raise RemoteError(f"{SYSTEM} answered with something that is not a job", passing=True, maybe_done=True)
    outputs = data.get("outputs")
    return Job(
        id=data["id"],
        status=data["status"],
        package_id=data.get("package_id"),
        cluster_id=data.get("cluster_id"),
        progress=float(progress) if isinstance(progress := data.get("progress"), int | float) else 0.0,
        outputs=tuple(item for item in outputs if isinstance(item, dict)) if isinstance(outputs, list) else (),
        errors=_text(data.get("errors")),
        runtime_in_seconds=data.get("runtime_in_seconds"),
        html_url=data.get("html_url"),
        variables=variables if isinstance(variables := data.get("variables"), dict) else {},
    )


def _text(errors: Any) -> str:
    if isinstance(errors, list):
        return "; ".join(map(_text, errors))
    return "" if errors is None else " ".join(str(errors).split())


def list_all(path: str, **query: str | int) -> Flow[list[Mapping[str, Any]]]:
    """Every item of a list, page by page; each of them has an ``id``."""

    def ask(page: Mapping[str, int]) -> Flow[Answer]:
        return send(Request("GET", path, query={**query, **page}))

    def items_in(data: Any) -> Any:
        is_list = isinstance(data, list) and all(isinstance(item, dict) and "id" in item for item in data)
        return data if is_list else None

    misread = f"{SYSTEM} answered GET {path} with something that is not a list"
    return all_items(ask, itemgetter("id"), misread, items_in)


# Packages


def find_package(name: str) -> Flow[int]:
    """The id of the package that bears this name."""
    packages = yield from list_all("packages", flow_type="all")
    ids = [package["id"] for package in packages if package.get("name") == name]
    if len(ids) == 1:
        return int(ids[0])
    if ids:
        raise RemoteError(f"{SYSTEM} has {len(ids)} packages named '{name}' ({', '.join(map(str, ids))}); give the id")
    names = [str(package.get("name")) for package in packages]
    near = get_close_matches(name, names, 1)
    hint = f"; did you mean '{near[0]}'?" if near else f" among the {len(names)} of the account"
    raise RemoteError(f"{SYSTEM} has no package named '{name}'{hint}")


# Jobs


def job(job_id: int) -> Flow[Job]:
    """One job as it now is."""
    return read_job((yield Request("GET", f"jobs/{job_id}")))


def stop_job(job_id: int) -> Flow[None]:
    """Ask for a job to be stopped; one that has ended or is gone is left alone."""
    try:
        yield Request("DELETE", f"jobs/{job_id}")
    except RemoteError as error:
        if error.status not in (404, 422):
            raise


def marked_jobs(package_id: int, since: str, mark: Mark) -> Flow[list[Job]]:
    """The jobs of the mark's owner, the newest first."""
    jobs = []
    for item in (yield from list_all("jobs", package_id=package_id, since=since)):
        listed = _job(item)
        # Should a list leave the variables out, the job itself has them.
        jobs.append(listed if "variables" in item else (yield from job(listed.id)))
    return sorted(filter(mark.shares_owner, jobs), key=lambda found: found.id, reverse=True)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a task has started before: the job that still counts, if there is one, and all its jobs."""

    job: Job | None
    known: frozenset[int]


def find_submitted(package_id: int, since: str, mark: Mark, *, stop_others: bool, interval: float) -> Flow[Submitted]:
    """Find the job that this very task has already started and that still counts: running, or completed.

    Jobs of the same task from before it was cleared are stopped first if ``stop_others``; one that is being stopped
    is waited for. If no job is left that counts, one may be started.
    """
    own = yield from marked_jobs(package_id, since, mark)
    known = frozenset(found.id for found in own)
    if stop_others:
        for old in own:
            if not mark.is_on(old) and not old.ended:
                log.info("Stopping job %s, which this task started before it was cleared", old.id)
                yield from stop_job(old.id)
                yield from wait_until_ended(old.id, interval)
    newest = next(filter(mark.is_on, own), None)
    if newest is None:
        return Submitted(None, known)
    now = yield from job(newest.id)
    if now.status in STOPPING:
        now = yield from wait_until_ended(now.id, interval)
    return Submitted(now if now.status == COMPLETED or not now.ended else None, known)


def submit_job(new: NewJob, since: str, mark: Mark, known: frozenset[int], wait: float = 1.0) -> Flow[Job]:
    """Start a job that carries the mark. If the answer is lost, the job is looked for before it is asked for again."""
    marked = NewJob(new.package_id, new.cluster_id, {**new.variables, mark.variable: mark.value}, new.dynamic_variables)

    def appeared() -> Flow[Job | None]:
        jobs = yield from marked_jobs(new.package_id, since, mark)
        return next((found for found in jobs if mark.is_on(found) and found.id not in known), None)

    request = Request("POST", "jobs", body=marked.body(), repeatable=False)
    return (yield from create("job", lambda: send(request), read_job, appeared, wait))


def wait_until_ended(
    job_id: int,
    interval: float,
    deadline: float | None = None,
    report: Callable[[Job], None] | None = None,
) -> Flow[Job]:
    """The job once it has ended. ``report`` gets it whenever its status or progress has changed.

    An unknown status is not an end; it is logged once.
    """
    reported: tuple[str, float] | None = None
    unknown: set[str] = set()

    def has_ended(now: Job) -> bool:
        nonlocal reported
        if now.status not in JOB_STATUSES | unknown:
            unknown.add(now.status)
            log.warning("%s tells a status that is not known here: '%s'; waiting on", SYSTEM, now.status)
        if report is not None and reported != (now.status, now.progress):
            report(now)
        reported = (now.status, now.progress)
        return now.ended

    def too_late(seen: Job | None) -> str:
        status = seen.status if seen else "not known"
        return f"{SYSTEM}: the timeout is over, but job {job_id} has not ended (status {status})"

    return wait_until(has_ended, lambda: job(job_id), f"job {job_id}", too_late, interval, deadline)


def progress(now: Job) -> str:
    """A line about a job that is on its way."""
    return f"Job {now.id} is {now.status}" + (f", {now.progress:.0%} done" if 0 < now.progress < 1 else "")


def failure(ended: Job) -> str:
    """What to tell about a job that did not complete."""
    word = "was stopped" if ended.status == "stopped" else "failed"
    return f"{SYSTEM}: job {ended.id} {word}" + (f": {ended.errors}" if ended.errors else "")


def summary(ended: Job) -> dict[str, Any]:
    """The small part of a job that later tasks may need."""
    return {
        "job_id": ended.id,
        "status": ended.status,
        "package_id": ended.package_id,
        "cluster_id": ended.cluster_id,
        "runtime_in_seconds": ended.runtime_in_seconds,
        "outputs": [{key: item.get(key) for key in ("id", "name", "records_count")} for item in ended.outputs],
    }
