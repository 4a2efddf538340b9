"""Aperture Data Studio: the hook. What can be asked is in ``remote.aperture``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_workflow_provider.exceptions import ConnectionFieldError, WorkflowException
from airflow_workflow_provider.hooks.remote import RemoteHook, address, extras, needed, tuning
from airflow_workflow_provider.remote import aperture, aperture_names
from airflow_workflow_provider.remote.calls import RemoteError
from airflow_workflow_provider.remote.client import Client, Settings

if TYPE_CHECKING:
    from airflow.sdk import Connection


@dataclass(frozen=True, slots=True)
class Studio:
    """An installation as a connection describes it."""

    api: aperture.Api
    space: str | None


class ApertureHook(RemoteHook[Studio]):
    """An Aperture Data Studio: ``hook.run(hook.reach().api.job("7"))``, ``await hook.arun(…)``.

    :param aperture_conn_id: a connection with user and password (v1), or environment and API key (v2)
    """

    conn_name_attr = "aperture_conn_id"
    default_conn_name = "aperture_default"
    conn_type = "aperture"
    hook_name = "Aperture Data Studio"

    def __init__(self, aperture_conn_id: str = default_conn_name) -> None:
        super().__init__(aperture_conn_id)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the installation can be reached and lets this connection in, and what it said."""
        try:
            studio, settings = self.reach(), self.get_conn().settings
            query = {"spaceExternalLabel": studio.space} if studio.space and studio.api.dialect == "v2" else None
            Client(replace(settings, tries=1)).run(studio.api.call("workflows", query=query))
        except (RemoteError, WorkflowException) as error:
            return False, str(error)
        return True, f"{settings.base_url} lets this connection in"

    def _read(self, connection: Connection) -> tuple[Studio, Settings]:
        extra = extras(connection)
        # A user to log in with means v1: v2 has none.
        dialect = str(extra.get("dialect") or ("v1" if connection.login else "v2"))
        if dialect not in aperture_names.DIALECTS:
            raise ConnectionFieldError(f"connection '{connection.conn_id}': 'dialect' is '{dialect}', not v1 or v2")
        needed(connection, "host", "host")
        user = needed(connection, "login", "user name") if dialect == "v1" else ""
        password = needed(connection, "password", "password" if dialect == "v1" else "API key")
        environment = str(extra.get("environment") or "")
        if dialect == "v2" and not environment:
            raise ConnectionFieldError(
                f"connection '{connection.conn_id}' has no environment; v2 needs its external label in 'environment'"
            )
        names = _names(connection, dialect, extra.get("names"))
        api = aperture.Api(dialect, names, user=user, password=password, environment=environment)
        settings = Settings(
            system=aperture.SYSTEM,
            base_url=f"{address(connection, '', aperture.PORT)}/{names.base.strip('/')}/",
            headers={"Accept": "application/json"},
            secrets=(password,),
            **tuning(connection, extra),
        )
        return Studio(api, extra.get("space") or None), settings


def _names(connection: Connection, dialect: str, given: Any) -> aperture_names.Names:
    """The assumed names, with those that the connection overrides (JSON text, or an object in the extra)."""
    try:
        read = json.loads(given) if isinstance(given, str) and given.strip() else given or {}
        if not isinstance(read, Mapping):
            raise ValueError("not a JSON object")
        return aperture_names.DIALECTS[dialect].overridden(read)
    except ValueError as error:
        raise ConnectionFieldError(f"connection '{connection.conn_id}': 'names': {error}") from None
