"""*Explain* on the page of a run: where it is, and what serves it. Every process of Airflow loads this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

URL_PREFIX: Final = "/workflows/runs"

EXTERNAL_VIEW: Final = {
    "name": "Explain",
    # Relative: Airflow's pages resolve it by the path of [api] base_url. The UI fills in both, percent-encoded.
    "href": f"{URL_PREFIX.lstrip('/')}/explain/{{DAG_ID}}/{{RUN_ID}}",
    "destination": "dag_run",
    "url_route": "explain",
}

_Message = MutableMapping[str, Any]


class RunApplication:
    """An ASGI application that is made by its first request: only the API server pays for it."""

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Pass the request on."""
        from airflow_workflow_provider.plugins.run_app import application

        await application()(scope, receive, send)


FASTAPI_APP: Final = {"app": RunApplication(), "url_prefix": URL_PREFIX, "name": "Workflow runs"}
