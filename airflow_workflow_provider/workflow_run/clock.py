"""Time: the end of the invocation, waiting, and asking again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final, TypeVar

from airflow_workflow_provider.definitions.durations import format_duration
from airflow_workflow_provider.workflow_run.exits import (
    LostContactError,
    NonsenseError,
    TimedOutError,
    UnreachableError,
)

T = TypeVar("T")

REQUEST_SECONDS: Final = 30.0
# How long a first answer is waited for: a server that restarts is not a wrong address.
FIRST_CONTACT: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = 10.0
_LONGEST_RETRY_AFTER: Final = 60.0


class Clock:
    """Measures one invocation; everything that waits, waits here, so that ``timeout`` and Ctrl-C always work."""

    def __init__(self, timeout: timedelta | None) -> None:
        self.begun = time.monotonic()
        self.began_at = datetime.now(timezone.utc)
        self._timeout = timeout

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begun

    def left(self) -> float | None:
        """Seconds until the timeout, at least 0; ``None`` without one."""
        return None if self._timeout is None else max(0.0, self._timeout.total_seconds() - self.elapsed())

    def allow(self, time_left: timedelta) -> None:
        """From now on there is so much time left, whatever the timeout was."""
        self._timeout = timedelta(seconds=self.elapsed()) + time_left

    def request_seconds(self) -> float:
        """How long one request may take now; ``TimedOutError`` when there is no time left."""
        self.check()
        left = self.left()
        return REQUEST_SECONDS if left is None else min(left, REQUEST_SECONDS)

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the timeout; ``TimedOutError`` when it is reached."""
        left = self.left()
        time.sleep(seconds if left is None else min(seconds, left))
        self.check()

    def check(self) -> None:
        """``TimedOutError`` when the timeout has passed."""
        if self._timeout is not None and self.left() == 0:
            raise TimedOutError(f"the timeout of {format_duration(self._timeout)} has passed")


def poll_pause(waited: float) -> float:
    """Seconds until the next look at runs that have been waited for so long: short runs are seen soon."""
    return min(_LONGEST_PAUSE, max(0.5, waited / 20))


class Patience:
    """Asks again while the server cannot be reached, for at most ``limit``; tells when contact goes and comes back."""

    def __init__(self, clock: Clock, limit: timedelta, tell: Callable[[str], None]) -> None:
        self._clock = clock
        self._limit = limit
        self._tell = tell

    def ask(self, question: Callable[[], T], *, limit: timedelta | None = None, sensible: bool = False) -> T:
        """The answer; ``LostContactError`` when there is none in time.

        ``sensible``: nonsense is not worth asking again.
        """
        # Not at the top: only now is it certain that something is asked at all.
        import tenacity

        limit = min(limit or self._limit, self._limit)
        lost_at: list[float] = []

        def tell_once(state: tenacity.RetryCallState) -> None:
            if not lost_at:
                lost_at.append(time.monotonic())
                assert state.outcome is not None
                self._tell(f"no contact: {state.outcome.exception()}; trying again for up to {format_duration(limit)}")

        def again(error: BaseException) -> bool:
            return isinstance(error, UnreachableError) and not (sensible and isinstance(error, NonsenseError))

        grows = tenacity.wait_random_exponential(multiplier=0.5, min=0.2, max=_LONGEST_PAUSE)

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, UnreachableError) else None
            # Asked more than once within the limit, whatever the server says.
            return max(grows(state), min(asked or 0.0, _LONGEST_RETRY_AFTER, limit.total_seconds() / 3))

        asking = tenacity.Retrying(
            retry=tenacity.retry_if_exception(again),
            wait=pause,
            stop=tenacity.stop_before_delay(limit),
            sleep=self._clock.sleep,
            before_sleep=tell_once,
            reraise=True,
        )
        try:
            answer = asking(question)
        except UnreachableError as error:
            if sensible and isinstance(error, NonsenseError):
                raise
            self._clock.check()
            raise LostContactError(f"no contact for {format_duration(limit)}: {error}") from None
        if lost_at:
            self._tell(f"contact again after {time.monotonic() - lost_at[0]:.0f} s")
        return answer
