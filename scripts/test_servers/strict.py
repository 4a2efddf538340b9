"""Checks that both servers share: what a correct client never does is refused and remembered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from fastapi import FastAPI, Request


class Body(BaseModel):
    """A request body: no unknown keys, no converted types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Strict:
    """Refuses requests. ``violations`` are those that no correct client sends; a test can ask that there are none."""

    def __init__(self) -> None:
        self.violations: list[str] = []

    def refusal(self, status: int, message: str) -> HTTPException:
        """An answer that a correct client can get too, such as 404."""
        return HTTPException(status, message)

    def violation(self, request: Request, status: int, message: str) -> HTTPException:
        """An answer to a request that is wrong in itself."""
        self.violations.append(f"{request.method} {request.url.path}: {message}")
        return HTTPException(status, message)

    def check_query(self, request: Request, allowed: Iterable[str]) -> None:
        """No query parameter beside these, none twice."""
        names = [name for name, _ in request.query_params.multi_items()]
        if unknown := set(names) - set(allowed):
            raise self.violation(request, 400, f"unknown parameter {sorted(unknown)[0]}")
        if len(names) != len(set(names)):
            raise self.violation(request, 400, "parameter given twice")

    def check_json(self, request: Request) -> None:
        """A body comes as JSON and only where one belongs; answers are asked for as JSON."""
        has_body = int(request.headers.get("content-length", "0")) > 0
        if request.method in ("GET", "DELETE") and has_body:
            raise self.violation(request, 400, f"{request.method} with a body")
        if has_body and request.headers.get("content-type") != "application/json":
            raise self.violation(request, 415, "Content-Type must be application/json")

    def install(self, app: FastAPI) -> None:
        """Give every error the shape of these APIs: ``{"message": …}``."""

        @app.exception_handler(HTTPException)
        async def answer(request: Request, error: HTTPException) -> JSONResponse:
            if error.detail in ("Not Found", "Method Not Allowed"):  # Starlette's own words: no route took it
                self.violations.append(f"{request.method} {request.url.path}: no such path")
            return JSONResponse({"message": error.detail}, error.status_code, error.headers)

        @app.exception_handler(RequestValidationError)
        async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"][1:]))
            message = f"{place}: {first['msg']}"
            self.violations.append(f"{request.method} {request.url.path}: {message}")
            return JSONResponse({"message": message}, 422)


def now() -> str:
    """The time as both APIs write it."""
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def page(items: list[Any], offset: int, limit: int) -> list[Any]:
    """A part of a list."""
    return items[offset : offset + limit]
