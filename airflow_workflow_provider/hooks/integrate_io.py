"""Integrate.io: the hook. What can be asked is in ``remote.integrate_io``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_workflow_provider.exceptions import WorkflowException
from airflow_workflow_provider.hooks.remote import RemoteHook, address, extras, needed, tuning
from airflow_workflow_provider.remote import integrate_io
from airflow_workflow_provider.remote.calls import RemoteError, Request, send
from airflow_workflow_provider.remote.client import Client, Settings

if TYPE_CHECKING:
    from airflow.sdk import Connection


class IntegrateIoHook(RemoteHook[str]):
    """An Integrate.io account: ``hook.run(integrate_io.job(7))``, ``await hook.arun(…)``.

    :param integrate_io_conn_id: a connection with the account id as login and the API key as password
    """

    conn_name_attr = "integrate_io_conn_id"
    default_conn_name = "integrate_io_default"
    conn_type = "integrate_io"
    hook_name = "Integrate.io"

    def __init__(self, integrate_io_conn_id: str = default_conn_name) -> None:
        super().__init__(integrate_io_conn_id)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the account can be reached and lets the key in, and what it said."""
        try:
            settings = self.get_conn().settings
            # The answer is wanted now, not after five tries.
            Client(replace(settings, tries=1)).run(send(Request("GET", "packages", query={"limit": 1})))
        except (RemoteError, WorkflowException) as error:
            return False, str(error)
        return True, f"Account {self.reach()} lets this API key in"

    def _read(self, connection: Connection) -> tuple[str, Settings]:
        extra = extras(connection)
        account = needed(connection, "login", "account id")
        key = needed(connection, "password", "API key")
        settings = Settings(
            system=integrate_io.SYSTEM,
            base_url=integrate_io.base_url(quote(account, safe=""), address(connection, integrate_io.API)),
            headers=integrate_io.headers(key),
            secrets=(key, integrate_io.basic(key)),
            **tuning(connection, extra),
        )
        return account, settings
