"""Waiting for what another system has begun."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from airflow_workflow_provider.remote.calls import Flow, Pause, RemoteError, RemoteTimeoutError

T = TypeVar("T")

log = logging.getLogger(__name__)


def wait_until(
    is_over: Callable[[T], bool],
    look: Callable[[], Flow[T]],
    what: str,
    too_late: Callable[[T | None], str],
    interval: float,
    deadline: float | None,
) -> Flow[T]:
    """Look again and again; what was seen when ``is_over`` was first true of it.

    Answers that fail for a passing reason are waited out: what is looked at goes on meanwhile.

    :param what: names it in messages
    :param too_late: what to say when the ``deadline``, a time as ``time.time()`` gives it, has passed
    """
    seen: T | None = None
    while True:
        try:
            seen = yield from look()
        except RemoteError as error:
            if not error.passing:
                raise
            log.warning("%s; looking at %s again in %g s", error, what, interval)
        else:
            if is_over(seen):
                return seen
        if deadline is not None and time.time() > deadline:
            raise RemoteTimeoutError(too_late(seen))
        yield Pause(interval if deadline is None else max(0.01, min(interval, deadline - time.time())), polling=True)
