"""Faults that a test orders: late, flaky, rate-limited and lost answers, HTML where JSON is expected."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HTML = "<html><head><title>502</title></head><body><h1>Back soon</h1></body></html>"


@dataclass(slots=True)
class Reply:
    """What the client gets instead of the answer."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with requests of a method whose path matches; ``times`` of them, or all (``None``).

    The request is carried out if ``process``; then the client gets ``reply``, its real answer (no reply, ``lose`` not
    set), nothing until it gives up (``lose="silence"``) or half an answer (``lose="cut"``).
    """

    method: str
    path: str
    times: int | None = 1
    skip: int = 0
    wait: float = 0.0
    process: bool = True
    reply: Reply | None = None
    lose: str | None = None

    def applies(self, method: str, path: str) -> bool:
        """Whether it hits this request; counts it."""
        if self.times == 0 or method != self.method or not re.search(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


def late(method: str, path: str, seconds: float, times: int | None = 1) -> Fault:
    """Carried out only after a while."""
    return Fault(method, path, times, wait=seconds)


def refused(
    method: str,
    path: str,
    status: int,
    message: str = "not now",
    times: int | None = 1,
    headers: dict[str, str] | None = None,
) -> Fault:
    """Not carried out, and answered with an error."""
    reply = Reply(status, f'{{"message": "{message}"}}', {"content-type": "application/json", **(headers or {})})
    return Fault(method, path, times, process=False, reply=reply)


def html(method: str, path: str, times: int | None = 1, status: int = 200, *, process: bool = False) -> Fault:
    """A page of some proxy where JSON is expected."""
    return Fault(method, path, times, process=process, reply=Reply(status, HTML, {"content-type": "text/html"}))


def lost(method: str, path: str, times: int | None = 1) -> Fault:
    """Carried out, but the answer never arrives: the client waits until it gives up."""
    return Fault(method, path, times, lose="silence")


def cut(method: str, path: str, times: int | None = 1) -> Fault:
    """Carried out, but the connection breaks in the middle of the answer."""
    return Fault(method, path, times, lose="cut")


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as it arrived."""

    method: str
    path: str
    query: str


class FaultyApp:
    """The application behind its faults; ``requests`` is what arrived, the oldest first."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.faults: list[Fault] = []
        self.requests: list[SeenRequest] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, with the first fault that applies to it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        self.requests.append(SeenRequest(method, path, scope["query_string"].decode()))
        fault = next((fault for fault in self.faults if fault.applies(method, path)), None)
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.wait)
        if fault.reply is None and fault.lose is None:
            await self._app(scope, receive, send)
            return
        answer: list[Message] = []
        if fault.process:
            await self._app(scope, receive, _collector(answer))
        if fault.reply is not None:
            await _send(send, fault.reply)
        elif fault.lose == "silence":
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            await send(answer[0])
            await send({"type": "http.response.body", "body": answer[1]["body"][:10], "more_body": True})
            # Returning in the middle of a body makes the server close the connection.


def _collector(messages: list[Message]) -> Send:
    async def collect(message: Message) -> None:
        messages.append(message)

    return collect


async def _send(send: Send, reply: Reply) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body.encode()})
