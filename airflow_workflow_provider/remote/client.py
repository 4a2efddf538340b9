"""Carries out flows over HTTP, in a thread (``run``) or in an event loop (``arun``).

Requests that may be repeated are, with growing pauses, on network errors, 429 and 5xx. Others are repeated only when
it is certain that the first one was not carried out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_workflow_provider.remote.calls import (
    Answer,
    Flow,
    FlowCancelledError,
    Pause,
    RemoteError,
    Request,
    Walk,
    read_answer,
)

if TYPE_CHECKING:
    import ssl

    import httpx
    from tenacity import RetryCallState

T = TypeVar("T")

log = logging.getLogger(__name__)

_SLICE: Final = 0.5
"""A sleeping thread looks so often whether it was cancelled."""
_LONGEST_WAIT: Final = 60.0
_LONGEST_RETRY_AFTER: Final = 900.0
_SCARCE: Final = 0.1
_SLOWER: Final = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """How a system is reached. Its ``repr`` holds no secret.

    :param system: the system's name, for messages
    :param secrets: texts that no message may show
    :param timeout: seconds to wait for a connection and for each part of an answer
    :param tries: how often a request is sent at most
    :param wait: seconds before the second try; the pauses grow from there
    """

    system: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    timeout: float = 30.0
    tries: int = 5
    wait: float = 1.0
    verify: bool | str | ssl.SSLContext = True


class Client:
    """One system, reached with ``settings``. Connections last as long as a flow."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cancelled = False
        self._limit: int | None = None
        self._remaining: int | None = None

    def in_a_hurry(self) -> Client:
        """The same system for a process that is about to be killed: one short try, one more."""
        return Client(replace(self.settings, timeout=min(2.0, self.settings.timeout), tries=2, wait=0.1))

    def run(self, flow: Flow[T]) -> T:
        """The flow's result; ``RemoteError`` if it fails."""
        import httpx

        with httpx.Client(**self._options()) as http:
            walk = Walk(flow)
            while (step := walk.step()) is not None:
                try:
                    if isinstance(step, Pause):
                        self._sleep(self._paced(step))
                    else:
                        walk.answer = self._send(http, step)
                except RemoteError as failed:
                    walk.error = failed
            return walk.result

    async def arun(self, flow: Flow[T]) -> T:
        """``run`` for an event loop."""
        import httpx

        async with httpx.AsyncClient(**self._options()) as http:
            walk = Walk(flow)
            while (step := walk.step()) is not None:
                try:
                    if isinstance(step, Pause):
                        await asyncio.sleep(self._paced(step))
                    else:
                        walk.answer = await self._asend(http, step)
                except RemoteError as failed:
                    walk.error = failed
            return walk.result

    def _send(self, http: httpx.Client, request: Request) -> Answer:
        from tenacity import Retrying

        return Retrying(sleep=self._sleep, **self._policy(request))(self._once, http, request)

    async def _asend(self, http: httpx.AsyncClient, request: Request) -> Answer:
        from tenacity import AsyncRetrying

        return await AsyncRetrying(sleep=asyncio.sleep, **self._policy(request))(self._aonce, http, request)

    def _once(self, http: httpx.Client, request: Request) -> Answer:
        import httpx

        self._stop_if_cancelled()
        try:
            response = http.request(request.method, request.path, **_arguments(request))
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # Not chained: httpx's errors hold the request with its Authorization header.
            raise self._unreached(request, error) from None
        return self._read(request, response)

    async def _aonce(self, http: httpx.AsyncClient, request: Request) -> Answer:
        import httpx

        try:
            response = await http.request(request.method, request.path, **_arguments(request))
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise self._unreached(request, error) from None
        return self._read(request, response)

    def _read(self, request: Request, response: httpx.Response) -> Answer:
        self._limit = _number(response.headers.get("x-ratelimit-limit"))
        self._remaining = _number(response.headers.get("x-ratelimit-remaining"))
        try:
            return read_answer(request, response.status_code, response.headers, response.content)
        except RemoteError as error:
            error.args = (f"{self.settings.system}: {self._redacted(str(error))}",)
            raise

    def _unreached(self, request: Request, error: Exception) -> RemoteError:
        import httpx

        never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        hopeless = isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | UnicodeError)
        foreign = "CERTIFICATE_VERIFY_FAILED" in str(error)  # whoever answers may not be the system
        what = "timed out" if isinstance(error, httpx.TimeoutException) else "failed"
        text = f"{type(error).__name__} {error}".strip()
        message = f"{self.settings.system}: {request} at {self.settings.base_url} {what}: {text}"
        maybe_done = not (never_sent or hopeless)
        return RemoteError(self._redacted(message), passing=not hopeless, maybe_done=maybe_done, foreign=foreign)

    def _redacted(self, text: str) -> str:
        for secret in self.settings.secrets:
            if secret:
                text = text.replace(secret, "***")
        return text

    def _policy(self, request: Request) -> dict[str, Any]:
        from tenacity import retry_if_exception, stop_after_attempt, wait_random_exponential

        grows = wait_random_exponential(multiplier=self.settings.wait, max=_LONGEST_WAIT)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, RemoteError) else None
            return grows(state) if asked is None else min(asked, _LONGEST_RETRY_AFTER)

        return {
            "stop": stop_after_attempt(self.settings.tries),
            "retry": retry_if_exception(_may_repeat(request)),
            "wait": wait,
            "before_sleep": _tell,
            "reraise": True,
        }

    def _options(self) -> dict[str, Any]:
        return {
            "base_url": self.settings.base_url,
            "headers": dict(self.settings.headers),
            "timeout": self.settings.timeout,
            "verify": self.settings.verify,
            "follow_redirects": False,
        }

    def _paced(self, pause: Pause) -> float:
        if pause.polling and self._limit and self._remaining is not None and self._remaining < self._limit * _SCARCE:
            return pause.seconds * _SLOWER
        return pause.seconds

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stop_if_cancelled()
            time.sleep(min(left, _SLICE))
        self._stop_if_cancelled()

    def _stop_if_cancelled(self) -> None:
        if self.cancelled:
            raise FlowCancelledError(f"{self.settings.system}: the task was killed")


def _arguments(request: Request) -> dict[str, Any]:
    return {
        "params": dict(request.query) or None,
        "json": None if request.body is None else dict(request.body),
        "headers": dict(request.headers),
    }


def _may_repeat(request: Request) -> Callable[[BaseException], bool]:
    def decide(error: BaseException) -> bool:
        return isinstance(error, RemoteError) and error.passing and (request.repeatable or not error.maybe_done)

    return decide


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0
    log.warning("%s; asking again in %.1f s", error, seconds)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None
