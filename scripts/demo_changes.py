"""What a run of a demo did to its database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from dags_example.marketing import data

ROWS_SHOWN: Final = 3
CELL_WIDTH: Final = 60


@dataclass(frozen=True, slots=True)
class TableChange:
    """What a run did to one table; ``changed``: a row's key to the columns that differ, (before, after)."""

    table: str
    added: Sequence[Mapping[str, Any]]
    removed: Sequence[Mapping[str, Any]]
    changed: Mapping[tuple[Any, ...], Mapping[str, tuple[Any, Any]]]

    @property
    def rows(self) -> int:
        """How many rows differ."""
        return len(self.added) + len(self.removed) + len(self.changed)


Rows = dict[tuple[Any, ...], dict[str, Any]]
Snapshot = dict[str, Rows]


def snapshot(database: Path) -> Snapshot:
    """All rows of all tables, by primary key."""
    with closing(sqlite3.connect(database)) as connection:
        return {table: dict(keyed_rows(connection, table)) for table in data.table_names()}


def keyed_rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """A table's rows with their keys, in order."""
    columns = list(connection.execute(f"PRAGMA table_info({table})"))
    names = [column[1] for column in columns]
    keys = [column[1] for column in columns if column[5]]
    for values in connection.execute(f"SELECT * FROM {table} ORDER BY {', '.join(keys)}"):
        row = dict(zip(names, values, strict=True))
        yield tuple(row[key] for key in keys), row


def compare(before: Snapshot, after: Snapshot) -> list[TableChange]:
    """The tables that differ, and how."""
    changes = [table_change(table, before[table], after[table]) for table in after]
    return [change for change in changes if change.rows]


def table_change(table: str, before: Rows, after: Rows) -> TableChange:
    """What differs in one table."""
    changed = {
        key: {name: (old, row[name]) for name, old in before[key].items() if old != row[name]}
        for key, row in after.items()
        if key in before and row != before[key]
    }
    added = [row for key, row in after.items() if key not in before]
    removed = [row for key, row in before.items() if key not in after]
    return TableChange(table, added, removed, changed)


def change_table(changes: Sequence[TableChange]) -> Table:
    """The rows that a run changed, the first few of each table in full."""
    table = Table("Table", "Rows", "What", title="Changes in the database", title_justify="left")
    for change in changes:
        lines = list(change_lines(change))
        more = [f"… and {len(lines) - ROWS_SHOWN} more"] if len(lines) > ROWS_SHOWN else []
        table.add_row(change.table, str(change.rows), "\n".join([*lines[:ROWS_SHOWN], *more]))
    return table


def change_lines(change: TableChange) -> Iterator[str]:
    """A line for each row that differs."""
    for key, columns in change.changed.items():
        differences = ", ".join(f"{name} {text(old)} → {text(new)}" for name, (old, new) in columns.items())
        yield f"{'/'.join(map(str, key))}: {differences}"
    for sign, rows in (("+", change.added), ("-", change.removed)):
        for row in rows:
            yield f"{sign} " + ", ".join(f"{name} {text(value)}" for name, value in row.items())


def text(value: Any) -> str:
    """A value in a table's cell; square brackets would be markup."""
    shown = value if isinstance(value, str) else str(value) if isinstance(value, date) else _json(value)
    shown = shown if len(shown) <= CELL_WIDTH else shown[: CELL_WIDTH - 1] + "…"
    return shown.replace("[", r"\[")


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
