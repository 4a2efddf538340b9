"""Integrate.io as a target. Its workflows are packages; a run is a job, which gets its id only when it is started."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.remote import integrate_io as api
from airflow_workflow_provider.remote import integrate_io_clusters as cluster_api
from airflow_workflow_provider.remote.calls import Flow, RemoteError, Request, look_for, send
from airflow_workflow_provider.workflow_run.exits import LoginError, RefusedError
from airflow_workflow_provider.workflow_run.reach import Reach
from airflow_workflow_provider.workflow_run.target import Readiness, Results, Run, RunState, Snapshot, new_run_id

MARKER: Final = "workflow_run"
"""The variable by which a job is recognised as one that this program started."""
# Jobs are looked for from so long before their start: clocks differ.
_MARGIN: Final = timedelta(days=1)


@dataclass(slots=True)
class _Start:
    """A start: how its job is recognised, whether an answer was lost, and the job's id once it is known."""

    package_id: int
    since: str
    mark: api.Mark
    lost: bool = False
    job_id: int | None = None

    def note_loss(self) -> None:
        """A job may be there of which nobody has told."""
        self.lost = True

    def jobs(self) -> Flow[list[api.Job]]:
        """The jobs that carry the mark."""
        return api.marked_jobs(self.package_id, self.since, self.mark)

    def appeared(self) -> Flow[api.Job | None]:
        """The job, if there is one by now."""
        return next(iter((yield from self.jobs())), None)


class IntegrateIoTarget:
    """The ``Target`` for Integrate.io. ``cluster`` is a cluster's id, or what one must be like to be used."""

    def __init__(self, reach: Reach, cluster: int | cluster_api.NewCluster) -> None:
        self._reach = reach
        self._cluster = cluster
        self._packages: dict[str, int] = {}
        self._starts: dict[str, _Start] = {}
        self._seen: dict[str, api.Job] = {}

    def log_in(self) -> None:
        """There is no login: ask for something small with the API key."""
        try:
            self._reach.run(send(Request("GET", "packages", query={"limit": 1})))
        except RefusedError as error:
            raise LoginError(str(error)) from None

    def check(self, workflow: str, *, cancellable: bool) -> Readiness:
        """Whether the package exists, and the cluster of that id takes jobs."""
        problems = []
        try:
            self._packages[workflow] = self._reach.run(_package_id(workflow))
        except RefusedError as error:
            problems.append(str(error))
        if isinstance(self._cluster, int):
            try:
                status = self._reach.run(cluster_api.cluster(self._cluster)).status
            except RefusedError as error:
                problems.append(str(error))
            else:
                if status in cluster_api.GONE:
                    problems.append(f"cluster {self._cluster} is {status} and takes no jobs")
        return Readiness(tuple(problems))

    def new_run(self, workflow: str) -> Run:
        """The id is for the time until Integrate.io gives it one; the job carries it as its mark."""
        return Run(workflow, new_run_id())

    def start(self, run: Run, variables: Mapping[str, Any], *, repeated: bool) -> Run:
        """If the answer is lost, the job is looked for by its mark before it is asked for again."""
        start = self._starts.get(run.id)
        if start is None:
            since = f"{datetime.now(timezone.utc) - _MARGIN:%Y-%m-%dT%H:%M:%SZ}"
            start = _Start(self._packages[run.workflow], since, api.Mark(MARKER, run.id, 0))
            self._starts[run.id] = start
        try:
            job = self._reach.run(self._submit(start, variables), start.note_loss)
        except RefusedError as error:
            raise RefusedError(str(error), error.status, maybe_done=start.lost) from None
        start.job_id = job.id
        return replace(run, id=str(job.id), url=job.html_url)

    def _submit(self, start: _Start, variables: Mapping[str, Any]) -> Flow[api.Job]:
        """Start the job; if the cluster that was found has ended meanwhile, once more on another."""
        if start.lost:
            found = yield from look_for(start.appeared, self._reach.wait)
            if found is not None:
                return found
        for last in (False, True):
            cluster_id = yield from self._cluster_id()
            new = api.NewJob(start.package_id, cluster_id, variables)
            try:
                return (yield from api.submit_job(new, start.since, start.mark, frozenset(), self._reach.wait))
            except RemoteError as error:
                if last or error.passing or error.status is None or isinstance(self._cluster, int):
                    raise
                if (yield from cluster_api.cluster(cluster_id)).status not in cluster_api.GONE:
                    raise
        raise AssertionError("unreachable")

    def _cluster_id(self) -> Flow[int]:
        if isinstance(self._cluster, int):
            return self._cluster
        return (yield from cluster_api.find_or_create_cluster(self._cluster, self._reach.wait)).id

    def state(self, run: Run) -> Snapshot:
        """Only the status decides."""
        job = self._reach.run(api.job(int(run.id)))
        self._seen[run.id] = job
        return Snapshot(_state(job), one_line(job.status, limit=40), _seconds(job))

    def cancel(self, run: Run) -> bool:
        """Ask for the job to be stopped."""
        start = self._starts.get(run.id)
        if start is None:  # Integrate.io's own id
            ids = [int(run.id)]
        elif start.job_id is not None:
            ids = [start.job_id]
        else:
            ids = [job.id for job in self._reach.run(start.jobs())]
        for job_id in ids:
            self._reach.run(api.stop_job(job_id))
        return bool(ids)

    def reason(self, run: Run) -> str:
        """The job's errors."""
        job = self._seen[run.id]
        return one_line(job.errors, limit=500) or ("it was stopped" if job.status == "stopped" else "")

    def results(self, run: Run, given: Mapping[str, Any], names: Collection[str]) -> Results:
        """``outputs`` by their names, and ``duration`` in seconds."""
        job = self._seen[run.id]
        outputs = {str(item.get("name")): item for item in job.outputs}
        return Results({"outputs": outputs, "duration": _seconds(job)}, {})

    def close(self) -> None:
        """No connection is kept."""


def _package_id(package: str) -> Flow[int]:
    """The id of a package that is given by its id or its name."""
    if not package.isdecimal():
        return (yield from api.find_package(package))
    yield Request("GET", f"packages/{package}")
    return int(package)


def _seconds(job: api.Job) -> float | None:
    told: Any = job.runtime_in_seconds
    return float(told) if isinstance(told, int | float) and told >= 0 else None


def _state(job: api.Job) -> RunState:
    if job.ended:
        return RunState.COMPLETED if job.status == api.COMPLETED else RunState.FAILED
    return RunState.RUNNING if job.status in api.JOB_STATUSES else RunState.UNKNOWN
