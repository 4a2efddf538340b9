"""Connections to the store's database: transactions that mean the same on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, Transaction, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from airflow_workflow_provider.store.errors import InvalidTextError, StoreError, StoreSchemaError, StoreUnavailableError

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 30
"""A look that takes longer is given up: the dag processor waits for it."""
WRITE_SECONDS: Final = 120
"""So long a publisher waits for others to be done."""
_WRITES: Final[ContextVar[bool]] = ContextVar("workflow_store_writes", default=False)
"""Whether the transaction that begins is one that writes; handlers of SQLAlchemy's events are told nothing else."""
_UNKEEPABLE: Final = re.compile("[\0\ud800-\udfff]")
"""PostgreSQL has no U+0000, UTF-8 has no surrogates: Python has those for bytes that it could not decode."""
_NO_TABLE: Final = ("no such table", "doesn't exist", "does not exist", "no such column", "unknown column")


def make_engine(url: URL) -> Engine:
    """An engine without a pool: Airflow's processes fork, and a look at the store is rare.

    ``StoreUnavailableError`` if the driver is not to be had.
    """
    kind = url.get_backend_name()
    try:
        # Errors are logged with their causes, which would hold whole definitions.
        engine = create_engine(url, poolclass=NullPool, connect_args=_connect_arguments(url), hide_parameters=True)
    except (ImportError, SQLAlchemyError) as error:
        raise StoreUnavailableError(f"the workflow store's driver {url.drivername} cannot be used: {error}") from error
    event.listen(engine, "before_cursor_execute", _refuse_unkeepable)
    if kind == "sqlite":
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin_sqlite)
    elif kind == "postgresql":
        event.listen(engine, "begin", _begin_postgresql)
    else:
        event.listen(engine, "do_connect", _limit_reading)
        event.listen(engine, "begin", _begin_mariadb)
    return engine


@contextmanager
def reading(engine: Engine, name: str) -> Iterator[Connection]:
    """A transaction that only reads, all of it as it was at one time; ``name`` is what messages call the store."""
    with _transaction(engine, name, writes=False) as connection:
        yield connection


@contextmanager
def writing(engine: Engine, name: str) -> Iterator[Connection]:
    """A transaction that writes; on SQLite it is the only one from its start."""
    with _transaction(engine, name, writes=True) as connection:
        yield connection


@contextmanager
def _transaction(engine: Engine, name: str, *, writes: bool) -> Iterator[Connection]:
    token = _WRITES.set(writes)
    try:
        with _errors(name), _connected(engine, name) as connection, connection.begin() as transaction:
            yield connection
            if writes:
                _commit(transaction, name)
    finally:
        _WRITES.reset(token)


@contextmanager
def _connected(engine: Engine, name: str) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise StoreUnavailableError(f"{name} cannot be reached: {_first_line(error)}") from error
    except SQLAlchemyError as error:
        raise StoreUnavailableError(f"{name} cannot be used: {error}") from error
    with connection:
        yield connection


def _commit(transaction: Transaction, name: str) -> None:
    try:
        transaction.commit()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise StoreUnavailableError(
            f"{name} was lost while it wrote ({_first_line(error)}); whether it did, airflow workflows history tells"
        ) from error


@contextmanager
def _errors(name: str) -> Iterator[None]:
    """What a database says, as the store's errors."""
    try:
        yield
    except StoreError:
        raise
    except DBAPIError as error:
        said = _first_line(error)
        if any(words in said.lower() for words in _NO_TABLE):
            raise StoreSchemaError(
                f"{name} has no tables, or not those of this version ({said}); run airflow workflows db migrate"
            ) from error
        raise StoreUnavailableError(f"{name} gave up, nothing was changed: {said}") from error


def _first_line(error: DBAPIError) -> str:
    """The driver's words, without the statement and its values."""
    original: Any = error.orig
    arguments = [str(each) for each in original.args if isinstance(each, str)]
    return (arguments[-1] if arguments else str(original)).strip().partition("\n")[0]


def _connect_arguments(url: URL) -> dict[str, Any]:
    backend, driver = url.get_backend_name(), url.get_driver_name()
    if backend == "sqlite":
        return {}
    return {"connection_timeout" if driver == "mysqlconnector" else "connect_timeout": CONNECT_SECONDS}


def _refuse_unkeepable(
    _connection: Any, _cursor: Any, _statement: str, parameters: Any, _context: Any, executemany: bool
) -> None:
    """Some drivers say nothing of such texts, others end with an error of Python's."""
    for row in parameters if executemany else [parameters]:
        values: Sequence[Any] = list(row.values()) if isinstance(row, Mapping) else row
        for value in values:
            if isinstance(value, str) and (found := _UNKEEPABLE.search(value)):
                raise InvalidTextError(f"the character U+{ord(found[0]):04X} cannot be kept in the store; remove it")


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    # The driver's own transactions begin late and end early; DDL would not be part of any.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {_limit() * 1000}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _WRITES.get() else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # Said in any case: with another default of the database, who has waited for others would see what was before them.
    level = "READ COMMITTED" if _WRITES.get() else "REPEATABLE READ, READ ONLY"
    connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {level}")
    # Not as a connection option: PgBouncer refuses those it does not know.
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_limit()}s'")


def _limit_reading(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
    if "connect_timeout" in options:  # drivers whose limit for connecting ends before the server's greeting
        options["read_timeout"] = _limit() + CONNECT_SECONDS


def _begin_mariadb(connection: Connection) -> None:
    level = "READ COMMITTED" if _WRITES.get() else "REPEATABLE READ"
    connection.exec_driver_sql(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
    connection.exec_driver_sql(f"SET SESSION innodb_lock_wait_timeout = {_limit()}")


def _limit() -> int:
    return WRITE_SECONDS if _WRITES.get() else READ_SECONDS
