"""Wait for a workflow's run to end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_workflow_provider.runs.state import MISSING, run_state
from airflow_workflow_provider.runs.states import RUNS_ENDED

log = logging.getLogger(__name__)

ENDED: Final = frozenset({*RUNS_ENDED, MISSING})
# A look costs the triggerer one call: often at first, as many runs are short, then after a tenth of the time waited.
_SHORTEST_SECONDS: Final = 1.0
# Airflow fails a task that comes back before its scheduler has heard from the executor that it went to wait.
_FIRST_LOOK_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 10.0


class WorkflowRunTrigger(BaseTrigger):
    """Fires with ``{"run_id": …, "state": …}`` when a run has ended; state ``missing``: somebody has deleted it."""

    def __init__(self, workflow: str, run_id: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.workflow = workflow
        self.run_id = run_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What a restarted triggerer makes this trigger from."""
        return f"{__name__}.{type(self).__name__}", {"workflow": self.workflow, "run_id": self.run_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the run has ended."""
        started = time.monotonic()
        await asyncio.sleep(_FIRST_LOOK_SECONDS)
        while (state := await self._state()) not in ENDED:
            waited = time.monotonic() - started
            await asyncio.sleep(min(max(waited / 10, _SHORTEST_SECONDS), _LONGEST_SECONDS))
        yield TriggerEvent({"run_id": self.run_id, "state": state})  # type: ignore[no-untyped-call]

    async def _state(self) -> str | None:
        """The run's state; ``None`` when Airflow could not tell, which is no reason to give up."""
        from airflow.sdk.exceptions import AirflowRuntimeError

        try:
            return await sync_to_async(run_state)(self.workflow, self.run_id)
        except AirflowRuntimeError as error:
            log.warning("The state of %s %s is not known just now: %s", self.workflow, self.run_id, error)
            return None
