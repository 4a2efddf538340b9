"""What both hooks share: settings from a connection, and flows carried out with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow.sdk import BaseHook

from airflow_workflow_provider.exceptions import ConnectionFieldError
from airflow_workflow_provider.remote.calls import Flow
from airflow_workflow_provider.remote.client import Client, Settings

if TYPE_CHECKING:
    from airflow.sdk import Connection

T = TypeVar("T")
R = TypeVar("R")


class RemoteHook(BaseHook, Generic[R]):
    """A hook whose system is reached with a ``Client``. The connection is read once, when it is first needed.

    ``R`` is what the connection amounts to.
    """

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self._conn_id = conn_id
        self._reach: R | None = None
        self._client: Client | None = None

    def reach(self) -> R:
        """What the connection says."""
        if self._reach is None:
            self._take(self.get_connection(self._conn_id))
        assert self._reach is not None
        return self._reach

    async def areach(self) -> R:
        """``reach`` for an event loop."""
        if self._reach is None:
            from asgiref.sync import sync_to_async

            # Not aget_connection: before Airflow 3.3.2 it may block the loop that it runs in.
            self._take(await sync_to_async(self.get_connection)(self._conn_id))
        assert self._reach is not None
        return self._reach

    def get_conn(self) -> Client:
        """The client that carries out flows."""
        self.reach()
        assert self._client is not None
        return self._client

    def run(self, flow: Flow[T]) -> T:
        """The flow's result; ``RemoteError`` if the system refuses it or cannot be reached."""
        return self.get_conn().run(flow)

    async def arun(self, flow: Flow[T]) -> T:
        """``run`` for an event loop."""
        await self.areach()
        return await self.get_conn().arun(flow)

    def run_before_end(self, flow: Flow[T]) -> T:
        """Carry out a flow in the few seconds that a killed task has; whatever else this hook does is cancelled.

        Works inside a signal handler: nothing is shared with what was interrupted.
        """
        client = self.get_conn()
        client.cancelled = True
        return client.in_a_hurry().run(flow)

    def _take(self, connection: Connection) -> None:
        self._reach, settings = self._read(connection)
        self._client = Client(settings)

    def _read(self, connection: Connection) -> tuple[R, Settings]:
        raise NotImplementedError


def extras(connection: Connection) -> dict[str, Any]:
    """The connection's extra fields."""
    try:
        read = json.loads(connection.extra) if connection.extra else {}
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise ConnectionFieldError(f"connection '{connection.conn_id}': the extra is not a JSON object")
    return read


def address(connection: Connection, default: str, port: int | None = None) -> str:
    """Scheme, host and port; the host may be given with a scheme."""
    host = (connection.host or "").strip().rstrip("/")
    if not host:
        return default
    scheme, found, rest = host.partition("://")
    if not found:
        scheme, rest = connection.schema or "https" if port is None else connection.schema or "http", host
    number = connection.port or (port if ":" not in rest.rpartition("]")[2].partition("/")[0] else None)
    return f"{scheme}://{rest}:{number}" if number else f"{scheme}://{rest}"


def tuning(connection: Connection, extra: Mapping[str, Any]) -> dict[str, Any]:
    """``timeout``, ``tries``, ``wait`` and ``verify`` of the client, as far as the connection's fields give them."""
    read: dict[str, Any] = {}
    for name, field, least in (("timeout", "timeout", 0.001), ("tries", "retries", 0), ("wait", "retry_wait", 0)):
        value = extra.get(field)
        if value is None or value == "":
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = -1.0
        if number < least or number != number:
            raise ConnectionFieldError(f"connection '{connection.conn_id}': '{field}' is {value!r}, not a valid number")
        read[name] = int(number) + 1 if name == "tries" else number
    if (verify := extra.get("verify")) not in (None, "", True, "true"):
        read["verify"] = False if verify in (False, "false") else str(verify)
    return read


def needed(connection: Connection, field: str, label: str) -> str:
    """A field that the connection must have."""
    value = getattr(connection, field)
    if not value:
        raise ConnectionFieldError(
            f"connection '{connection.conn_id}' has no {label}; it goes into the field '{field}'"
        )
    return str(value)
