"""What operators of remote jobs share: who a task is over its attempts, waiting, deferring, being killed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_workflow_provider.definitions.values import with_reserved_keys
from airflow_workflow_provider.exceptions import RemoteJobError
from airflow_workflow_provider.hooks.remote import RemoteHook
from airflow_workflow_provider.operators.links import JOB_URL
from airflow_workflow_provider.remote.calls import Flow, RemoteError, RemoteTimeoutError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_workflow_provider.triggers.remote import RemoteTrigger

T = TypeVar("T")

Seconds = float | timedelta

DAY: Final = timedelta(days=1)
_CLOCKS_DIFFER: Final = timedelta(hours=1)
_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a task is to the outside, over all its attempts.

    :param owner: the same for every attempt of a task in a run; another run, or another Airflow with the same DAG,
        has another one, since no two runs start in the same microsecond
    :param generation: the number of the first attempt after the task was last cleared: retries share it
    :param since: a time before the run's start, for clocks that differ
    """

    owner: str
    generation: int
    since: str
    is_retry: bool

    @staticmethod
    def of(context: Context) -> Identity:
        """The identity of the running task."""
        ti, run = context["ti"], context["dag_run"]
        start = run.start_date or run.run_after
        whole = "\0".join(
            [ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index), start.astimezone(timezone.utc).isoformat()]
        )
        digest = hashlib.sha256(whole.encode()).hexdigest()[:20]
        # Clearing raises max_tries by the attempts made so far; retrying does not.
        generation = ti.max_tries - (ti.task.retries or 0) + 1
        return Identity(
            owner=f"{ti.dag_id[:_NAME]}/{ti.task_id[:_NAME]}/{digest}",
            generation=generation,
            since=utc(start - _CLOCKS_DIFFER),
            is_retry=ti.try_number > generation,
        )


class Ledger:
    """What a task notes for its later attempts, where Airflow keeps such notes (3.3 and newer); else it is empty."""

    def __init__(self, context: Context, key: str) -> None:
        self._store: Any = context.get("task_state_store")
        self._key = key
        self.works = self._store is not None

    def read(self) -> dict[str, Any]:
        """The last note; empty if there is none."""
        note = self._store.get(self._key) if self.works else None
        return dict(note) if isinstance(note, Mapping) else {}

    def write(self, **note: Any) -> None:
        """Replace the note."""
        if self.works:
            self._store.set(self._key, note)


class RemoteJobOperator(BaseOperator):
    """Base of operators that start something remote and wait for it.

    :param deferrable: wait in the triggerer, without a worker; otherwise wait in the worker
    :param poll_interval: seconds between two looks
    :param timeout: the task fails if it is not over by then (``execution_timeout`` counts too, if it is shorter);
        status messages can get lost, so there is always one unless it is ``None``
    :param stop_on_kill: stop what was started when the task is killed, cleared, marked, or over its timeout
    """

    def __init__(
        self,
        *,
        deferrable: bool = True,
        poll_interval: Seconds = 15.0,
        timeout: Seconds | None = DAY,
        stop_on_kill: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.stop_on_kill = stop_on_kill
        self.job_url: str | None = None
        self._number: int | str | None = None

    def hook(self) -> RemoteHook[Any]:
        """The hook of this task's connection, the same at every call."""
        raise NotImplementedError

    def stop_flow(self) -> Flow[Any] | None:
        """Stops what this task has started; ``None`` if there is nothing."""
        raise NotImplementedError

    def carry_out(self, flow: Flow[T]) -> T:
        """The flow's result; the error is one that says all in its message."""
        try:
            return self.hook().run(flow)
        except RemoteTimeoutError as error:
            self._stop(self.hook().run)
            raise RemoteJobError(str(error)) from None
        except RemoteError as error:
            if error.hopeless:
                raise AirflowFailException(str(error)) from None
            raise RemoteJobError(str(error)) from None

    def on_kill(self) -> None:
        """Stop what was started, in the few seconds that are left."""
        self._stop(self.hook().run_before_end)

    def _stop(self, run: Callable[[Flow[Any]], Any]) -> None:
        flow = self.stop_flow() if self.stop_on_kill else None
        if flow is None:
            return
        try:
            run(flow)
        except (RemoteError, AirflowException) as error:
            self.log.warning("What this task started could not be stopped: %s", error)
        else:
            self.log.info("Asked for what this task started to be stopped")

    def remember(self, context: Context, number: int | str, url: str | None) -> None:
        """Show what was started, on the XCom tab and as a link, while it is still running."""
        self._number = number
        self.job_url = url or ""
        context["ti"].xcom_push(key="job_id", value=number)
        if url:
            context["ti"].xcom_push(key=JOB_URL, value=url)

    def wait_in_triggerer(self, trigger: RemoteTrigger) -> None:
        """Give the worker back; ``execute_complete`` goes on when the trigger has fired."""
        self.defer(trigger=trigger, method_name="take_event", kwargs={"awaited": list(trigger.serialize())})

    def take_event(self, context: Context, event: dict[str, Any], awaited: list[Any] | None = None) -> Any:
        """Go on with the event of the trigger that was waited for; wait on when it is another's.

        SQLite gives a trigger the number of one that is gone, and with it an event that was already on its way.
        """
        if awaited is not None:  # ``dag.test()`` does not hand it over
            path, arguments = awaited
            if str(event["number"]) != str(arguments["number"]):
                self.log.info("Waiting on for %s; the end of %s was told", arguments["number"], event["number"])
                self.wait_in_triggerer(resolve_name(path)(**arguments))
        return self.execute_complete(context, with_reserved_keys(event))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on after the trigger has fired."""
        raise NotImplementedError

    def deadline(self) -> float | None:
        """When the waiting is over, as ``time.time()`` gives it."""
        limits = [seconds(limit) for limit in (self.timeout, self.execution_timeout) if limit is not None]
        return time.time() + min(limits) if limits else None

    def ended(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """The event of something that has ended by itself; an error for all else."""
        self._number = event["number"]
        self.job_url = event.get("url", self.job_url)
        if event["outcome"] == "timeout":
            self._stop(self.hook().run)
        if event["outcome"] != "ended":
            raise RemoteJobError(str(event["message"]))
        return event


def seconds(value: Seconds) -> float:
    """A number of seconds, or a duration, as seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def utc(moment: datetime) -> str:
    """A time as both APIs write it."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
