"""What every answer of an application has, whatever was asked and whatever went wrong."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

DETAILS: Final[Mapping[int, str]] = {
    401: "log in to Airflow first",
    403: "you may not see this; it takes the rights to read the run, its task instances and its XComs",
    404: "there is nothing at this address, or nothing that you may know of",
    405: "this address only answers GET",
    422: "the address or its parameters are not as they must be",
    500: "this went wrong on the server; the log of Airflow's API server says why",
}
"""What errors say: never what was asked, nor what somebody else's code says of it."""
_KEPT: Final = ("allow", "www-authenticate")
_NO_NAME: Final = re.compile("[\0-\x1f\x7f]")
"""No name has these, and databases end with errors of their own on some of them."""


class Refusal(HTTPException):
    """An error in words of our own, which repeat nothing either."""


class SafeAnswers:
    """An ASGI application around another one: every answer has the headers; errors are handled by ``page``.

    ``page`` makes the body of an error for a request, or ``None`` for JSON.
    """

    def __init__(
        self, app: FastAPI, headers: Mapping[str, str], page: Callable[[Request, int, str], Response | None]
    ) -> None:
        self._app = app
        self._headers = headers
        self._page = page
        app.add_exception_handler(HTTPException, self._refused)  # type: ignore[arg-type] # Starlette's type is too wide
        app.add_exception_handler(RequestValidationError, self._misread)
        app.add_exception_handler(Exception, self._failed)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, unless there can be nothing at its address."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        if scope["type"] == "http" and _NO_NAME.search(scope["path"]):
            await self._error(Request(scope), 404)(scope, receive, send_safely)
        else:
            await self._app(scope, receive, send_safely)

    async def _refused(self, request: Request, error: HTTPException) -> Response:
        kept = {name: value for name, value in (error.headers or {}).items() if name.lower() in _KEPT}
        return self._error(request, error.status_code, kept, error.detail if isinstance(error, Refusal) else None)

    async def _misread(self, request: Request, _error: Exception) -> Response:
        return self._error(request, 422)

    async def _failed(self, request: Request, _error: Exception) -> Response:
        return self._error(request, 500)  # the server logs the error

    def _error(
        self, request: Request, status: int, headers: Mapping[str, str] | None = None, words: str | None = None
    ) -> Response:
        detail = words or DETAILS.get(status, DETAILS[500] if status >= 500 else DETAILS[422])
        answer = self._page(request, status, detail) or JSONResponse({"detail": detail}, status)
        answer.headers.update(headers or {})
        return answer
