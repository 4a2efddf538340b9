"""``history``: who did what in the store."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.listing import write_list
from airflow_workflow_provider.cli.stored import find_kind, positive
from airflow_workflow_provider.cli.table import Cell, table_lines
from airflow_workflow_provider.explain.words import iso_time, shown_time
from airflow_workflow_provider.store.errors import NotFoundError
from airflow_workflow_provider.store.records import AuditEntry, Kind

if TYPE_CHECKING:
    from airflow_workflow_provider.store.repository import WorkflowStore

_DONE = {
    "publish": "published",
    "activate": "activated",
    "archive": "archived",
    "save_draft": "saved a draft of",
    "discard_draft": "discarded a draft of",
}


def run(arguments: Namespace, console: Console) -> int:
    """Tell it, newest first."""
    from airflow_workflow_provider.store.settings import open_store

    limit = positive("--limit", arguments.limit)
    store = open_store()
    found = store.history(_kind(store, arguments), arguments.name, limit)
    write_list(found, arguments, console, as_json=_as_json, lines=_lines, nothing="nothing has been done yet")
    return 0


def _kind(store: WorkflowStore, arguments: Namespace) -> Kind | None:
    """Whose history; also of what is not published yet: a draft has one."""
    asked = Kind(arguments.kind) if arguments.kind else None
    if arguments.name is None:
        return asked
    try:
        return find_kind(store, arguments.name, arguments.kind)
    except NotFoundError:
        drafted = store.history(asked, arguments.name, 1)
        if not drafted:
            raise
        return drafted[0].kind


def _lines(found: Sequence[AuditEntry], console: Console) -> Iterator[str]:
    return table_lines([_row(each) for each in found], console)


def _row(entry: AuditEntry) -> Sequence[Cell]:
    return (
        shown_time(entry.at),
        entry.actor,
        _DONE.get(entry.action, entry.action),
        entry.kind.value,
        (entry.name, "bold"),
        f"version {entry.version}" if entry.version is not None else "-",
        f"release {entry.release}" if entry.release is not None else "-",
        " ".join(entry.message.split()),
    )


def _as_json(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": iso_time(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "kind": entry.kind.value,
        "name": entry.name,
        "version": entry.version,
        "release": entry.release,
        "message": entry.message,
    }
