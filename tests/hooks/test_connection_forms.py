"""The connection form and its *Test* button, as Airflow makes them from what the package tells about itself."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo
from tests.remote_systems import aperture_connection, integrate_io_connection


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("integrate_io", {"timeout", "retries", "retry_wait", "verify"}),
        ("aperture", {"dialect", "environment", "space", "timeout", "retries", "retry_wait", "verify", "names"}),
    ],
)
def test_the_form_has_the_fields_of_the_system(kind: str, fields: set[str]) -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    assert kind in manager.hooks
    manager.initialize_providers_hooks()
    prefix = f"extra__{kind}__"
    widgets: dict[str, Any] = {k: v for k, v in manager.connection_form_widgets.items() if k.startswith(prefix)}
    assert {name.removeprefix(prefix) for name in widgets} == fields
    assert "password" in manager.field_behaviours[kind]["relabeling"]


def press_test(monkeypatch: pytest.MonkeyPatch, connection: str) -> tuple[bool, str]:
    """What the API server does for the button: the connection becomes a URI in an environment variable."""
    from airflow.models.connection import Connection

    made = Connection.from_json(connection, conn_id="transient")
    monkeypatch.setenv("AIRFLOW_CONN_TRANSIENT", made.get_uri())
    ok, message = made.test_connection()  # type: ignore[no-untyped-call]
    return bool(ok), str(message)


def test_the_button_tests_integrate_io(account: IntegrateIo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert press_test(monkeypatch, integrate_io_connection(account)) == (True, "Account acme lets this API key in")
    ok, message = press_test(monkeypatch, integrate_io_connection(account, password="wrong"))
    assert (ok, "401 Access denied" in message) == (False, True)


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_the_button_tests_aperture(studio: Aperture, monkeypatch: pytest.MonkeyPatch, dialect: str) -> None:
    ok, message = press_test(monkeypatch, aperture_connection(studio, dialect))
    assert (ok, message) == (True, f"{studio.served.address}/api/{dialect}/ lets this connection in")
