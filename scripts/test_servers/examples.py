"""What the examples need: packages and workflows by their names, and connections that reach the servers."""

from __future__ import annotations

import json

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.integrate_io import IntegrateIo

PACKAGES = ("publish_promo", "warm_cache", "bootstrap_tables")
WORKFLOWS = tuple(f"Workflow {number}" for number in range(1, 8))


def furnish(account: IntegrateIo, studio: Aperture) -> None:
    """Fill both with what the examples name."""
    for name in PACKAGES:
        account.add_package(name)
    for name in WORKFLOWS:
        studio.add_workflow(name)


def connections(account: IntegrateIo, studio: Aperture) -> dict[str, str]:
    """Environment variables that define ``integrate_io_default`` and ``aperture_default`` (v2) for Airflow."""
    integrate_io = {
        "conn_type": "integrate_io",
        "host": account.base_url,
        "login": account.account_id,
        "password": account.api_key,
    }
    aperture = {
        "conn_type": "aperture",
        "host": "127.0.0.1",
        "schema": "http",
        "port": studio.served.port,
        "password": studio.api_key,
        "extra": {"environment": studio.environment, "space": "marketing"},
    }
    return {
        "AIRFLOW_CONN_INTEGRATE_IO_DEFAULT": json.dumps(integrate_io),
        "AIRFLOW_CONN_APERTURE_DEFAULT": json.dumps(aperture),
    }
