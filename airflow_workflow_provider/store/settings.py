"""What Airflow's configuration and connections say of the store."""

from __future__ import annotations

import json
import os
import stat
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.configuration import AIRFLOW_HOME
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import URL

from airflow_workflow_provider.store import schema
from airflow_workflow_provider.store.engine import make_engine
from airflow_workflow_provider.store.errors import StoreUnavailableError
from airflow_workflow_provider.store.permissions import Rules
from airflow_workflow_provider.store.policy import DEFAULT_CONN_ID, patterns, store_conn_id, trust
from airflow_workflow_provider.store.records import Actor
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.tables import NAME

if TYPE_CHECKING:
    from airflow.sdk import Connection

FILE: Final = Path(AIRFLOW_HOME, "workflows.db")

_DIALECTS: Final = {
    "postgresql": {"psycopg2": "postgresql+psycopg2", "psycopg": "postgresql+psycopg"},
    "mysql": {"MySQLdb": "mysql+mysqldb", "pymysql": "mysql+pymysql", "mysql.connector": "mysql+mysqlconnector"},
}
_BACKENDS: Final = {"postgres": "postgresql", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_NO_CONNECTIONS: Final = (
    "no such table: connection",
    'relation "connection" does not exist',
    ".connection' doesn't exist",
)
"""What says that Airflow's database was not set up yet: it has no connection."""
_EXTRAS: Final = {
    "postgresql": ("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "application_name", "target_session_attrs"),
    "mysql": ("unix_socket", "ssl_ca", "ssl_cert", "ssl_key"),
}


def open_store(conn_id: str | None = None) -> WorkflowStore:
    """The store behind an Airflow connection: that of ``[workflows] store_conn_id``, if none is given.

    Where the default connection does not exist it is the SQLite file ``$AIRFLOW_HOME/workflows.db``, whose tables are
    made when it is first opened. ``StoreUnavailableError`` for a connection that is none, or not to a database, and
    where nobody can tell whether it exists: another store must not be taken for this one.
    """
    wanted = conn_id or store_conn_id()
    url = _url(wanted)
    if url is None:
        return _file_store(FILE)
    if url.get_backend_name() == "sqlite" and url.database:
        return _file_store(Path(url.database))
    return WorkflowStore(make_engine(url), f"the workflow store '{wanted}'")


def rules() -> Rules:
    """What holds for all that is published."""
    return Rules(trust(), frozenset(patterns("package_publishers", "Admin")))


def command_line_actor() -> Actor:
    """Whoever uses the command line: the user of the operating system, with the roles that the configuration gives."""
    shown = system_user().encode(errors="backslashreplace").decode()[: NAME.length]
    return Actor(shown, frozenset(patterns("command_line_roles", "Admin")))


def system_user() -> str:
    """The user as whom this process runs: not what LOGNAME and the like say, which anybody can set."""
    try:
        import pwd
    except ImportError:  # Windows
        return os.getlogin()
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container whose user has no name
        return f"user {number}"


def _file_store(path: Path) -> WorkflowStore:
    name = f"the workflow store {path}"
    _keep_for_owner(path, name)
    store = WorkflowStore(make_engine(URL.create("sqlite", database=str(path))), name)
    if schema.check(store.engine, store.name).current is None:
        schema.migrate(store.engine, store.name)
    return store


def _keep_for_owner(path: Path, name: str) -> None:
    """Whoever writes the file runs code in workers: it is made for its owner, and not used if everybody may write."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
        mode = path.stat().st_mode
    except OSError:
        return  # SQLite says what is wrong, or only reads
    if os.name == "posix" and mode & stat.S_IWOTH:
        raise StoreUnavailableError(
            f"{name} can be written by every user of this machine, who could so run code in Airflow's workers; "
            f"take that right away: chmod o-w {path}"
        )


def _url(conn_id: str) -> URL | None:
    """The address behind a connection; ``None`` if it is the default one and there is none."""
    from airflow.sdk import BaseHook

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        if conn_id == DEFAULT_CONN_ID:
            _require_absent(conn_id)
            return None
        raise StoreUnavailableError(
            f"the workflow store's connection '{conn_id}' does not exist; add it, or mend [workflows] store_conn_id"
        ) from None
    return connection_url(connection)


def _require_absent(conn_id: str) -> None:
    """Airflow also says that a connection does not exist where it could not look; a file would then hide the store."""
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    for backend in ensure_secrets_backend_loaded():
        try:
            backend.get_connection(conn_id=conn_id)
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            if any(words in str(error) for words in _NO_CONNECTIONS):
                continue
            # Not in the error's words: they may be part of a password.
            raise StoreUnavailableError(
                f"the workflow store's connection '{conn_id}' cannot be read: {type(error).__name__} in "
                f"{type(backend).__name__}; mend the connection, or what Airflow reads it from"
            ) from None

    comms = getattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS", None)
    if comms is None and os.environ.get("_AIRFLOW_PROCESS_CONTEXT") != "server":
        raise StoreUnavailableError(
            f"this program does not see the connections that Airflow's database holds, so it cannot tell where the "
            f"workflow store is; use airflow workflows, or set AIRFLOW_CONN_{conn_id.upper()} (for Airflow's own file "
            f"to sqlite:///{FILE})"
        )
    if comms is not None and not _api_says_absent(comms, conn_id):
        raise StoreUnavailableError(
            f"the workflow store's connection '{conn_id}' cannot be read: Airflow's API server gave no answer"
        )


def _api_says_absent(comms: Any, conn_id: str) -> bool:
    """In a task or a parse: whether the API server has looked. Airflow takes its errors for no connection, too."""
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection

    try:
        answer = comms.send(GetConnection(conn_id=conn_id))
    except AirflowRuntimeError as error:
        return bool(error.error.error == ErrorType.CONNECTION_NOT_FOUND)
    return isinstance(answer, ErrorResponse) and answer.error == ErrorType.CONNECTION_NOT_FOUND


def connection_url(connection: Connection) -> URL:
    """The address of the database that an Airflow connection leads to, with a driver that is installed."""
    if connection.conn_type == "sqlite":
        file = connection.host or connection.schema
        if not file or file == ":memory:":
            raise StoreUnavailableError(
                f"the workflow store's connection '{connection.conn_id}' names no file; give one as its host, or as in "
                "sqlite:////var/lib/airflow/workflows.db"
            )
        return URL.create("sqlite", database=file)
    backend = _BACKENDS.get(connection.conn_type or "")
    if backend is None:
        raise StoreUnavailableError(
            f"the workflow store's connection '{connection.conn_id}' is of type '{connection.conn_type}'; it must be "
            "postgres, mysql or sqlite"
        )
    return URL.create(
        _dialect(backend),
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query=_query(connection, backend),
    )


@cache
def _dialect(backend: str) -> str:
    for module, dialect in _DIALECTS[backend].items():
        if _is_installed(module):
            return dialect
    names = " or ".join(_DIALECTS[backend])
    raise StoreUnavailableError(f"the workflow store needs a driver for {backend}: install {names}")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def _query(connection: Connection, backend: str) -> dict[str, str]:
    """What the connection's extra says to the driver; the rest of it is for Airflow's hooks."""
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = {}
    known: dict[str, Any] = extra if isinstance(extra, dict) else {}
    found = {name: str(known[name]) for name in _EXTRAS[backend] if known.get(name)}
    return found if backend == "postgresql" else {"charset": "utf8mb4", **found}
