"""What the triggers share: waiting, what to tell the task, and stopping a remote job when a user ends the task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_workflow_provider.definitions.values import without_reserved_keys
from airflow_workflow_provider.exceptions import WorkflowException
from airflow_workflow_provider.remote.calls import RemoteError, RemoteTimeoutError

_STOPPING: set[asyncio.Future[None]] = set()
"""Event loops hold their tasks weakly."""


class RemoteEvent(TriggerEvent):
    """An event of which logs show the outcome alone: a job may echo a secret, which a triggerer cannot know to mask.

    What the other system says is data: nothing in it is an object to Airflow, which reads it in the worker.
    """

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(without_reserved_keys(payload))  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"TriggerEvent<{self.payload['number']}: {self.payload['outcome']}>"


class RemoteTrigger(BaseTrigger):
    """Waits for something remote. It holds the connection's id, never what the connection says.

    Its event is ``{"outcome": "ended" | "timeout" | "error", "number": …, "message": …, **what watch returns}``.

    :param number: the id of what is waited for
    :param deadline: as ``time.time()`` gives it, so that a restart of the triggerer does not prolong it
    :param stop_on_kill: whether what is waited for is stopped when a user clears or ends the task
    """

    def __init__(
        self, conn_id: str, number: int | str, poll_interval: float, deadline: float | None, stop_on_kill: bool = True
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.number = number
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.stop_on_kill = stop_on_kill

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What Airflow keeps to make the trigger again."""
        kept = ("conn_id", "number", "poll_interval", "deadline", "stop_on_kill")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in kept}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; restarted elsewhere, it goes on waiting for the same."""
        try:
            event = await self._event()
        except asyncio.CancelledError:
            if not hasattr(BaseTrigger, "on_kill"):  # before Airflow 3.3
                await self.on_kill()
            raise
        yield RemoteEvent(event)

    async def on_kill(self) -> None:
        """Stop the remote job, if it is the task that has ended and not only this triggerer."""
        # A task of its own: Airflow 3.3 cancels this one again about every second for as long as it lasts.
        stopping = asyncio.ensure_future(self._stop_with_task())
        _STOPPING.add(stopping)
        stopping.add_done_callback(_STOPPING.discard)
        await asyncio.shield(stopping)

    async def _stop_with_task(self) -> None:
        if not self.stop_on_kill or await self._task_still_waits():
            return
        self.log.info("The task was cleared or ended; stopping %s", self.number)
        try:
            await self.stop()
        except (RemoteError, WorkflowException) as error:
            self.log.warning("%s could not be stopped: %s", self.number, error)

    async def _event(self) -> dict[str, Any]:
        try:
            return {"outcome": "ended", "number": self.number, **await self.watch()}
        except RemoteTimeoutError as error:
            return {"outcome": "timeout", "message": str(error), "number": self.number}
        except (RemoteError, WorkflowException) as error:
            return {"outcome": "error", "message": str(error), "number": self.number}

    async def watch(self) -> dict[str, Any]:
        """Wait for the end; what the task has to know of it."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop what is waited for."""
        raise NotImplementedError

    async def _task_still_waits(self) -> bool:
        """Whether the task is still deferred: another triggerer has taken over, or this one is being restarted."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from asgiref.sync import sync_to_async

        ti = self.task_instance
        if ti is None:
            return True
        try:
            states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
                dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
            )
        except Exception as error:  # noqa: BLE001 - Airflow is going down: nobody ended the task
            self.log.info("The task's state cannot be told (%s); nothing is stopped", error)
            return True
        key = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
        state = states.get(ti.run_id, {}).get(key)
        return str(getattr(state, "value", state)) == "deferred"
