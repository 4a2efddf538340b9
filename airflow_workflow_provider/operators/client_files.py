"""Statements of a definition from the store stay inside of the database: none reaches a file of this machine.

This is switched off where the connection is made; the words of statements are looked at besides (``stored.sql``).
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from airflow.sdk.exceptions import AirflowFailException

_ATTACH, _FUNCTION = 24, 31  # sqlite3.SQLITE_ATTACH and SQLITE_FUNCTION, which Python 3.10 does not name all
_LOADS_CODE = "load_extension"
_MYSQLCLIENT: Final = "_get_conn_config_mysql_client"
_SWITCHES: Final = ("_local_infile", "_allow_local_infile", "_allow_local_infile_in_path")
"""Attributes of connections of PyMySQL and mysql-connector-python: whether, or whence, the server may have files."""


def guarded_connection(hook: Any) -> Any:
    """A connection of the hook that sends and writes no files of this machine.

    SQLite opens no other file. MySQL's drivers refuse a server that asks for a file, however the statement is written;
    a connection that allows it all the same is refused.
    """
    if hasattr(hook, "local_infile"):
        hook.local_infile = False
    if hasattr(hook, _MYSQLCLIENT):
        config = getattr(hook, _MYSQLCLIENT)
        # mysqlclient leaves it to its C library, some builds of which allow it.
        vars(hook)[_MYSQLCLIENT] = lambda connection: {**config(connection), "local_infile": 0}
    connection = hook.get_conn()
    target = getattr(connection, "driver_connection", None) or connection
    if isinstance(target, sqlite3.Connection):
        target.set_authorizer(_authorize)
    elif any(getattr(target, switch, None) for switch in _SWITCHES):
        connection.close()
        raise AirflowFailException(
            "the connection lets the server read files of the worker (local_infile), which a definition from the store "
            "may not use; switch it off in the connection"
        )
    return connection


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    refused = action == _ATTACH or (action == _FUNCTION and second == _LOADS_CODE)
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK
