"""``archive``: definitions out of use."""

from __future__ import annotations

import json
from argparse import Namespace

from airflow_workflow_provider.cli.console import Console, UsageError
from airflow_workflow_provider.cli.stored import find_kind
from airflow_workflow_provider.cli.stored_text import release_line
from airflow_workflow_provider.cli.table import table_lines


def run(arguments: Namespace, console: Console) -> int:
    """Archive all that are named, or none."""
    from airflow_workflow_provider.store import settings
    from airflow_workflow_provider.store.publishing import archive

    store = settings.open_store()
    kinds = {name: find_kind(store, name, arguments.kind) for name in arguments.names}
    kind, *others = dict.fromkeys(kinds.values())
    if others:
        told = ", ".join(f"'{name}' is a {each.value}" for name, each in kinds.items())
        raise UsageError(f"archive workflows and packages one after the other: {told}")
    published = archive(store, kind, list(kinds), settings.command_line_actor(), arguments.message, settings.rules())
    if arguments.output == "json":
        archived = [{"kind": kind.value, "name": name} for name in kinds]
        console.write(json.dumps({"release": published.release, "archived": archived}, indent=2))
        return 0
    for line in table_lines([(kind.value, (name, "bold"), "archived") for name in kinds], console):
        console.write(line)
    console.write(release_line(published, console))
    return 0
