"""Requests to a server that may lie: every answer is JSON of the server itself, or one of its errors."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator
from typing import Any, Final

import httpx

from airflow_workflow_provider.definitions.diagnostics import one_line
from airflow_workflow_provider.workflow_run.exits import (
    LoginError,
    NonsenseError,
    RefusedError,
    UnreachableError,
    UsageError,
)

_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
# What Airflow answers (with 403) to a token that it did not sign itself, as after a restart with a new secret.
_FOREIGN_TOKEN: Final = "Invalid JWT token"


class Server:
    """An HTTP client for one base address; every request has the time that ``seconds`` gives it."""

    def __init__(self, url: str, seconds: Callable[[], float], *, ca_file: str | None, agent: str) -> None:
        self.url = url
        self._seconds = seconds
        check_address(url)
        self._client = httpx.Client(
            base_url=f"{url}/",
            headers={"Accept": "application/json", "User-Agent": agent},
            # Credentials go to the address that the user gave and to no other.
            follow_redirects=False,
            verify=verification(url, ca_file),
        )

    def call(self, method: str, path: str, *, auth: httpx.Auth | None = None, **arguments: Any) -> Any:
        """The JSON of the answer; ``RefusedError`` for the server's own no, ``UnreachableError`` where none came."""
        try:
            response = self._client.request(
                method, path, auth=auth, timeout=httpx.Timeout(self._seconds()), **arguments
            )
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise _unreached(self.url, error) from None
        return self.answer(response)

    def answer(self, response: httpx.Response) -> Any:
        """What a response says."""
        status, what = response.status_code, f"{response.request.method} {response.request.url.path}"
        if status in _LATER:
            raise UnreachableError(f"{what} answered {status} {response.reason_phrase}{_detail(response)}")
        if response.is_redirect:
            to = one_line(response.headers.get("location", ""), limit=200)
            raise NonsenseError(
                f"{what} was redirected to {to}; give the address that it is redirected to, if it is right"
            )
        data = _json(response)
        if data is None:
            kind = one_line(response.headers.get("content-type", "nothing").partition(";")[0], limit=60)
            raise NonsenseError(f"{what} answered {status} with {kind} instead of JSON; is there a proxy in between?")
        if response.is_success:
            return data
        if not isinstance(data, dict) or "detail" not in data:
            raise NonsenseError(f"{what} answered {status} in a form that is not Airflow's")
        raise RefusedError(f"{what} answered {status}{_detail(response)}", status)

    def build(self, method: str, path: str, **arguments: Any) -> httpx.Request:
        """A request to be sent as part of another one."""
        return self._client.build_request(method, path, timeout=httpx.Timeout(self._seconds()), **arguments)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class TokenAuth(httpx.Auth):
    """Sends the token; when it is not accepted any more, logs in once and sends the request again.

    ``log_in`` makes the login request and reads the token from its response; without it the token is all there is.
    """

    requires_response_body = True

    def __init__(
        self,
        token: str | None,
        *,
        login: Callable[[], httpx.Request] | None,
        read_token: Callable[[httpx.Response], str],
        refusal: str,
    ) -> None:
        self._token = token
        self._login = login
        self._read_token = read_token
        self._refusal = refusal

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield requests and get their responses, as httpx asks for."""
        fresh = self._token is None
        if self._token is None:
            yield from self._renew()
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if not is_expired(response):
            return
        if self._login is None or fresh:
            raise LoginError(self._refusal + _detail(response))
        yield from self._renew()
        request.headers["Authorization"] = f"Bearer {self._token}"
        if is_expired((yield request)):
            raise LoginError(self._refusal)

    def _renew(self) -> Generator[httpx.Request, httpx.Response, None]:
        if self._login is None:
            raise LoginError(self._refusal)
        self._token = None
        response = yield self._login()
        self._token = self._read_token(response)


def is_expired(response: httpx.Response) -> bool:
    """Whether the server does not accept the token (any more)."""
    return response.status_code == 401 or (response.status_code == 403 and _detail(response) == f": {_FOREIGN_TOKEN}")


def check_address(url: str) -> None:
    """``UsageError`` for an address, or a proxy of the environment, that no request could be sent to."""
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"--url: {one_line(str(error), limit=200)}") from None
    try:
        httpx.Client(verify=False).close()
    except (httpx.InvalidURL, ImportError, ValueError) as error:
        said = one_line(str(error), limit=200)
        raise UsageError(
            f"a proxy that the environment names (HTTPS_PROXY and the like) cannot be used: {said}"
        ) from None


def verification(url: str, ca_file: str | None) -> ssl.SSLContext | bool:
    """How certificates are verified; reading the trusted ones takes a tenth of a second, which plain http saves."""
    if url.startswith("http:"):
        return False
    try:
        return httpx.create_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        source = f"--ca-file: '{ca_file}'" if ca_file is not None else "what SSL_CERT_FILE or SSL_CERT_DIR names"
        raise UsageError(f"{source} cannot be read as certificates: {error}") from None


def _json(response: httpx.Response) -> Any:
    """The body, or ``None`` when it is no JSON."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _detail(response: httpx.Response) -> str:
    """``": "`` and what the server gives as its reason, or nothing."""
    data = _json(response)
    detail = data.get("detail") if isinstance(data, dict) else None
    if isinstance(detail, dict):
        detail = detail.get("message") or detail.get("reason")
    if isinstance(detail, list):
        detail = "; ".join(str(each.get("msg", each)) if isinstance(each, dict) else str(each) for each in detail)
    return f": {one_line(str(detail), limit=500)}" if detail else ""


def _unreached(url: str, error: Exception) -> UnreachableError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return NonsenseError(f"{url}: {_said(error)}; --ca-file names certificates to trust")
    return UnreachableError(f"{url}: {_said(error)}")


def _said(error: Exception) -> str:
    """An error of the connection in words; timeouts have none of their own."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return one_line(str(error), limit=300) or type(error).__name__
