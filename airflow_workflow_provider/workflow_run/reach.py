"""Carries out the flows of ``remote`` as a target must: no request twice by itself, its own waits and errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.remote.calls import Flow, Pause, RemoteError, Request, Walk, send
from airflow_workflow_provider.remote.client import Client, Settings
from airflow_workflow_provider.workflow_run.clock import Clock
from airflow_workflow_provider.workflow_run.exits import (
    LoginError,
    NonsenseError,
    RefusedError,
    RunnerError,
    UnreachableError,
)

T = TypeVar("T")


def _nothing() -> None:
    """Nobody wants to know."""


class Reach:
    """A system as ``settings`` reach it; each request has the time that the clock leaves."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = replace(settings, tries=1)
        self._clock = clock

    @property
    def wait(self) -> float:
        """Seconds of the first pause."""
        return self._settings.wait

    def run(self, flow: Flow[T], lost: Callable[[], None] = _nothing) -> T:
        """The flow's result, or one of its errors.

        ``lost`` is called when a request that must not be repeated may have been carried out without an answer.
        """
        walk = Walk(flow)
        while (step := _next(walk)) is not None:
            if isinstance(step, Pause):
                self._clock.sleep(step.seconds)
                continue
            # Connections would not outlast the pauses between two looks, so that there is nothing to keep.
            client = Client(replace(self._settings, timeout=self._clock.request_seconds()))
            try:
                walk.answer = client.run(send(step))
            except RemoteError as failed:
                walk.error = failed
                if failed.maybe_done and not step.repeatable:
                    lost()
        return walk.result


def _next(walk: Walk[T]) -> Request | Pause | None:
    try:
        return walk.step()
    except RemoteError as failed:
        raise _translated(failed) from None


def _translated(error: RemoteError) -> RunnerError:
    text = one_line(str(error), limit=600)
    status = error.status or 0
    if error.hopeless or status == 401:
        return LoginError(text.removeprefix("login failed: "))
    if error.foreign or 300 <= status < 400:
        return NonsenseError(text, error.retry_after)
    if error.passing:
        return UnreachableError(text, error.retry_after)
    return RefusedError(text, status)
