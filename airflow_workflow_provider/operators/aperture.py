"""Aperture Data Studio: run workflows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowFailException
from jinja2 import TemplateError

from airflow_workflow_provider.definitions.durations import format_duration
from airflow_workflow_provider.definitions.sandbox import NotAllowedError, sandboxed_expression
from airflow_workflow_provider.exceptions import RemoteJobError
from airflow_workflow_provider.hooks.aperture import ApertureHook
from airflow_workflow_provider.operators.links import ApertureJobLink
from airflow_workflow_provider.operators.remote_job import Identity, Ledger, RemoteJobOperator, Seconds, seconds, utc
from airflow_workflow_provider.remote import aperture
from airflow_workflow_provider.remote.calls import Flow
from airflow_workflow_provider.triggers.aperture import ApertureJobTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

_NOTE: Final = "aperture_job"
_CLOCKS_DIFFER: Final = timedelta(minutes=1)


class ApertureRunWorkflowOperator(RemoteJobOperator):
    """Run a workflow and wait for its end, after a look whether it exists and can be executed.

    The result is the job's id, state, running time and, unless it is large, its result. Errors begin with what went
    wrong: ``login failed``, ``workflow … is not ready``, or ``workflow … failed``.

    :param workflow: the workflow's external label (v1: its name)
    :param space: the external label of its Space; the connection's, if not given (v1 has none)
    :param version: ``PublishedOnly`` or ``PreferDraft`` (v2)
    :param parameters: values for the workflow's parameters; one that is null is not sent
    :param refresh_sources: whether its sources are loaded anew
    :param dependencies: which dependencies to use, as the API calls them (v2)
    :param min_duration: a job that ends sooner fails the task
    :param max_duration: a job that takes longer fails the task, when it has ended (``timeout`` does not wait for that)
    :param conditions: expressions over ``result`` and ``duration`` (seconds); one that is false fails the task:
        ``"result.rowsFailed == 0"``
    """

    template_fields: Sequence[str] = ("aperture_conn_id", "workflow", "space", "parameters")
    operator_extra_links = (ApertureJobLink(),)
    ui_color = "#efe8fb"

    def __init__(
        self,
        *,
        workflow: str,
        space: str | None = None,
        version: str = "PublishedOnly",
        parameters: Mapping[str, Any] | None = None,
        refresh_sources: bool = False,
        dependencies: str | None = None,
        min_duration: Seconds | None = None,
        max_duration: Seconds | None = None,
        conditions: str | Sequence[str] = (),
        aperture_conn_id: str = ApertureHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.workflow = workflow
        self.space = space
        self.version = version
        self.parameters = parameters
        self.refresh_sources = refresh_sources
        self.dependencies = dependencies
        self.min_duration = min_duration
        self.max_duration = max_duration
        self.conditions = conditions
        self.aperture_conn_id = aperture_conn_id

    @cached_property
    def _hook(self) -> ApertureHook:
        return ApertureHook(self.aperture_conn_id)

    def hook(self) -> ApertureHook:
        """The hook of this task's connection."""
        return self._hook

    @property
    def _api(self) -> aperture.Api:
        return self._hook.reach().api

    def execute(self, context: Context) -> dict[str, Any]:
        """Find this task's job or start it, wait, and check the conditions."""
        self._refuse_mistakes()
        deadline, began = self.deadline(), time.time()
        job = self._job_of(context)
        self.remember(context, job.id, job.url)
        interval = seconds(self.poll_interval)
        if self.deferrable and job.state not in self._api.ended_states:
            self.wait_in_triggerer(
                ApertureJobTrigger(self.aperture_conn_id, job.id, interval, deadline, self.stop_on_kill, began=began)
            )
        ended = self.carry_out(self._api.wait_until_ended(job.id, interval, deadline, self._report))
        return self._finish(aperture.summary(ended), self._api.has_succeeded(ended), ended.error, began, ended.result)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        ended = self.ended(event)
        summary = ended["summary"]
        result = summary["result"]
        if result is None and self._conditions:  # left out because it is large
            result = self.carry_out(self._api.job(summary["job_id"])).result
        return self._finish(summary, ended["succeeded"], ended["error"], ended["began"], result)

    def stop_flow(self) -> Flow[Any] | None:
        """Stops the job."""
        return None if self._number is None else self._api.stop(str(self._number))

    def _refuse_mistakes(self) -> None:
        if self.version not in aperture.VERSIONS:
            raise AirflowFailException(
                f"'version' is {self.version!r}; it must be one of {', '.join(aperture.VERSIONS)}"
            )
        if self._api.dialect == "v2" and not (self.space or self._hook.reach().space):
            raise AirflowFailException(
                f"workflow '{self.workflow}' has no Space; add 'space' to the task or the connection"
            )
        for condition in self._conditions:
            try:
                sandboxed_expression(condition)
            except (TemplateError, NotAllowedError) as error:
                raise AirflowFailException(f"'{condition}' is not an expression: {error}") from None

    @property
    def _conditions(self) -> Sequence[str]:
        return [self.conditions] if isinstance(self.conditions, str) else list(self.conditions)

    @property
    def _wanted(self) -> aperture.Execution:
        return aperture.Execution(
            self.workflow,
            self.space or self._hook.reach().space,
            self.version,
            as_parameters(self.parameters or {}),
            self.refresh_sources,
            self.dependencies,
        )

    def _job_of(self, context: Context) -> aperture.Job:
        """The job that an earlier attempt has started and that still counts; else a new one.

        The API knows no mark. So the task notes which jobs of the workflow there were before it asks for its own: after
        a crash, the one that is new is it.
        """
        identity, ledger = Identity.of(context), Ledger(context, _NOTE)
        note = ledger.read()
        present = self.carry_out(self._api.jobs_of(self.workflow))
        found = self._submitted(note, identity, present) if ledger.works else self._running(context, identity, present)
        if found is not None:
            self.log.info("Job %s of this task is there already (%s)", found.id, found.state)
            ledger.write(generation=identity.generation, job_id=found.id)
            return found
        target = self.carry_out(self._api.ready(self._wanted))
        known = [job.id for job in present]
        ledger.write(generation=identity.generation, known=known)
        wait = self._hook.get_conn().settings.wait
        started: aperture.Job = self.carry_out(self._api.start(self._wanted, target, known, wait))
        ledger.write(generation=identity.generation, job_id=started.id)
        self.log.info("Started job %s of workflow '%s'", started.id, self.workflow)
        return started

    def _submitted(
        self, note: Mapping[str, Any], identity: Identity, present: list[aperture.Job]
    ) -> aperture.Job | None:
        """The job of the note, if it still counts."""
        if note.get("generation") != identity.generation:
            self._stop_older(note, present)
            return None
        if "job_id" in note:
            found = next((job for job in present if job.id == note["job_id"]), None)
            found = found or self.carry_out(self._api.job(str(note["job_id"])))
        else:
            known = note.get("known", ())
            found = self.carry_out(_as_flow(self.workflow, [job for job in present if job.id not in known]))
        return self._counts(found)

    def _stop_older(self, note: Mapping[str, Any], present: list[aperture.Job]) -> None:
        """Stop the job from before the task was cleared, if it is still running."""
        old = next((job for job in present if job.id == note.get("job_id")), None)
        if old is not None and self.stop_on_kill and old.state not in self._api.ended_states:
            self.log.info("Stopping job %s, which this task started before it was cleared", old.id)
            self.carry_out(self._api.stop(old.id))
            self.carry_out(self._api.wait_until_ended(old.id, min(seconds(self.poll_interval), 5.0)))

    def _running(self, context: Context, identity: Identity, present: list[aperture.Job]) -> aperture.Job | None:
        """Without notes (Airflow 3.2): in a retry, the job of this workflow that has run since the run began."""
        start = context["dag_run"].start_date
        if not identity.is_retry or start is None:
            return None
        ended = self._api.ended_states
        earliest = start - _CLOCKS_DIFFER
        late = [j for j in present if j.state not in ended and j.created is not None and j.created >= earliest]
        return self.carry_out(_as_flow(self.workflow, late))

    def _counts(self, found: aperture.Job | None) -> aperture.Job | None:
        """A job that runs or has succeeded; one that failed or was stopped makes way for a new one."""
        if found is None:
            return None
        if found.state in ("cancelling", "stopping"):
            found = self.carry_out(self._api.wait_until_ended(found.id, min(seconds(self.poll_interval), 5.0)))
        return found if found.state not in self._api.ended_states or self._api.has_succeeded(found) else None

    def _report(self, job: aperture.Job) -> None:
        self.log.info("Job %s is %s", job.id, job.state)

    def _finish(
        self, summary: Mapping[str, Any], succeeded: bool, error: str, began: float, result: Any
    ) -> dict[str, Any]:
        if not succeeded:
            reason = f": {error}" if error else ""
            raise RemoteJobError(
                f"workflow '{self.workflow}' failed: job {summary['job_id']} ended {summary['state'].upper()}{reason}"
            )
        told = summary["duration_seconds"]
        duration = time.time() - began if told is None else float(told)
        if broken := list(self._broken(duration, result)):
            # Not repeated: the job has done its work, and a retry would only find it again.
            raise AirflowFailException(f"workflow '{self.workflow}' completed, but {'; '.join(broken)}")
        return {**summary, "duration_seconds": duration}

    def _broken(self, duration: float, result: Any) -> Iterator[str]:
        """What does not hold of a job that has completed."""
        took = format_duration(timedelta(seconds=round(duration)))
        if self.min_duration is not None and duration < seconds(self.min_duration):
            yield f"it took {took}, less than min_duration"
        if self.max_duration is not None and duration > seconds(self.max_duration):
            yield f"it took {took}, more than max_duration"
        for condition in self._conditions:
            try:
                holds = sandboxed_expression(condition)({"result": result, "duration": duration})
            except Exception as error:  # noqa: BLE001 - whatever an expression may raise
                yield f"'{condition}' cannot be evaluated: {error}"
            else:
                if not holds:
                    yield f"'{condition}' does not hold"


def as_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON holds them. What is null is left out, so that the workflow's own value holds."""
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return utc(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _as_flow(workflow: str, jobs: list[aperture.Job]) -> Flow[aperture.Job | None]:
    """So that the error of several candidates is told like any other."""
    yield from ()
    return aperture.one_of(workflow, jobs)
