"""The flow: log in; check every workflow; then, phase by phase, start, wait, and check the conditions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, Final

from airflow_workflow_provider.workflow_run.clock import FIRST_CONTACT, Clock, Patience, poll_pause
from airflow_workflow_provider.workflow_run.conditions import Conditions
from airflow_workflow_provider.workflow_run.exits import (
    ExitCode,
    LoginError,
    LostContactError,
    NonsenseError,
    RefusedError,
    RunnerError,
    TimedOutError,
)
from airflow_workflow_provider.workflow_run.job import Job
from airflow_workflow_provider.workflow_run.report import Report
from airflow_workflow_provider.workflow_run.scoped import Scoped
from airflow_workflow_provider.workflow_run.target import Readiness, RunState, Target
from airflow_workflow_provider.workflow_run.variables import assign

# How long stopping the runs may take; a second Ctrl-C ends it at once.
_CANCEL_LIMIT: Final = timedelta(seconds=30)
# A request to start that was cut off may still be on its way into the server's database.
_LATE_START: Final = 5.0
_ENDINGS: Final[Mapping[type[RunnerError], ExitCode]] = {
    LoginError: ExitCode.LOGIN,
    TimedOutError: ExitCode.TIMEOUT,
    LostContactError: ExitCode.LOST_CONTACT,
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done, whatever system runs it."""

    phases: Sequence[Sequence[str]]
    variables: Sequence[Scoped[tuple[str, str]]] = ()
    conditions: Conditions = field(default_factory=Conditions)
    lost_contact_after: timedelta = timedelta(minutes=10)
    continue_on_failure: bool = False
    cancel_on_interrupt: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended; ``problems`` are those that readiness found, by workflow (``""``: none in particular)."""

    code: ExitCode
    message: str
    jobs: Sequence[Job]
    problems: Sequence[tuple[str, str]] = ()


class _NotReadyError(RunnerError):
    """Workflows that cannot be executed."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        count = len({workflow for workflow, _ in problems})
        super().__init__(f"{count} of the workflows cannot be executed" if count > 1 else "not ready to be executed")
        self.problems = problems


class Flow:
    """One invocation against one target."""

    def __init__(self, target: Target, request: Request, clock: Clock, report: Report) -> None:
        self._target = target
        self._request = request
        self._clock = clock
        self._report = report
        self._patience = Patience(clock, request.lost_contact_after, report.note)
        self._values: Mapping[str, Mapping[str, Any]] = {}
        self._noted: set[str] = set()
        self.jobs = [Job(name, phase) for phase, names in enumerate(request.phases, 1) for name in names]

    def run(self) -> Ending:
        """Everything; never raises a ``RunnerError``."""
        with self._report.showing(self.jobs):
            try:
                return self._run()
            except KeyboardInterrupt:
                return self._interrupted()

    def _run(self) -> Ending:
        try:
            self._log_in()
            self._check_all()
            self._run_phases()
        except _NotReadyError as error:
            return Ending(ExitCode.READINESS, str(error), self.jobs, error.problems)
        except tuple(_ENDINGS) as error:
            return Ending(_ENDINGS[type(error)], self._with_runs(str(error)), self.jobs)
        return self._ending()

    def _ending(self) -> Ending:
        """Of what the workflows ended with, the gravest: not executed, failed, a condition."""
        results = {job.result for job in self.jobs}
        for code in (ExitCode.READINESS, ExitCode.EXECUTION, ExitCode.CONDITION):
            if code in results:
                bad = [job.workflow for job in self.jobs if job.result is code]
                return Ending(code, f"{', '.join(bad)}: {code.word} failed", self.jobs)
        return Ending(ExitCode.OK, "all completed", self.jobs)

    # Before anything is started

    def _log_in(self) -> None:
        try:
            self._patience.ask(self._target.log_in, limit=FIRST_CONTACT, sensible=True)
        except (NonsenseError, LostContactError) as error:
            raise LoginError(f"cannot log in: {error}") from None
        self._report.note("logged in")

    def _check_all(self) -> None:
        names = list(dict.fromkeys(job.workflow for job in self.jobs))
        ready = {name: self._check(name, FIRST_CONTACT) for name in names}
        assigned = assign(self._request.variables, ready)
        order = {name: place for place, name in enumerate(["", *names])}
        found = [(name, problem) for name in names for problem in ready[name].problems] + assigned.problems
        if found:
            raise _NotReadyError(sorted(found, key=lambda each: order[each[0]]))
        self._values = assigned.values
        self._report.note(f"ready: {', '.join(names)}")

    def _check(self, workflow: str, limit: timedelta | None = None) -> Readiness:
        return self._patience.ask(
            lambda: self._target.check(workflow, cancellable=self._request.cancel_on_interrupt), limit=limit
        )

    # Phases

    def _run_phases(self) -> None:
        for number in range(1, len(self._request.phases) + 1):
            jobs = [job for job in self.jobs if job.phase == number]
            for job in jobs:
                self._start(job, again=number > 1)
            self._wait([job for job in jobs if job.result is None])
            if not self._request.continue_on_failure and any(job.result is not ExitCode.OK for job in jobs):
                return

    def _start(self, job: Job, *, again: bool) -> None:
        """Start it, unless it is no longer ready, which hours after the first check it may not be."""
        if again and (problems := self._check(job.workflow).problems):
            self._end(job, ExitCode.READINESS, "; ".join(problems))
            return
        run = self._target.new_run(job.workflow)
        job.begin(run)
        attempts = count()
        try:
            job.run = self._patience.ask(
                lambda: self._target.start(run, self._values[job.workflow], repeated=next(attempts) > 0)
            )
        except RefusedError as error:
            if next(attempts) == 1 and not error.maybe_done:  # else an earlier request may have started it
                job.run = None
            self._end(job, ExitCode.EXECUTION, f"it could not be started: {error}")
            return
        job.confirmed = True
        self._report.started(job)

    def _wait(self, jobs: list[Job]) -> None:
        since = time.monotonic()
        while True:
            for job in jobs:
                self._look(job)
            jobs = [job for job in jobs if job.result is None]
            if not jobs:
                return
            self._clock.sleep(poll_pause(time.monotonic() - since))

    def _look(self, job: Job) -> None:
        run = job.run
        assert run is not None
        try:
            seen = self._patience.ask(lambda: self._target.state(run))
        except RefusedError as error:
            gone = "the run does not exist any more" if error.status == 404 else "its state cannot be read"
            self._end(job, ExitCode.EXECUTION, f"{gone} ({error})")
            return
        before, job.snapshot = job.snapshot, seen
        if seen.state is RunState.UNKNOWN and seen.word not in self._noted:
            self._noted.add(seen.word)
            self._report.note(f"{job.workflow}: unknown state '{seen.word}'; waiting for one that is known")
        if seen.state is RunState.COMPLETED:
            broken = self._broken_conditions(job)
            self._end(job, ExitCode.CONDITION if broken else ExitCode.OK, "; ".join(broken))
        elif seen.state is RunState.FAILED:
            self._end(job, ExitCode.EXECUTION, self._reason(job))
        elif before is None or before.word != seen.word:
            self._report.changed(job)

    def _broken_conditions(self, job: Job) -> list[str]:
        conditions, run = self._request.conditions, job.run
        assert run is not None
        broken = conditions.broken_durations(job.workflow, job.snapshot.seconds if job.snapshot else None)
        names = conditions.reads(job.workflow)
        if names is None:
            return broken
        try:
            results = self._patience.ask(lambda: self._target.results(run, self._values[job.workflow], names))
        except RefusedError as error:
            return [*broken, f"what it left cannot be read ({error})"]
        return broken + conditions.broken_expectations(job.workflow, results)

    def _reason(self, job: Job) -> str:
        run = job.run
        assert run is not None
        try:
            return self._patience.ask(lambda: self._target.reason(run)) or "it failed"
        except RefusedError as error:
            return f"it failed; why cannot be read ({error})"

    def _end(self, job: Job, result: ExitCode, reason: str) -> None:
        job.end(result, reason)
        self._report.ended(job)

    # Leaving early

    def _with_runs(self, message: str) -> str:
        """The message, and what is still going on."""
        under_way = [job.workflow for job in self.jobs if job.is_under_way]
        if not under_way:
            return message
        return f"{message}; not stopped, and going on for all that is known: {', '.join(under_way)}"

    def _interrupted(self) -> Ending:
        if not self._request.cancel_on_interrupt:
            return Ending(ExitCode.INTERRUPTED, self._with_runs("interrupted"), self.jobs)
        try:
            self._clock.allow(_CANCEL_LIMIT)
            left = [f"{job.workflow} ({problem})" for job in self.jobs if (problem := self._cancelled(job))]
        except KeyboardInterrupt:
            return Ending(ExitCode.INTERRUPTED, self._with_runs("interrupted twice"), self.jobs)
        message = f"interrupted; could not be stopped: {', '.join(left)}" if left else "interrupted; no run is left"
        return Ending(ExitCode.INTERRUPTED, message, self.jobs)

    def _cancelled(self, job: Job) -> str | None:
        """Stop its run if it has one that has not ended; what kept it from being stopped, if something did."""
        run = job.run
        if run is None or not job.is_under_way:
            return None
        until = time.monotonic() + _LATE_START
        try:
            while not (found := self._patience.ask(lambda: self._target.cancel(run))):
                if job.confirmed or time.monotonic() > until:
                    break
                self._clock.sleep(0.5)
        except RunnerError as error:
            return str(error)
        job.end(ExitCode.INTERRUPTED, "stopped" if found else "no run was there to be stopped")
        self._report.ended(job)
        return None
