"""Statements of a definition from the store stay inside of the database: a database in a file could open any other."""

from __future__ import annotations

import sqlite3

_ATTACH, _FUNCTION = 24, 31  # sqlite3.SQLITE_ATTACH and SQLITE_FUNCTION, which Python 3.10 does not name all
_LOADS_CODE = "load_extension"


def keep_from_files(connection: object) -> None:
    """Refuse, on a connection to SQLite, what opens or writes another file (``ATTACH``, ``VACUUM INTO``)."""
    target = getattr(connection, "driver_connection", None) or connection
    if isinstance(target, sqlite3.Connection):
        target.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    refused = action == _ATTACH or (action == _FUNCTION and second == _LOADS_CODE)
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK
