"""Integrate.io: run packages, start and end clusters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowFailException

from airflow_workflow_provider.definitions.durations import parse_duration
from airflow_workflow_provider.exceptions import RemoteJobError
from airflow_workflow_provider.hooks.integrate_io import IntegrateIoHook
from airflow_workflow_provider.operators.links import IntegrateIoJobLink
from airflow_workflow_provider.operators.remote_job import Identity, Ledger, RemoteJobOperator, seconds, utc
from airflow_workflow_provider.remote import integrate_io as api
from airflow_workflow_provider.remote import integrate_io_clusters as cluster_api
from airflow_workflow_provider.remote.calls import Flow, RemoteError
from airflow_workflow_provider.triggers.integrate_io import IntegrateIoClusterTrigger, IntegrateIoJobTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

MARKER: Final = "airflow_task"
"""The variable by which a job is recognised as a task's."""
_NOTE: Final = "integrate_io_cluster"


class _IntegrateIoOperator(RemoteJobOperator):
    def __init__(self, *, integrate_io_conn_id: str = IntegrateIoHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.integrate_io_conn_id = integrate_io_conn_id

    @cached_property
    def _hook(self) -> IntegrateIoHook:
        return IntegrateIoHook(self.integrate_io_conn_id)

    def hook(self) -> IntegrateIoHook:
        """The hook of this task's connection."""
        return self._hook

    @property
    def _wait(self) -> float:
        return self.hook().get_conn().settings.wait


class IntegrateIoRunPackageOperator(_IntegrateIoOperator):
    """Run a package as a job and wait for its end.

    The result is the job's id, status, running time, and its outputs with their record counts.

    :param package: the package's id or its name
    :param cluster: a cluster's id, or what a cluster must be like: ``{nodes: 2, type: production, time_to_idle: 30m}``;
        one that fits is used, if there is none it is started. ``terminate_on_idle`` is true unless given
    :param variables: values for the package's variables; one that is null is not sent
    :param dynamic_variables: expressions for the package's variables
    :param marker_variable: the job variable that tells whose job it is; jobs are recognised by it, so that none is
        started twice
    """

    template_fields: Sequence[str] = (
        "integrate_io_conn_id",
        "package",
        "cluster",
        "variables",
        "dynamic_variables",
    )
    operator_extra_links = (IntegrateIoJobLink(),)
    ui_color = "#e8f0fb"

    def __init__(
        self,
        *,
        package: int | str,
        cluster: int | str | Mapping[str, Any],
        variables: Mapping[str, Any] | None = None,
        dynamic_variables: Mapping[str, str] | None = None,
        marker_variable: str = MARKER,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.package = package
        self.cluster = cluster
        self.variables = variables
        self.dynamic_variables = dynamic_variables
        self.marker_variable = marker_variable
        self._looking: tuple[int, Identity] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Find this task's job or start it, and wait."""
        deadline = self.deadline()
        job = self._job_of(Identity.of(context))
        self.remember(context, job.id, job.html_url)
        if self.deferrable and not job.ended:
            interval = seconds(self.poll_interval)
            trigger = IntegrateIoJobTrigger(self.integrate_io_conn_id, job.id, interval, deadline, self.stop_on_kill)
            self.wait_in_triggerer(trigger)
        ended = self.carry_out(self._until_ended(job.id, deadline))
        return self._finish(api.summary(ended), api.failure(ended))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        ended = self.ended(event)
        return self._finish(ended["summary"], ended["message"])

    def stop_flow(self) -> Flow[Any] | None:
        """Stops the job; if its id has not arrived yet, the one that carries the mark."""
        if self._number is not None:
            return api.stop_job(int(self._number))
        return None if self._looking is None else self._stop_marked(*self._looking)

    def _stop_marked(self, package_id: int, identity: Identity) -> Flow[None]:
        for job in (yield from api.marked_jobs(package_id, identity.since, self._mark(identity))):
            if not job.ended:
                yield from api.stop_job(job.id)

    def _job_of(self, identity: Identity) -> api.Job:
        package_id = self._package_id()
        mark = self._mark(identity)
        self._looking = (package_id, identity)
        submitted = self.carry_out(
            api.find_submitted(
                package_id,
                identity.since,
                mark,
                stop_others=self.stop_on_kill,
                interval=min(seconds(self.poll_interval), 5.0),
            )
        )
        if submitted.job is not None:
            self.log.info("Job %s of this task is there already (%s)", submitted.job.id, submitted.job.status)
            return submitted.job
        job = self._submit(package_id, identity.since, mark, submitted.known)
        self.log.info("Started job %s of package %s on cluster %s", job.id, package_id, job.cluster_id)
        return job

    def _mark(self, identity: Identity) -> api.Mark:
        return api.Mark(self.marker_variable, identity.owner, identity.generation)

    def _submit(self, package_id: int, since: str, mark: api.Mark, known: frozenset[int]) -> api.Job:
        """Start the job; if the cluster that was found has ended meanwhile, once more on another."""
        values = as_texts(self.variables or {})
        for last in (False, True):
            cluster_id = self._cluster_id()
            new = api.NewJob(package_id, cluster_id, values, self.dynamic_variables or {})
            try:
                return self.hook().run(api.submit_job(new, since, mark, known, self._wait))
            except RemoteError as error:
                refused = error.status is not None and 400 <= error.status < 500
                if last or not refused or not isinstance(self.cluster, Mapping):
                    raise RemoteJobError(str(error)) from None
                status = self.carry_out(cluster_api.cluster(cluster_id)).status
                if status not in cluster_api.GONE:
                    raise RemoteJobError(str(error)) from None
                self.log.warning("%s; cluster %s is %s by now, taking another", error, cluster_id, status)
        raise AssertionError("unreachable")

    def _package_id(self) -> int:
        number = as_id(self.package)
        return self.carry_out(api.find_package(str(self.package))) if number is None else number

    def _cluster_id(self) -> int:
        if isinstance(self.cluster, Mapping):
            return self.carry_out(cluster_api.find_or_create_cluster(wanted_cluster(self.cluster), self._wait)).id
        number = as_id(self.cluster)
        if number is None:
            raise AirflowFailException(
                f"'cluster' is {self.cluster!r}; it must be a cluster's id or a mapping such as {{nodes: 2}}"
            )
        return number

    def _until_ended(self, job_id: int, deadline: float | None) -> Flow[api.Job]:
        def report(job: api.Job) -> None:
            self.log.info("%s", api.progress(job))

        return api.wait_until_ended(job_id, seconds(self.poll_interval), deadline, report)

    def _finish(self, summary: Mapping[str, Any], message: str) -> dict[str, Any]:
        if summary["status"] != api.COMPLETED:
            raise RemoteJobError(message)
        for output in summary["outputs"]:
            self.log.info("Output %s: %s records", output["name"], output["records_count"])
        return dict(summary)


class IntegrateIoCreateClusterOperator(_IntegrateIoOperator):
    """Start a cluster and wait until it is up. The result is its id.

    :param nodes: how many nodes it has
    :param type: ``production`` or ``sandbox``
    :param terminate_on_idle: whether it ends by itself when it has nothing to do
    :param time_to_idle: … for so many seconds
    """

    template_fields: Sequence[str] = ("integrate_io_conn_id", "nodes", "type", "time_to_idle")
    ui_color = "#e8f0fb"

    def __init__(
        self,
        *,
        nodes: int = 1,
        type: str = "production",  # noqa: A002 - the API's word
        terminate_on_idle: bool = True,
        time_to_idle: int | timedelta | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.nodes = nodes
        self.type = type
        self.terminate_on_idle = terminate_on_idle
        self.time_to_idle = time_to_idle

    def execute(self, context: Context) -> int:
        """Find the cluster that an earlier attempt started, or start one, and wait until it is up."""
        deadline = self.deadline()
        number = self._cluster_of(context)
        self._number = number
        interval = seconds(self.poll_interval)
        if self.deferrable:
            self.wait_in_triggerer(
                IntegrateIoClusterTrigger(self.integrate_io_conn_id, number, interval, deadline, self.stop_on_kill)
            )
        self.carry_out(cluster_api.wait_for_cluster(number, cluster_api.UP, interval, deadline))
        return number

    def execute_complete(self, context: Context, event: dict[str, Any]) -> int:
        """Go on after the trigger has fired."""
        return int(self.ended(event)["number"])

    def stop_flow(self) -> Flow[Any] | None:
        """Lets the cluster end."""
        return None if self._number is None else cluster_api.terminate_cluster(int(self._number))

    def _cluster_of(self, context: Context) -> int:
        wanted = wanted_cluster(
            {
                "nodes": self.nodes,
                "type": self.type,
                "terminate_on_idle": self.terminate_on_idle,
                "time_to_idle": self.time_to_idle,
            }
        )
        ledger, generation = Ledger(context, _NOTE), Identity.of(context).generation
        note = ledger.read()
        clusters = self.carry_out(cluster_api.clusters())
        if note.get("generation") == generation:
            usable = [c for c in clusters if c.status in cluster_api.USABLE and wanted.fits(c)]
            for found in usable:
                if found.id == note.get("cluster_id") or ("cluster_id" not in note and found.id not in note["known"]):
                    self.log.info("Cluster %s of this task is there already (%s)", found.id, found.status)
                    return found.id
        known = [found.id for found in clusters]
        ledger.write(generation=generation, known=known)
        made = self.carry_out(cluster_api.create_cluster(wanted, frozenset(known), self._wait))
        ledger.write(generation=generation, known=known, cluster_id=made.id)
        self.log.info("Started cluster %s", made.id)
        return made.id


class IntegrateIoTerminateClusterOperator(_IntegrateIoOperator):
    """Let a cluster end, and wait until it has. One that is gone already is fine.

    :param cluster: the cluster's id
    :param wait: whether to wait until it has ended
    """

    template_fields: Sequence[str] = ("integrate_io_conn_id", "cluster")
    ui_color = "#e8f0fb"

    def __init__(self, *, cluster: int | str, wait: bool = True, **kwargs: Any) -> None:
        super().__init__(**{"stop_on_kill": False, **kwargs})
        self.cluster = cluster
        self.wait = wait

    def execute(self, context: Context) -> None:
        """Ask for the end, and wait for it."""
        number = as_id(self.cluster)
        if number is None:
            raise AirflowFailException(f"'cluster' is {self.cluster!r}; it must be a cluster's id")
        deadline = self.deadline()
        now = self.carry_out(cluster_api.terminate_cluster(number))
        if now is None or now.status in cluster_api.DOWN or not self.wait:
            return
        interval = seconds(self.poll_interval)
        if self.deferrable:
            trigger = IntegrateIoClusterTrigger(self.integrate_io_conn_id, number, interval, deadline, False, down=True)
            self.wait_in_triggerer(trigger)
        self.carry_out(cluster_api.wait_for_cluster(number, cluster_api.DOWN, interval, deadline))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        """Go on after the trigger has fired."""
        self.ended(event)

    def stop_flow(self) -> None:
        """There is nothing to stop."""


def as_id(value: object) -> int | None:
    """A number, also when a template has made text of it; ``None`` for a name."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else None


def wanted_cluster(given: Mapping[str, Any]) -> cluster_api.NewCluster:
    """What a cluster must be like."""
    known = ("nodes", "type", "terminate_on_idle", "time_to_idle")
    if unknown := [key for key in given if key not in known]:
        raise AirflowFailException(f"'cluster' has no key '{unknown[0]}'; there are {', '.join(known)}")
    nodes, kind = as_id(given.get("nodes", 1)), given.get("type", "production")
    if not nodes:
        raise AirflowFailException(
            f"'nodes' of a cluster is {given.get('nodes')!r}; it must be a whole number from 1 on"
        )
    if kind not in ("production", "sandbox"):
        raise AirflowFailException(f"'type' of a cluster is {kind!r}; it must be production or sandbox")
    return cluster_api.NewCluster(
        nodes, kind, bool(given.get("terminate_on_idle", True)), _idle(given.get("time_to_idle"))
    )


def _idle(value: Any) -> int | None:
    """Seconds from a number, a duration, or a duration as definitions write it."""
    if value is None:
        return None
    number = as_id(value)
    if number is not None:
        return number
    try:
        return int(seconds(value if isinstance(value, timedelta) else parse_duration(value)))
    except ValueError as error:
        raise AirflowFailException(f"'time_to_idle' of a cluster: {error}") from None


def as_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Variables as the API takes them: texts. What is null is left out, so that the package's own value holds."""
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, datetime):
        return utc(value) if value.tzinfo else value.isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
