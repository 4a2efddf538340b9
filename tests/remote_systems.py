"""Fixtures: both systems on loopback, and connections that reach them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo

System = TypeVar("System", IntegrateIo, Aperture)


@pytest.fixture
def account() -> Iterator[IntegrateIo]:
    """An Integrate.io account that, at the end, has seen nothing but correct requests."""
    yield from _served(IntegrateIo())


@pytest.fixture
def studio() -> Iterator[Aperture]:
    """An Aperture installation that, at the end, has seen nothing but correct requests."""
    yield from _served(Aperture())


def _served(system: System) -> Iterator[System]:
    with system.served:
        yield system
    assert system.strict.violations == []


def posts(account: IntegrateIo) -> int:
    """How many times a job was asked for."""
    return len(account.served.seen("POST", "/jobs"))


def integrate_io_connection(account: IntegrateIo, **changes: Any) -> str:
    """A connection as Airflow reads it from an environment variable; quick to repeat."""
    return _connection(
        {
            "conn_type": "integrate_io",
            "host": account.base_url,
            "login": account.account_id,
            "password": account.api_key,
            "extra": {"retry_wait": 0.02, "timeout": 5},
        },
        changes,
    )


def aperture_connection(studio: Aperture, dialect: str = "v2", **changes: Any) -> str:
    """A connection for one of the dialects."""
    extra: dict[str, Any] = {"retry_wait": 0.02, "timeout": 5}
    values = {"conn_type": "aperture", "host": "127.0.0.1", "port": studio.served.port, "schema": "http"}
    if dialect == "v1":
        values |= {"login": studio.user, "password": studio.password}
    else:
        values |= {"password": studio.api_key}
        extra |= {"environment": studio.environment, "space": "marketing"}
    return _connection({**values, "extra": extra}, changes)


def _connection(values: dict[str, Any], changes: dict[str, Any]) -> str:
    extra = {**values["extra"], **changes.pop("extra", {})}
    return json.dumps({**values, **changes, "extra": extra})
