"""The statements of one SQL task on one connection: one transaction, read to the end, within the task's timeout."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any, Final

from airflow_workflow_provider.definitions.durations import format_duration
from airflow_workflow_provider.definitions.sql_text import parameters_alone_in_lists
from airflow_workflow_provider.operators.binding import BindValueError, Driver, driver_of, prepare
from airflow_workflow_provider.operators.client_files import guarded_connection

Row = tuple[tuple[str, Any], ...]
"""Column names with values, in the query's order; names may repeat."""

_STEPS: Final = 10_000
"""Instructions of SQLite's machine between two looks at the clock: some hundred microseconds."""
_CLOCKS_DIFFER: Final = 0.2
_FIRST_WORD: Final = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(\w+)", re.DOTALL)


_LISTS: Final = {
    "postgres": "IN (SELECT jsonb_array_elements_text(CAST(:list AS jsonb)))",
    "sqlite": "IN (SELECT value FROM json_each(:list))",
    "mysql": "IN (SELECT v FROM JSON_TABLE(:list, '$[*]' COLUMNS (v TEXT PATH '$')) AS items)",
    "": "a query in the brackets that takes the items from the JSON text :list",
}
"""How the items of a list that is bound as JSON are read, by the family of a driver."""


class Deadline:
    """When a task's timeout is over; without one never."""

    def __init__(self, timeout: timedelta | None) -> None:
        self._timeout = timeout
        self._at = None if timeout is None else time.monotonic() + timeout.total_seconds()

    @property
    def milliseconds(self) -> int | None:
        """What is left, at least 1; ``None`` if there is no end."""
        return None if self._at is None else max(int((self._at - time.monotonic()) * 1000), 1)

    def is_over(self) -> bool:
        """Whether the time is up, give or take what clocks differ by."""
        return self._at is not None and time.monotonic() >= self._at - _CLOCKS_DIFFER

    def __str__(self) -> str:
        if self._timeout is None:
            return "the task has no timeout"
        whole = timedelta(seconds=max(round(self._timeout.total_seconds()), 1))
        return f"the SQL did not end within the task's timeout of {format_duration(whole)}"


class SqlSession:
    """A connection that is open; statements run in a transaction that ``commit`` ends."""

    def __init__(self, connection: Any, driver: Driver, cursor: Any, deadline: Deadline, *, autocommit: bool) -> None:
        self._connection = connection
        self._driver = driver
        self._cursor = cursor
        self._deadline = deadline
        self._autocommit = autocommit
        self._limit = _limit_of(driver, cursor, autocommit=autocommit) if deadline.milliseconds else None

    def run(self, statement: str, values: Mapping[str, object]) -> tuple[int, list[str] | None, Row | None]:
        """Run a statement to its end: rows that it counts, and columns and first row of its last set of rows.

        A procedure may return several sets, and some databases tell its errors only after the last of them.
        """
        self._refuse_lists(statement, values)
        text, bound = self._driver.bind(statement, values)
        self._begin(statement)
        self._set_limit()
        cursor = self._cursor
        cursor.execute(text, bound) if bound else cursor.execute(text)
        count: int = cursor.rowcount
        columns: list[str] | None = None
        first: Row | None = None
        while True:
            if cursor.description is not None:
                columns = [column[0] for column in cursor.description]
                row = cursor.fetchone()
                first = None if row is None else tuple(zip(columns, row, strict=True))
                _drop_the_rest(cursor, row)
            if not _has_another_set(cursor):
                return count, columns, first

    def commit(self) -> None:
        """End the transaction, if there is one."""
        if not self._autocommit:
            self._connection.commit()

    def commits_by_itself(self, statement: str) -> bool:
        """Whether the database is known to end the transaction with such a statement."""
        word = _first_word(statement)
        return self._driver.is_mysql and word in ("CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "GRANT", "REVOKE")

    def _refuse_lists(self, statement: str, values: Mapping[str, object]) -> None:
        """A list is bound as one value, JSON: in ``IN (:ids)`` it would equal nothing, and nobody would be told."""
        if not any(isinstance(value, list | tuple) for value in values.values()):
            return
        for name in sorted(parameters_alone_in_lists(statement)):
            if isinstance(values[name], list | tuple):
                instead = _LISTS.get(self._driver.family.partition("-")[0], _LISTS[""]).replace(":list", f":{name}")
                raise BindValueError(
                    f"variable '{name}' is a list, and IN (:{name}) compares with one value; write {instead}"
                )

    def _begin(self, statement: str) -> None:
        """Python's SQLite opens a transaction before some statements only; within one ``PRAGMA`` does nothing."""
        target = _sqlite(self._connection)
        if target is None or self._autocommit or target.in_transaction or _first_word(statement) == "PRAGMA":
            return
        self._cursor.execute("BEGIN")

    def _set_limit(self) -> None:
        left = self._deadline.milliseconds
        if self._limit is not None and left is not None:
            self._cursor.execute(self._limit.format(ms=left, s=left / 1000))


@contextmanager
def open_session(hook: Any, deadline: Deadline, *, autocommit: bool, guarded: bool) -> Iterator[SqlSession]:
    """A session on a new connection, closed at the end; what is not committed then is undone.

    ``guarded``: no statement reaches files of this machine. Raises ``AirflowTaskTimeout`` when the time is up.
    """
    from airflow.sdk.exceptions import AirflowTaskTimeout

    try:
        with closing(guarded_connection(hook) if guarded else hook.get_conn()) as connection:
            prepare(connection)
            if hook.supports_autocommit:
                hook.set_autocommit(connection, autocommit)
            target = _sqlite(connection)
            if target is not None:
                target.isolation_level = None
                if deadline.milliseconds is not None:
                    target.set_progress_handler(deadline.is_over, _STEPS)
            with closing(connection.cursor()) as cursor:
                driver = driver_of(hook, connection)
                yield SqlSession(connection, driver, cursor, deadline, autocommit=autocommit)
    except Exception:
        if deadline.is_over():
            raise AirflowTaskTimeout(str(deadline)) from None  # what the driver says may repeat a secret
        raise


def _limit_of(driver: Driver, cursor: Any, *, autocommit: bool) -> str | None:
    """The statement by which a server is told how long the next one may run."""
    if driver.family == "postgres" and driver.module.startswith("psycopg"):
        return f"SET {'' if autocommit else 'LOCAL '}statement_timeout = {{ms}}"
    if driver.is_mysql:
        cursor.execute("SELECT VERSION()")
        version = str(cursor.fetchone()[0])
        _has_another_set(cursor)
        return "SET max_statement_time = {s}" if "MariaDB" in version else "SET max_execution_time = {ms}"
    return None


def _drop_the_rest(cursor: Any, row: Any) -> None:
    """Until then some drivers refuse to commit (mysql-connector-python), and some databases have not even run the whole
    query (Trino).
    """
    while row is not None and cursor.fetchmany(1000):
        pass


def _has_another_set(cursor: Any) -> bool:
    nextset = getattr(cursor, "nextset", None)
    if nextset is None:
        return False
    try:
        return bool(nextset())
    except Exception as error:
        if type(error).__name__ == "NotSupportedError":  # psycopg2 has the method and nothing behind it
            return False
        raise


def _sqlite(connection: Any) -> sqlite3.Connection | None:
    target = getattr(connection, "driver_connection", None) or connection
    return target if isinstance(target, sqlite3.Connection) else None


def _first_word(statement: str) -> str:
    found = _FIRST_WORD.match(statement)
    return found[1].upper() if found else ""
