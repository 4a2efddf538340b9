"""Requests, answers and errors; a *flow* is a generator that yields the first and gets the second.

What is to be asked, and what an answer means, is written once as a flow. ``client`` carries flows out, in a thread or
in an event loop.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

_SHOWN: Final = 500
"""So much of a server's message is shown."""

LOST_ANSWER_WAITS: Final = (0, 1, 2, 4, 8, 16)
"""After a lost answer, what was asked for is looked for after each of these, in units of the first pause."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. ``repeatable``: sending it again does no harm, even if it was carried out before."""

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeatable: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: JSON (``None`` for an empty answer), and whether a list goes on (``None``: it does not say)."""

    status: int
    data: Any
    goes_on: bool | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before the flow goes on; ``polling`` waits grow when the server's rate limit is nearly used up."""

    seconds: float
    polling: bool = False


Flow = Generator[Request | Pause, Any, T]
"""Yields requests and gets their ``Answer``s, or has a ``RemoteError`` thrown in."""


class RemoteError(Exception):
    """A system refused a request or could not be reached.

    :param status: the HTTP status, if there was an answer
    :param passing: asking again later may help
    :param maybe_done: the request may have been carried out all the same
    :param foreign: the answer was not the API's own: a page for people, or who answers is not trusted
    :param retry_after: seconds after which the server wants to be asked again
    """

    hopeless = False
    """Trying the whole task again cannot help, or does harm."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        passing: bool = False,
        maybe_done: bool = False,
        foreign: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.passing = passing
        self.maybe_done = maybe_done
        self.foreign = foreign
        self.retry_after = retry_after


class RemoteTimeoutError(RemoteError):
    """A job was still running when its time was over."""


class FlowCancelledError(RemoteError):
    """The flow was cancelled from outside, because its task was killed."""


def read_answer(request: Request, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """The answer, or the error that it means. Header names are looked up as they are written here."""
    if 300 <= status < 400 and status != 304:
        raise RemoteError(
            f"{request} was answered with a redirect ({status}); check host, schema and port", status=status
        )
    if status >= 400:
        raise RemoteError(
            f"{request} was refused: {status} {server_message(body)}",
            status=status,
            passing=status in (408, 429) or status >= 500,
            maybe_done=status >= 500,
            foreign=headers.get("content-type", "").startswith("text/html"),
            retry_after=seconds_until(headers.get("retry-after")),
        )
    if not body.strip():
        return Answer(status, None)
    try:
        data = json.loads(body)
    except ValueError:
        kind = headers.get("content-type", "").partition(";")[0] or "something"
        message = f"{request} was answered with {kind} instead of JSON: {server_message(body)}"
        raise RemoteError(message, status=status, passing=True, maybe_done=True, foreign=True) from None
    link = headers.get("link")
    return Answer(status, data, None if link is None else bool(re.search(r'rel="?next\b', link)))


def server_message(body: bytes) -> str:
    """What the server says is wrong, as one line."""
    text = body.decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except ValueError:
        text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    else:
        found = data if isinstance(data, dict) else {}
        named = (found.get(key) for key in ("message", "error_description", "error", "errorMessage", "detail", "title"))
        text = next((str(value) for value in named if value), text if text.strip() else "")
    line = " ".join(text.split()) or "(no message)"
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def seconds_until(retry_after: str | None) -> float | None:
    """``Retry-After`` in seconds, whether it is a number or a date."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())


class Walk(Generic[T]):
    """A flow, step by step: who carries out a step sets ``answer`` or ``error`` before asking for the next one.

    ``result`` is there when the flow has ended.
    """

    result: T

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.answer: Answer | None = None
        self.error: RemoteError | None = None

    def step(self) -> Request | Pause | None:
        """What the flow wants next; ``None`` when it has ended. What it raises itself is raised here."""
        answer, error = self.answer, self.error
        self.answer = self.error = None
        try:
            return self._flow.send(answer) if error is None else self._flow.throw(error)
        except StopIteration as end:
            self.result = end.value
            return None


def send(request: Request) -> Flow[Answer]:
    """The flow of one request."""
    answer: Answer = yield request
    return answer


def look_for(appeared: Callable[[], Flow[T | None]], wait: float) -> Flow[T | None]:
    """What a request whose answer was lost has made; ``None`` if it does not appear."""
    for pause in LOST_ANSWER_WAITS:
        yield Pause(pause * wait)
        found = yield from appeared()
        if found is not None:
            return found
    return None


def create(
    what: str,
    ask: Callable[[], Flow[Answer]],
    read: Callable[[Answer], T],
    appeared: Callable[[], Flow[T | None]],
    wait: float,
) -> Flow[T]:
    """Send a request that must not be carried out twice; if its answer is lost, look before it is sent again.

    :param ask: sends the request, which is not ``repeatable``
    :param appeared: finds what the request has made, if it was carried out
    """
    for last in (False, True):
        try:
            return read((yield from ask()))
        except RemoteError as error:
            if not error.maybe_done:
                raise
            log.warning("%s; looking whether the %s was started all the same", error, what)
            found = yield from look_for(appeared, wait)
            if found is not None:
                return found
            if last:
                raise
            log.warning("No %s was started; asking again", what)
    raise AssertionError("unreachable")
