"""What one Airflow has of servers that others use too: databases on PostgreSQL, and keys of a broker on Redis.

Where the servers are: see ``databases.py``, and ``TEST_REDIS_URI``. As a program, in the environment of an Airflow, it
makes the databases (``make``) or removes databases and keys (``remove``).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import URL

REDIS: Final = os.environ.get("TEST_REDIS_URI", "redis://127.0.0.1:6379/0")
# Of names and key prefixes: nothing else is ever removed.
OWN: Final = re.compile(r"local_airflow_[0-9a-f]{32}")
DATABASE: Final = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
BROKER: Final = "AIRFLOW__CELERY__BROKER_URL"
# Short names, with commas between them: what workflows use, beside the metadata.
MORE_DATABASES: Final = "LOCAL_AIRFLOW_MORE_DATABASES"
KEY_PREFIX: Final = "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__GLOBAL_KEYPREFIX"
CONNECT_SECONDS: Final = 5


def new_environment(databases: Sequence[str] = ()) -> dict[str, str]:
    """Settings of an Airflow for databases and keys of its own, none of which are there yet.

    ``databases``: short names of those that it has beside its metadata; ``database_url`` tells where they are.
    """
    from scripts import databases as servers

    name = servers.new_name("local_airflow")
    return {
        DATABASE: servers.postgresql(name).render_as_string(hide_password=False),
        MORE_DATABASES: ",".join(databases),
        BROKER: REDIS,
        KEY_PREFIX: f"{name}:",
    }


def database_url(environment: Mapping[str, str], name: str) -> URL:
    """Where one of the databases beside the metadata is."""
    from sqlalchemy import make_url

    return make_url(environment[DATABASE]).set(database=f"{database_name(environment)}_{name}")


def missing_service() -> str | None:
    """Why there can be no such Airflow here: which server does not answer, or what is not installed."""
    environment = new_environment()
    needs: dict[str, Callable[[], object]] = {
        "the Celery provider": lambda: import_module("airflow.providers.celery"),
        "PostgreSQL": lambda: _on_server(environment, "SELECT 1"),
        "Redis": lambda: remaining_keys(environment),
    }
    for name, need in needs.items():
        try:
            need()
        except Exception as error:  # noqa: BLE001 - each client has errors of its own
            return f"{name} is not to be had: {' '.join(str(error).split())}"
    return None


def make_databases(environment: Mapping[str, str]) -> None:
    """Make the empty databases."""
    from scripts import databases as servers

    for database in _databases(environment):
        servers.create(database)


def remove(environment: Mapping[str, str]) -> None:
    """Remove databases and keys, whoever is connected; nothing happens to what is gone already."""
    from scripts import databases as servers

    for database in _databases(environment):
        servers.drop(database)
    with closing(_redis(environment)) as client:
        for key in client.scan_iter(match=f"{key_prefix(environment)}*", count=1000):
            client.delete(key)


def remaining_databases(environment: Mapping[str, str]) -> int:
    """How many of the databases are there."""
    pattern = f"{database_name(environment)}%"
    return int(_on_server(environment, "SELECT count(*) FROM pg_database WHERE datname LIKE :pattern", pattern=pattern))


def remaining_keys(environment: Mapping[str, str]) -> list[str]:
    """The keys that are there."""
    with closing(_redis(environment)) as client:
        return sorted(key.decode() for key in client.scan_iter(match=f"{key_prefix(environment)}*", count=1000))


def database_name(environment: Mapping[str, str]) -> str:
    """The name of the metadata database, which is this Airflow's alone."""
    from sqlalchemy import make_url

    return _own(make_url(environment[DATABASE]).database or "")


def key_prefix(environment: Mapping[str, str]) -> str:
    """What every key of the broker begins with."""
    return _own(environment[KEY_PREFIX].removesuffix(":")) + ":"


def _databases(environment: Mapping[str, str]) -> list[URL]:
    """All that were made for this Airflow."""
    from sqlalchemy import make_url

    database_name(environment)  # which refuses the name of any other
    more = [name for name in environment[MORE_DATABASES].split(",") if name]
    return [make_url(environment[DATABASE]), *(database_url(environment, name) for name in more)]


def _own(name: str) -> str:
    if not OWN.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of something that was made for one Airflow only")
    return name


def _on_server(environment: Mapping[str, str], statement: str, **values: str) -> Any:
    from sqlalchemy import make_url

    from scripts import databases as servers

    return servers.ask(make_url(environment[DATABASE]), statement, **values)


def _redis(environment: Mapping[str, str]) -> Any:
    import redis

    return redis.Redis.from_url(environment[BROKER], socket_connect_timeout=CONNECT_SECONDS)


if __name__ == "__main__":
    # Python puts the folder of this file first; its neighbours are modules of a package, and must not hide others.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    {"make": make_databases, "remove": remove}[sys.argv[1]](os.environ)
