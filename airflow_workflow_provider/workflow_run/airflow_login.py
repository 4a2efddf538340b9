"""Logging in to Airflow: user name and password, or a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_workflow_provider.workflow_run.credentials import Credentials
from airflow_workflow_provider.workflow_run.exits import LoginError, NonsenseError, RefusedError
from airflow_workflow_provider.workflow_run.server import Server, TokenAuth

if TYPE_CHECKING:
    import httpx


def authentication(server: Server, credentials: Credentials) -> TokenAuth:
    """What authenticates every request; a password renews the token, a given token cannot be renewed."""
    if credentials.token is not None:
        refusal = f"{server.url} does not accept the token in {credentials.source}; it may have expired"
        return TokenAuth(credentials.token, login=None, read_token=lambda _: "", refusal=refusal)

    def login() -> httpx.Request:
        body = {"username": credentials.username, "password": credentials.password}
        return server.build("POST", "auth/token", json=body)

    def read_token(response: httpx.Response) -> str:
        try:
            answer = server.answer(response)
        except RefusedError as error:
            raise LoginError(_refusal(server.url, credentials.username, error)) from None
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise NonsenseError(f"{server.url}: POST /auth/token answered without a token")
        return token

    refusal = f"{server.url} does not accept the token that it has just given to '{credentials.username}'"
    return TokenAuth(None, login=login, read_token=read_token, refusal=refusal)


def _refusal(url: str, username: str | None, error: RefusedError) -> str:
    if error.status in (404, 405):
        return (
            f"{url} has no /auth/token: is this the address of an Airflow 3, with its path if it has one "
            f"(as in [api] base_url)? ({error})"
        )
    return f"{url} refuses the login of '{username}' ({error})"
