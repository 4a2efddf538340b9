"""Whether the store's tables are those of this version, and what makes them so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect

from airflow_workflow_provider.store.engine import reading, writing
from airflow_workflow_provider.store.errors import StoreSchemaError, StoreUnavailableError
from airflow_workflow_provider.store.tables import PREFIX

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE: Final = f"{PREFIX}schema"
_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK_SECONDS: Final = 30
_MIGRATE: Final = "run airflow workflows db migrate"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision of the tables (``None``: there are none) and the one that this version of the package needs."""

    current: str | None
    needed: str
    known: bool

    @property
    def is_current(self) -> bool:
        """Whether the store can be used."""
        return self.current == self.needed

    def problem(self, name: str) -> str | None:
        """What is wrong, and what to do; ``None`` if nothing is."""
        if self.is_current:
            return None
        if self.current is None:
            return f"{name} has no tables yet; {_MIGRATE}"
        if not self.known:
            return f"{name} was made by a newer version of this package (revision {self.current}); install that version"
        return f"the tables of {name} are those of revision {self.current}, {self.needed} is needed; {_MIGRATE}"


def check(engine: Engine, name: str = "the workflow store") -> SchemaState:
    """The state of the tables."""
    with reading(engine, name) as connection:
        return _state(connection)


def require_current(connection: Connection, name: str) -> None:
    """``StoreSchemaError`` unless the tables are, in this transaction, those of this version."""
    state = _state(connection)
    problem = state.problem(name)
    if problem is not None:
        raise StoreSchemaError(problem)


def migrate(engine: Engine, name: str = "the workflow store", revision: str = "head") -> SchemaState:
    """Bring the tables to a revision; the state before. Several at once do it one after the other."""
    from alembic import command

    with _alone(engine, name) as connection:
        before = _state(connection)
        if before.current is not None and not before.known:
            raise StoreSchemaError(before.problem(name) or "")
        with _quietly():
            command.upgrade(_config(connection), revision)
        return before


def downgrade(engine: Engine, revision: str, name: str = "the workflow store") -> SchemaState:
    """Take the tables back to an earlier revision, or with ``base`` away; the state before."""
    from alembic import command
    from alembic.util import CommandError

    with _alone(engine, name) as connection:
        before = _state(connection)
        if before.current is None:
            raise StoreSchemaError(f"{name} has no tables; there is nothing to take back")
        try:
            with _quietly():
                command.downgrade(_config(connection), revision)
        except CommandError as error:
            raise StoreSchemaError(f"{name} cannot be taken back to '{revision}': {error}") from None
        return before


def revisions() -> tuple[str, ...]:
    """All revisions that this version knows, first one first."""
    from alembic.script import ScriptDirectory

    return tuple(script.revision for script in ScriptDirectory(str(_FOLDER)).walk_revisions())[::-1]


@cache
def _known() -> tuple[str, ...]:
    """As ``revisions``, from the names of the files: a look at every start need not import Alembic."""
    files = sorted((_FOLDER / "versions").glob("[0-9]*.py"))
    return tuple(file.name.partition("_")[0] for file in files)


def _state(connection: Connection) -> SchemaState:
    current = None
    if inspect(connection).has_table(VERSION_TABLE):
        current = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    return SchemaState(current, _known()[-1], current in _known())


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Alembic's remarks: a file makes its tables in the middle of any command."""
    log = logging.getLogger("alembic.runtime.migration")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def _alone(engine: Engine, name: str) -> Iterator[Connection]:
    """A writing transaction while which no other process changes the tables."""
    with writing(engine, name) as connection:
        kind = connection.dialect.name
        if kind == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock(hashtext('{VERSION_TABLE}'))")
            yield connection
        elif kind == "sqlite":  # the transaction is the only one that writes
            yield connection
        else:
            # MariaDB ends the transaction with every change of a table, so its lock is the session's.
            if not connection.exec_driver_sql(f"SELECT GET_LOCK('{VERSION_TABLE}', {_LOCK_SECONDS})").scalar():
                raise StoreUnavailableError(f"somebody else has been migrating {name} for {_LOCK_SECONDS} s; try again")
            try:
                yield connection
            finally:
                connection.exec_driver_sql(f"SELECT RELEASE_LOCK('{VERSION_TABLE}')")
