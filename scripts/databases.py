"""The database servers of tests and benchmarks, and databases of their own there.

Elsewhere: ``TEST_POSTGRES_URI`` and ``TEST_MARIADB_URI``, as Airflow writes connections; their users may create
databases.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, NullPool, create_engine, make_url, text

POSTGRES_URI: Final = os.environ.get("TEST_POSTGRES_URI", "postgres://postgres@127.0.0.1:5432/test")
MARIADB_URI: Final = os.environ.get("TEST_MARIADB_URI", "mysql://root@127.0.0.1:3306/test")
CONNECT_SECONDS: Final = 5


def postgresql(name: str) -> URL:
    """The address of a database on the PostgreSQL server."""
    return make_url(POSTGRES_URI).set(drivername="postgresql+psycopg2", database=name)


def mariadb(name: str) -> URL:
    """The address of a database on the MariaDB server."""
    return make_url(MARIADB_URI).set(drivername="mysql+pymysql", database=name)


@contextmanager
def new_database(url: URL) -> Iterator[URL]:
    """Make an empty database, and drop it in the end, whoever is connected. ``DBAPIError`` if no server answers."""
    create(url)
    try:
        yield url
    finally:
        drop(url)


def new_name(prefix: str) -> str:
    """A name that no other database has."""
    return f"{prefix}_{uuid.uuid4().hex}"


def create(url: URL) -> None:
    """Make an empty database."""
    # Nobody can be connected to template0, which would be in the way of several at once.
    template = " TEMPLATE template0" if _is_postgresql(url) else ""
    ask(url, f"CREATE DATABASE {url.database}{template}")


def drop(url: URL) -> None:
    """Drop a database; nothing happens if it is gone already."""
    force = " WITH (FORCE)" if _is_postgresql(url) else ""
    ask(url, f"DROP DATABASE IF EXISTS {url.database}{force}")


def ask(url: URL, statement: str, **values: str) -> Any:
    """The first value of a server's answer, from outside of the database itself."""
    engine = create_engine(
        url.set(database="postgres" if _is_postgresql(url) else "information_schema"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )
    with engine.connect() as connection:
        answer = connection.execute(text(statement), values)
        return answer.scalar() if answer.returns_rows else None


def _is_postgresql(url: URL) -> bool:
    return url.get_backend_name() == "postgresql"
