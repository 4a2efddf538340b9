"""Both systems, and tasks that are run as the task runner runs them, attempt by attempt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo
from tests.remote_systems import account, aperture_connection, integrate_io_connection, studio

__all__ = ["account", "studio"]


@dataclass
class Task:
    """One task of one run, over all its attempts: what Airflow keeps between them, and nothing else.

    The real scheduler, workers and triggerer are in ``tests/system``; this makes single attempts quick to try.
    """

    retries: int = 2
    try_number: int = 0
    max_tries: int = 2
    run_id: str = "manual__1"
    start: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    notes: dict[str, Any] | None = field(default_factory=dict)
    xcoms: dict[str, Any] = field(default_factory=dict)
    deferred: TaskDeferred | None = None

    def clear(self) -> None:
        """As ``clear_task_instances`` does."""
        self.max_tries = self.try_number + self.retries

    def context(self) -> Any:
        ti = SimpleNamespace(
            dag_id="dag",
            run_id=self.run_id,
            task_id="run_package",
            map_index=-1,
            max_tries=self.max_tries,
            try_number=self.try_number,
            task=SimpleNamespace(retries=self.retries),
            xcom_push=lambda key, value: self.xcoms.update({key: value}),
        )
        context: dict[str, Any] = {"ti": ti, "dag_run": SimpleNamespace(start_date=self.start, run_after=self.start)}
        if self.notes is not None:
            notes = self.notes
            context["task_state_store"] = SimpleNamespace(get=notes.get, set=notes.__setitem__)
        return context

    def attempt(self, operator: Any) -> Any:
        """The next attempt: what ``execute`` returns, or the trigger that it waits for."""
        self.try_number += 1
        return self._until_deferred(lambda: operator.execute(self.context()))

    def resume(self, operator: Any, event: Mapping[str, Any]) -> Any:
        """What the attempt returns after an event has arrived, or the trigger that it waits for now."""
        assert self.deferred is not None
        method, kwargs = self.deferred.method_name, json.loads(json.dumps(self.deferred.kwargs))
        arrived = {**kwargs, "event": dict(event)}
        return self._until_deferred(lambda: operator.resume_execution(method, arrived, self.context()))

    def _until_deferred(self, run: Callable[[], Any]) -> Any:
        try:
            return run()
        except TaskDeferred as deferred:
            self.deferred = deferred
            return deferred

    def finish(self, operator: Any) -> Any:
        """The next attempt to its end, by way of the trigger if it defers."""
        done = self.attempt(operator)
        return self.resume(operator, fire(done.trigger)) if isinstance(done, TaskDeferred) else done


def fire(trigger: Any) -> dict[str, Any]:
    """The event of a trigger, made again from what Airflow keeps of it."""
    path, arguments = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__name__}"
    again = type(trigger)(**json.loads(json.dumps(arguments)))

    async def first() -> dict[str, Any]:
        return {**(await anext(aiter(again.run()))).payload}

    return asyncio.run(first())


class Crash(BaseException):
    """The worker is gone: nothing of the attempt runs on."""


def crash(*_: Any) -> None:
    """In place of what the attempt does next."""
    raise Crash


@pytest.fixture
def task() -> Task:
    return Task()


@pytest.fixture
def integrate_io(account: IntegrateIo, monkeypatch: pytest.MonkeyPatch) -> IntegrateIo:
    """The account behind ``integrate_io_default``, with one package and one cluster."""
    account.add_package("load")
    account.add_cluster()
    connection = integrate_io_connection(account, extra={"timeout": 1, "retries": 1})
    monkeypatch.setenv("AIRFLOW_CONN_INTEGRATE_IO_DEFAULT", connection)
    return account


@pytest.fixture(params=["v1", "v2"])
def aperture(studio: Aperture, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Aperture:
    """The installation behind ``aperture_default``, in both dialects, with one workflow."""
    studio.add_workflow("Workflow 1")
    connection = aperture_connection(studio, request.param, extra={"timeout": 1, "retries": 1})
    monkeypatch.setenv("AIRFLOW_CONN_APERTURE_DEFAULT", connection)
    return studio
