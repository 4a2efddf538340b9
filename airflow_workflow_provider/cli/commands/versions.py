"""``versions``: the versions of one definition."""

from __future__ import annotations

import json
from argparse import Namespace

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.stored import find_kind, version_json
from airflow_workflow_provider.cli.table import table_lines
from airflow_workflow_provider.explain.words import shown_time


def run(arguments: Namespace, console: Console) -> int:
    """List them, newest first, and mark the current one."""
    from airflow_workflow_provider.store.settings import open_store

    store = open_store()
    kind = find_kind(store, arguments.name, arguments.kind)
    found = store.versions(kind, arguments.name)
    current = store.current(kind, arguments.name)
    number = current.number if current else None
    if arguments.output == "json":
        document = [{**version_json(each), "current": each.number == number} for each in found]
        console.write(json.dumps(document, indent=2))
        return 0
    rows = [
        (
            ("*", "green") if each.number == number else " ",
            (f"version {each.number}", "bold"),
            shown_time(each.published_at),
            each.author,
            " ".join(each.message.split()),
        )
        for each in found
    ]
    for line in table_lines(rows, console):
        console.write(line)
    if number is None:
        console.note(f"'{arguments.name}' is archived; none of its versions is current")
    return 0
