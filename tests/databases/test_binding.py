from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pendulum
import pytest

from airflow_workflow_provider.definitions.sql_text import ParamStyle, SqlTextError
from airflow_workflow_provider.operators.binding import (
    BindValueError,
    driver_of,
    paramstyle_of,
    prepare,
)
from tests.databases.conftest import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def execute(database: Database, sql: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement the way the operator does: bound, by the hook's connection."""
    hook = database.hook()
    with closing(hook.get_conn()) as connection:
        prepare(connection)
        text, parameters = driver_of(hook, connection).bind(sql, values or {})
        with closing(connection.cursor()) as cursor:
            if parameters:
                cursor.execute(text, parameters)
            else:
                cursor.execute(text)
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        connection.commit()
    return rows


HOSTILE = [
    "'; DROP TABLE t; --",
    "' OR '1'='1",
    '"; DROP TABLE t; --',
    "%s",
    "%(x)s",
    "%%",
    "100%",
    "%",
    ":x",
    "::int",
    "?",
    "{{ 7*7 }}",
    "{% raw %}",
    "${x}",
    "\\",
    "\\'",
    "\\\\'",
    "'",
    "''",
    "`",
    "$$",
    "*/ --",
    "#",
    "\n\r\t\x1a\b",
    "",
    " ",
    "  padded  ",
    "null",
    "NULL",
    "true",
    "0",
    "007",
    "1e5",
    "Zoë 😀 👩‍👩‍👧 \U0001f468\U0001f3fd",
    "\u202eevil\u202c שלום مرحبا",
    "e\u0301 vs é",
    "ß\u00a0İ ﬁ \ufeff\u200b",
    "[1, 2]",
    "x" * 100_000,
    "'%s:x?\\" * 5_000,
]


def test_hostile_text_arrives_as_data(any_database: Database) -> None:
    table = any_database.new_table("id INT, v " + ("LONGTEXT" if any_database.kind == "mariadb" else "TEXT"))
    for number, value in enumerate(HOSTILE):
        execute(any_database, f"INSERT INTO {table} (id, v) VALUES (:id, :x)", {"id": number, "x": value})
    assert execute(any_database, f"SELECT id, v FROM {table} ORDER BY id") == list(enumerate(HOSTILE))
    # MySQL compares without case, accents and trailing space unless told otherwise.
    same = "BINARY v = :x" if any_database.kind == "mariadb" else "v = :x"
    for number, value in enumerate(HOSTILE):
        assert execute(any_database, f"SELECT id FROM {table} WHERE {same}", {"x": value}) == [(number,)]


COLUMNS = {
    "integer": {"sqlite": "INTEGER", "postgres": "BIGINT", "mariadb": "BIGINT"},
    "decimal": {"sqlite": "NUMERIC", "postgres": "NUMERIC(40, 10)", "mariadb": "DECIMAL(40, 10)"},
    "float": {"sqlite": "REAL", "postgres": "DOUBLE PRECISION", "mariadb": "DOUBLE"},
    "boolean": {"sqlite": "BOOLEAN", "postgres": "BOOLEAN", "mariadb": "BOOLEAN"},
    "date": {"sqlite": "DATE", "postgres": "DATE", "mariadb": "DATE"},
    "datetime": {"sqlite": "TIMESTAMP", "postgres": "TIMESTAMP", "mariadb": "DATETIME(6)"},
    "instant": {"sqlite": "TIMESTAMP", "postgres": "TIMESTAMPTZ", "mariadb": "DATETIME(6)"},
    "json": {"sqlite": "JSON", "postgres": "JSONB", "mariadb": "JSON"},
    "uuid": {"sqlite": "TEXT", "postgres": "UUID", "mariadb": "CHAR(36)"},
}
NAIVE = datetime(2026, 3, 29, 2, 30, 15, 123456)
PARIS = pendulum.datetime(2026, 10, 25, 2, 30, tz="Europe/Paris")
KATHMANDU = datetime(2026, 1, 1, 3, 0, tzinfo=timezone(timedelta(hours=5, minutes=45)))
DOCUMENT = {"a": [1, 2.5, None, True, "x'\"%s :x ?\\"], "ünï": {"😀": "{{ 1 }}"}}


TYPED: dict[str, list[Any]] = {
    "integer": [0, -3, 42, 2**31, 2**63 - 1, -(2**63)],
    "decimal": [Decimal(text) for text in ("12.50", "0.1", "-0.0000000001", "123456789012.25", "7", "7E+3")],
    "float": [0.1, -2.5, 1e300, 5e-324],
    "boolean": [True, False],
    "date": [date(2026, 2, 28), date(1, 1, 1), pendulum.date(9999, 12, 31)],
    "datetime": [NAIVE, datetime(2026, 1, 1), pendulum.naive(2026, 1, 1, 5)],
    "instant": [PARIS, KATHMANDU, datetime(2026, 1, 1, tzinfo=timezone.utc)],
    "json": [DOCUMENT, {}, [], [1, "a"], {"n": 2**53}],
    "uuid": [UUID("12345678-1234-5678-9234-567812345678")],
}


@pytest.mark.parametrize("column", COLUMNS)
def test_typed_values_arrive_as_the_same_data(any_database: Database, column: str) -> None:
    table = any_database.new_table(f"id INT, v {COLUMNS[column][any_database.kind]}")
    values = [None, *TYPED[column]]
    for number, value in enumerate(values):
        execute(any_database, f"INSERT INTO {table} VALUES (:id, :v)", {"id": number, "v": value})
    stored = execute(any_database, f"SELECT v FROM {table} ORDER BY id")
    assert [_same(column, value) for (value,) in stored] == [_same(column, value) for value in values]
    for number, value in enumerate(values):
        if value is not None and column != "json":
            assert execute(any_database, f"SELECT id FROM {table} WHERE v = :v", {"v": value}) == [(number,)]


def _same(column: str, value: Any) -> Any:
    """One form of a value that databases return in different types: SQLite has no dates, MySQL no zones."""
    if value is None:
        return None
    if column in ("datetime", "instant"):
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if column == "instant":
            moment = moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return moment.isoformat()
    if column == "date":
        return str(value)
    if column == "decimal":
        return Decimal(str(value))
    if column == "json":
        return json.loads(value) if isinstance(value, str) else value
    if column == "boolean":
        assert value in (0, 1)
        return bool(value)
    return str(value) if column == "uuid" else value


def test_integers_beyond_64_bits(any_database: Database) -> None:
    for value in (2**63, -(2**63) - 1, 2**100):
        if any_database.kind == "sqlite":
            with pytest.raises(BindValueError, match=r"variable 'n': SQLite cannot hold the integer"):
                execute(any_database, "SELECT :n", {"n": value})
        else:
            assert execute(any_database, "SELECT :n + 0", {"n": value}) == [(value,)]


def test_decimals_compare_as_numbers(any_database: Database) -> None:
    """Bound as text, SQLite would find any number smaller."""
    assert execute(any_database, "SELECT 1 WHERE 50 * 2 < :x", {"x": Decimal("12.50")}) == []
    assert execute(any_database, "SELECT 1 WHERE 5 * 2 < :x", {"x": Decimal("12.50")}) == [(1,)]
    [(half,)] = execute(any_database, "SELECT :x / 2", {"x": Decimal(3)})
    assert half == Decimal("1.5")


@pytest.mark.parametrize("value", ["0.12345678901234567890", "NaN", "1E+400"])
def test_decimal_that_sqlite_cannot_hold_is_an_error(sqlite_connection_id: str, value: str) -> None:
    database = Database(sqlite_connection_id, "sqlite", "sqlite3")
    with pytest.raises(BindValueError, match=rf"variable 'x': .* cannot hold {re.escape(value)} exactly"):
        execute(database, "SELECT :x", {"x": Decimal(value)})


def test_decimals_keep_every_digit(any_database: Database) -> None:
    if any_database.kind == "sqlite":
        pytest.skip("SQLite has no decimals")
    value = Decimal("12345678901234567890.1234567890")
    assert execute(any_database, "SELECT :x + 0", {"x": value}) == [(value,)]


def test_nan_never_becomes_null(any_database: Database) -> None:
    if any_database.kind == "postgres":
        [(value,)] = execute(any_database, "SELECT :x + 0.0", {"x": float("nan")})
        assert value != value
    else:
        with pytest.raises(BindValueError, match="variable 'x'"):
            execute(any_database, "SELECT :x", {"x": float("nan")})


def test_what_json_cannot_hold_is_an_error(any_database: Database) -> None:
    with pytest.raises(BindValueError, match="variable 'doc': cannot be written as JSON"):
        execute(any_database, "SELECT :doc", {"doc": {"a": object()}})


def test_subclasses_of_plain_types(any_database: Database) -> None:
    class Text(str):
        pass

    class Number(int):
        pass

    rows = execute(any_database, "SELECT :t, :n + 1", {"t": Text("it's"), "n": Number(4)})
    assert rows == [("it's", 5)]


def test_text_of_the_statement_stays(any_database: Database) -> None:
    sql = r"SELECT '100%', '%%', ':x', '?', 'it''s', '12:30', '{{ 1 }}', 7 % 4, :x -- %s :y ?"
    expected = ("100%", "%%", ":x", "?", "it's", "12:30", "{{ 1 }}", 3, 1)
    assert execute(any_database, sql, {"x": 1}) == [expected]
    assert execute(any_database, sql.replace(", :x --", ", 1 --"), {}) == [expected]


def test_placeholders_in_literals(any_database: Database) -> None:
    assert execute(any_database, "SELECT '%s', :x", {"x": 1}) == [("%s", 1)]
    assert execute(any_database, "SELECT '%(x)s', :x, '%(b)s', :x", {"x": 1}) == [("%(x)s", 1, "%(b)s", 1)]
    assert execute(any_database, "SELECT 7 %(:x), 7 %:x", {"x": 4}) == [(3, 3)]
    if any_database.driver == "mysql.connector":
        with pytest.raises(SqlTextError, match="has both"):
            execute(any_database, "SELECT '%s', '%(x)s', :x", {"x": 1})
    else:
        assert execute(any_database, "SELECT '%s', '%(x)s', :x", {"x": 1}) == [("%s", "%(x)s", 1)]


def test_one_name_many_times_and_unused_values(any_database: Database) -> None:
    values = {"a": 1, "b": 2, "unused": object()}
    assert execute(any_database, "SELECT :a, :b, :a, 5-:b, 5-:a", values) == [(1, 2, 1, 3, 4)]
    assert execute(any_database, "SELECT 5-:n", {"n": -3}) == [(8,)]


def test_optional_filter(any_database: Database) -> None:
    """The usual way to write one; psycopg 3 refuses it where it binds on the server."""
    sql = "SELECT 1 WHERE :region IS NULL OR 'EU' = :region"
    assert execute(any_database, sql, {"region": None}) == [(1,)]
    assert execute(any_database, sql, {"region": "EU"}) == [(1,)]
    assert execute(any_database, sql, {"region": "US"}) == []
    assert execute(any_database, "SELECT 1 WHERE :region IS NULL", {"region": None}) == [(1,)]


def test_a_value_never_reaches_code_through_a_wrong_backslash(any_database: Database) -> None:
    r"""``'C:\'`` is a literal in standard SQL and an open one in MySQL; the driver's database decides."""
    sql = r"SELECT 'C:\', :x"
    if any_database.kind == "mariadb":
        with pytest.raises(SqlTextError, match="never closed"):
            execute(any_database, sql, {"x": ", 1 -- "})
    else:
        assert execute(any_database, sql, {"x": ", 1 -- "}) == [("C:\\", ", 1 -- ")]


def test_dialect_of_the_database(any_database: Database) -> None:
    if any_database.kind == "mariadb":
        assert execute(any_database, r"SELECT 'it\'s', :x, 'it\'s' # :y", {"x": 1}) == [("it's", 1, "it's")]
    elif any_database.kind == "postgres":
        sql = r"""SELECT '{"a": {"b": 1}}'::jsonb #>> '{a,b}', :x::text, (ARRAY[1,2,3])[:n], E'it\'s',
            $q$:z '$q$,
            '{"k": 1}'::jsonb ? 'k' /* a /* :b */ */"""
        assert execute(any_database, sql, {"x": "v", "n": 2}) == [("1", "v", 2, "it's", ":z '", True)]
    else:
        sql = "SELECT [it's], `:c`, \":d\" FROM (SELECT :x AS [it's], 2 AS `:c`, 3 AS ':d')"
        assert execute(any_database, sql, {"x": 1}) == [(1, 2, 3)]


def test_paramstyle_of_each_driver(any_database: Database) -> None:
    expected = ParamStyle.QMARK if any_database.kind == "sqlite" else ParamStyle.PYFORMAT
    hook = any_database.hook()
    assert paramstyle_of(hook) is expected
    with closing(hook.get_conn()) as connection:
        driver = driver_of(hook, connection)
    assert driver.paramstyle is expected
    assert driver.module == any_database.driver


def test_driver_behind_sqlalchemys_pool(any_database: Database) -> None:
    if any_database.driver not in ("sqlite3", "psycopg"):
        pytest.skip("one is enough of a kind")
    hook = any_database.hook()
    engine = hook.get_sqlalchemy_engine()
    with closing(engine.raw_connection()) as pooled:
        assert driver_of(hook, pooled).module == any_database.driver
    engine.dispose()


@pytest.fixture
def with_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Database]:
    def database(**extra: str) -> Database:
        connection = {"conn_type": "sqlite", "host": str(tmp_path / "extra.db"), "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_TEST_WITH_EXTRA", json.dumps(connection))
        return Database("test_with_extra", "sqlite", "sqlite3")

    return database


def test_paramstyle_in_the_extra_of_the_connection_wins(with_extra: Callable[..., Database]) -> None:
    database = with_extra(paramstyle="named")
    assert paramstyle_of(database.hook()) is ParamStyle.NAMED
    assert execute(database, "SELECT :a, '%', :b, :a", {"a": 1, "b": "x"}) == [(1, "%", "x", 1)]


def test_an_unknown_paramstyle_in_the_extra_is_an_error(with_extra: Callable[..., Database]) -> None:
    with pytest.raises(ValueError, match=r"test_with_extra.*'dollar'.*qmark, numeric"):
        paramstyle_of(with_extra(paramstyle="dollar").hook())


@pytest.mark.parametrize(
    ("placeholder", "style"),
    [
        ("?", ParamStyle.QMARK),
        ("%s", ParamStyle.FORMAT),
        (":1", ParamStyle.NUMERIC),
        (":x", ParamStyle.NAMED),
    ],
)
def test_a_driver_that_does_not_tell_goes_by_the_hooks_placeholder(
    with_extra: Callable[..., Database], placeholder: str, style: ParamStyle
) -> None:
    hook = with_extra().hook()
    hook._placeholder = placeholder
    assert paramstyle_of(hook, connection=object()) is style


@pytest.mark.parametrize(("value", "text", "rounded"), [(-5, "-5", -5), (Decimal("-2.50"), "-2.50", -3), (5, "5", 5)])
def test_a_negative_number_before_a_cast(any_database: Database, value: Any, text: str, rounded: int) -> None:
    """The cast is of the number with its sign."""
    if any_database.kind != "postgres":
        pytest.skip("its casts are written otherwise")
    assert execute(any_database, "SELECT :n::text, :n ::int, abs(:n::int)", {"n": value}) == [
        (text, rounded, abs(rounded))
    ]
