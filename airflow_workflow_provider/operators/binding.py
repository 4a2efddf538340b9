"""From ``:name`` and a value to what a connection's driver takes: placeholder style and value types.

Where drivers lose or change a value, it is changed here first, so that the same data arrives everywhere:

- a datetime with a time zone is sent in UTC, to MySQL and MariaDB without the offset (their drivers drop it);
- a Decimal goes to SQLite, which has none, as the number its text would be there; one that it cannot hold is
  an error;
- dicts and lists are sent as JSON text, UUIDs as text, pendulum's types and subclasses as plain Python types;
- a NaN that a database would silently store as NULL is an error, as is an integer that SQLite cannot hold.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from airflow_workflow_provider.definitions.sql_text import (
    Dialect,
    Parameters,
    ParamStyle,
    SqlTextError,
    parameters,
    translate,
)

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


class BindValueError(ValueError):
    """A value that the connection's database cannot hold as it is."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What a connection's driver and database expect."""

    module: str
    paramstyle: ParamStyle
    dialect: Dialect = Dialect.ANY
    family: str = ""

    @property
    def is_mysql(self) -> bool:
        """Whether it speaks to MySQL or MariaDB."""
        return self.dialect is Dialect.MYSQL

    def bind(self, sql: str, values: Mapping[str, object]) -> tuple[str, Parameters]:
        """The text and parameters for ``cursor.execute``; pass no parameters if they are empty."""
        if self.family == "mysql-connector":
            return _bind_mysql_connector(self, sql, values)
        # Oracle refuses `:date` and `:_x`: a bind name there is no reserved word and starts with a letter.
        prefix = "v_" if self.family == "oracle" else ""
        translated = translate(sql, self.paramstyle, self.dialect, prefix=prefix)
        return translated.text, parameters(translated, _Adapted(values, self))


_POSTGRES = (Dialect.POSTGRES, "postgres")
_MYSQL = (Dialect.MYSQL, "mysql")
_DRIVERS: dict[str, tuple[Dialect, str]] = {
    "sqlite3": (Dialect.STANDARD, "sqlite"),
    "psycopg": _POSTGRES,
    "psycopg2": _POSTGRES,
    "pg8000": _POSTGRES,
    "redshift_connector": _POSTGRES,
    "MySQLdb": _MYSQL,
    "pymysql": _MYSQL,
    "mariadb": _MYSQL,
    "mysql.connector": (Dialect.MYSQL, "mysql-connector"),
    "oracledb": (Dialect.STANDARD, "oracle"),
    "cx_Oracle": (Dialect.STANDARD, "oracle"),
    "trino.dbapi": (Dialect.STANDARD, "trino"),
    "snowflake.connector": (Dialect.BACKSLASH, "snowflake"),
    "databricks.sql": (Dialect.BACKSLASH, "databricks"),
}


def paramstyle_of(hook: DbApiHook, connection: object | None = None) -> ParamStyle:
    """The placeholder style of a hook's connection."""
    return driver_of(hook, connection).paramstyle


def driver_of(hook: DbApiHook, connection: object | None = None) -> Driver:
    """The driver behind a hook; without an open connection one is opened for the question and closed.

    The style is the first found of: ``paramstyle`` in the connection's extra, the connection object's own,
    its driver module's, what ``hook.placeholder`` suggests.
    """
    if connection is None:
        with closing(hook.get_conn()) as opened:
            return driver_of(hook, opened)
    module, declared = _driver_module(_unwrapped(connection))
    dialect, family = _DRIVERS.get(module, (Dialect.ANY, ""))
    style = _overridden(hook) or declared or _from_placeholder(hook)
    return Driver(module, style, dialect, family)


def prepare(connection: object) -> None:
    """Make psycopg 3 bind on the client, as psycopg 2 and the MySQL drivers do.

    On the server a parameter has a type of its own: ``:x IS NULL`` or ``INTERVAL :x`` would fail.
    """
    target = _unwrapped(connection)
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(target, psycopg.Connection):
        return
    if target.cursor_factory is psycopg.Cursor:
        target.cursor_factory = psycopg.ClientCursor


def _unwrapped(connection: object) -> object:
    """The driver's own connection inside a pool's (SQLAlchemy)."""
    return getattr(connection, "driver_connection", None) or connection


def _driver_module(connection: object) -> tuple[str, ParamStyle | None]:
    """The nearest module, up the packages of the connection's classes, that says its ``paramstyle``."""
    own = _style(getattr(connection, "paramstyle", None))  # Snowflake: a setting of each connection
    for cls in type(connection).__mro__:
        name = cls.__module__
        while name:
            style = _style(getattr(sys.modules.get(name), "paramstyle", None))
            if style is not None:
                return name, own or style
            name = name.rpartition(".")[0]
    return type(connection).__module__, own


def _style(value: object) -> ParamStyle | None:
    try:
        return ParamStyle(value)
    except ValueError:
        return None


def _overridden(hook: DbApiHook) -> ParamStyle | None:
    value = hook.connection_extra.get("paramstyle")
    if value is None:
        return None
    style = _style(value)
    if style is None:
        known = ", ".join(style.value for style in ParamStyle)
        raise ValueError(f"connection {hook.get_conn_id()!r}: paramstyle {value!r} in its extra is none of {known}")
    return style


def _from_placeholder(hook: DbApiHook) -> ParamStyle:
    placeholder = hook.placeholder
    if placeholder == "?":
        return ParamStyle.QMARK
    if re.fullmatch(r":\d+", placeholder):
        return ParamStyle.NUMERIC
    return ParamStyle.NAMED if placeholder.startswith(":") else ParamStyle.FORMAT


# What mysql-connector-python replaces with a mapping of parameters; with a sequence it is any "%s".
_CONNECTOR_NAMED = re.compile(r"%\([^)]+\)[diouxXeEfFgGcrs%]")


def _bind_mysql_connector(driver: Driver, sql: str, values: Mapping[str, object]) -> tuple[str, Parameters]:
    """mysql-connector-python has no ``%%``: whatever looks like a placeholder is one, in literals too."""
    adapted = _Adapted(values, driver)
    named = translate(sql, ParamStyle.PYFORMAT, driver.dialect, doubles_percent=False)
    expected = {f"%({name})s" for name in named.names}
    found = _CONNECTOR_NAMED.findall(named.text)
    literals = [name for name in named.names if f"%({name})s" in sql]
    if not expected or (not literals and expected.issuperset(found)):
        return named.text, parameters(named, adapted)
    positional = translate(sql, ParamStyle.FORMAT, driver.dialect, doubles_percent=False)
    if positional.text.count("%s") == len(positional.names):
        return positional.text, parameters(positional, adapted)
    raise SqlTextError(
        "mysql-connector-python replaces '%s' and '%(name)s' in literals too and this text has both; "
        "bind one of them with :name",
        max(0, sql.find("%s")),
    )


class _Adapted(Mapping[str, object]):
    """Values adapted as they are taken out, so that one which is not used cannot fail."""

    def __init__(self, values: Mapping[str, object], driver: Driver) -> None:
        self._values = values
        self._driver = driver

    def __getitem__(self, name: str) -> object:
        value = self._values[name]
        try:
            return adapt_value(value, self._driver)
        except BindValueError as error:
            raise BindValueError(f"variable {name!r}: {error}") from error.__cause__

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def adapt_value(value: object, driver: Driver) -> object:
    """The value as the driver takes it without loss."""
    plain = _plain(value)
    if driver.family == "sqlite":
        return _for_sqlite(plain)
    if driver.family.startswith("mysql"):
        return _for_mysql(plain)
    if driver.family == "postgres":
        return _for_postgres(plain)
    return plain


def _plain(value: object) -> object:
    """The plain Python type: drivers look at the exact type. Aware datetimes in UTC, containers as JSON."""
    if value is None or isinstance(value, (bool, bytes)):
        return value
    if isinstance(value, datetime):
        return _plain_datetime(value)
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    if isinstance(value, (dict, list, tuple)):
        return _json(value)
    if isinstance(value, UUID):
        return str(value)
    for kind, plain in _PLAIN.items():
        if isinstance(value, kind):
            return plain(value)
    return value


_PLAIN: dict[type, Callable[..., object]] = {str: str.__str__, int: int.__int__, float: float.__float__}


def _plain_datetime(value: datetime) -> datetime:
    # An aware value in UTC: a driver that drops the offset then still leaves the right instant.
    if value.utcoffset() is not None:
        value = value.astimezone(timezone.utc)
    zone = None if value.tzinfo is None else timezone.utc
    return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, zone)


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BindValueError(f"cannot be written as JSON: {error}") from error


def _for_mysql(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        raise BindValueError(f"MySQL has no {value}")
    return value


def _for_postgres(value: object) -> object:
    # psycopg writes Decimal("3") as the integer 3, and 3 / 2 is 1 there.
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return Decimal(f"{value:f}" if "." in f"{value:f}" else f"{value:f}.0")
    return value


def _for_sqlite(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _sqlite_number(value)
    if isinstance(value, float) and math.isnan(value):
        raise BindValueError("SQLite stores NaN as NULL")
    if isinstance(value, int) and not _fits_sqlite(value):
        raise BindValueError(f"SQLite cannot hold the integer {value} (64 bits)")
    return value


def _fits_sqlite(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _sqlite_number(value: Decimal) -> float | int:
    """The number SQLite makes of the same literal. As text, ``50 < '12.5'`` would be true there."""
    if value.is_finite():
        number = float(value)
        if math.isfinite(number) and Decimal(repr(number)) == value:
            return number
        if value == value.to_integral_value() and _fits_sqlite(int(value)):
            return int(value)
    raise BindValueError(
        f"SQLite has no decimals and cannot hold {value} exactly; declare the variable as a string to keep every digit"
    )
