"""Aperture Data Studio as a target. A run of it is a job, which gets its id only when it is started."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.remote.aperture import Api, Execution, Job, ReadinessError
from airflow_workflow_provider.remote.calls import Flow, RemoteError, look_for
from airflow_workflow_provider.workflow_run.exits import LoginError, RefusedError
from airflow_workflow_provider.workflow_run.reach import Reach
from airflow_workflow_provider.workflow_run.target import Readiness, Results, Run, RunState, Snapshot, new_run_id


@dataclass(slots=True)
class _Start:
    """A start: the jobs of the workflow from before, whether an answer was lost, and the job once it is known."""

    known: frozenset[str] | None = None
    lost: bool = False
    job_id: str | None = None

    def note_loss(self) -> None:
        """A job may be there of which nobody has told."""
        self.lost = True


class ApertureTarget:
    """The ``Target`` for Aperture Data Studio, v1 and v2."""

    def __init__(self, reach: Reach, api: Api, space: str | None = None) -> None:
        self._reach = reach
        self._api = api
        self._space = space
        self._ready: dict[str, str] = {}
        self._starts: dict[str, _Start] = {}
        self._seen: dict[str, Job] = {}

    def log_in(self) -> None:
        """v1: get a token. v2: ask for something with the API key; a closed Space is a matter of readiness."""
        try:
            if self._api.dialect == "v1":
                self._reach.run(self._api.login())
            else:
                query = {"spaceExternalLabel": self._space} if self._space else None
                self._reach.run(self._api.call("workflows", query=query))
        except RefusedError as error:
            if error.status != 403:
                raise LoginError(str(error)) from None

    def check(self, workflow: str, *, cancellable: bool) -> Readiness:
        """Whether it exists and can be executed. Aperture tells neither parameters nor who may stop a job."""
        try:
            self._ready[workflow] = self._reach.run(self._look_at(workflow))
        except RefusedError as error:
            return Readiness((str(error),))
        return Readiness()

    def _look_at(self, workflow: str) -> Flow[str]:
        try:
            return (yield from self._api.ready(Execution(workflow, self._space)))
        except ReadinessError as error:
            text = str(error).removeprefix(f"workflow '{workflow}' is not ready: ")
            raise RemoteError(text, status=error.status) from None

    def new_run(self, workflow: str) -> Run:
        """The id is for the time until Aperture gives it one."""
        return Run(workflow, new_run_id())

    def start(self, run: Run, variables: Mapping[str, Any], *, repeated: bool) -> Run:
        """A job can carry no mark: if the answer is lost, the one that appears beside those from before is it."""
        start = self._starts.setdefault(run.id, _Start())
        try:
            job = self._reach.run(self._submit(run.workflow, start, variables), start.note_loss)
        except RefusedError as error:
            raise RefusedError(str(error), error.status, maybe_done=start.lost) from None
        start.job_id = job.id
        return replace(run, id=job.id, url=job.url)

    def _submit(self, workflow: str, start: _Start, variables: Mapping[str, Any]) -> Flow[Job]:
        if start.known is None:
            start.known = frozenset(job.id for job in (yield from self._api.jobs_of(workflow)))
        known = start.known
        if start.lost:
            found = yield from look_for(lambda: self._api.appeared(workflow, known), self._reach.wait)
            if found is not None:
                return found
        wanted = Execution(workflow, self._space, parameters=variables)
        return (yield from self._api.start(wanted, self._ready[workflow], known, self._reach.wait))

    def state(self, run: Run) -> Snapshot:
        """The state of the job, and from start to end how long it took."""
        job = self._reach.run(self._api.job(run.id))
        self._seen[run.id] = job
        return Snapshot(self._state(job), one_line(job.state, limit=40) or "without a state", job.seconds)

    def _state(self, job: Job) -> RunState:
        if self._api.has_succeeded(job):
            return RunState.COMPLETED
        if job.state in self._api.ended_states:
            return RunState.FAILED
        active = {state.lower() for state in self._api.names.active}
        return RunState.RUNNING if job.state in active else RunState.UNKNOWN

    def cancel(self, run: Run) -> bool:
        """Ask for the job to be stopped."""
        start = self._starts.get(run.id)
        if start is None:  # Aperture's own id
            return self._stop(run.id)
        job_id = start.job_id
        if job_id is None and start.known is not None:
            job = self._reach.run(self._api.appeared(run.workflow, start.known))
            job_id = None if job is None else job.id
        return job_id is not None and self._stop(job_id)

    def _stop(self, job_id: str) -> bool:
        self._reach.run(self._api.stop(job_id))
        return True

    def reason(self, run: Run) -> str:
        """What the job tells as its error."""
        job = self._seen[run.id]
        if job.error:
            return one_line(job.error, limit=500)
        return "it was stopped" if job.state in {word.lower() for word in self._api.names.stopped} else ""

    def results(self, run: Run, given: Mapping[str, Any], names: Collection[str]) -> Results:
        """``result`` as the job has it, and ``duration`` in seconds."""
        job = self._seen[run.id]
        return Results({"result": job.result, "duration": job.seconds}, {})

    def close(self) -> None:
        """No connection is kept."""
