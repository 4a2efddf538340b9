"""``list``: the definitions in the store."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.listing import write_list
from airflow_workflow_provider.cli.stored import positive, version_json
from airflow_workflow_provider.cli.table import Cell, table_lines
from airflow_workflow_provider.explain.words import shown_time
from airflow_workflow_provider.store.records import Kind, Listed


def run(arguments: Namespace, console: Console) -> int:
    """List them by name."""
    from airflow_workflow_provider.store.settings import open_store

    kind = Kind(arguments.kind) if arguments.kind else None
    limit = positive("--limit", arguments.limit)
    found = open_store().definitions(kind, arguments.search, arguments.archived, limit)
    write_list(found, arguments, console, as_json=_as_json, lines=_lines, nothing=_nothing(arguments))
    return 0


def _nothing(arguments: Namespace) -> str:
    what = "no such definition" if arguments.search or arguments.kind else "no definition"
    archived = "" if arguments.archived else "; --archived lists those that are out of use too"
    return f"there is {what} in the store{archived}"


def _lines(found: Sequence[Listed], console: Console) -> Iterator[str]:
    return table_lines([_row(each) for each in found], console)


def _row(listed: Listed) -> Sequence[Cell]:
    version = listed.version
    notes = [*(["archived"] if listed.archived else []), *(["draft"] if listed.has_draft else [])]
    return (
        version.kind.value,
        (version.name, "bold"),
        f"version {version.number}",
        shown_time(version.published_at),
        version.author,
        ", ".join(notes) or "-",
        listed.schedule or "-",
        (" ".join(listed.description.split()), "dim"),
    )


def _as_json(listed: Listed) -> dict[str, Any]:
    return {
        **version_json(listed.version),
        "archived": listed.archived,
        "has_draft": listed.has_draft,
        "description": listed.description,
        "owner": listed.owner,
        "tags": list(listed.tags),
        "schedule": listed.schedule or None,
    }
