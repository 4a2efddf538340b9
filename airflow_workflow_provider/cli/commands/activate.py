"""``activate``: roll back or forward."""

from __future__ import annotations

import json
from argparse import Namespace

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.stored import find_kind, positive, published_json
from airflow_workflow_provider.cli.stored_text import published_lines
from airflow_workflow_provider.cli.taken_names import TakenNames


def run(arguments: Namespace, console: Console) -> int:
    """Make a version the current one."""
    from airflow_workflow_provider.cli.building import build_problems, find_modules_in
    from airflow_workflow_provider.store import settings
    from airflow_workflow_provider.store.publishing import activate

    number = positive("VERSION", arguments.version)
    assert number is not None
    store = settings.open_store()
    kind = find_kind(store, arguments.name, arguments.kind)
    find_modules_in(())
    taken = TakenNames(store, console)
    published = activate(
        store,
        kind,
        arguments.name,
        number,
        settings.command_line_actor(),
        arguments.message,
        settings.rules(),
        lambda reading: build_problems(reading) + taken.problems(reading),
    )
    if arguments.output == "json":
        console.write(json.dumps(published_json(published), indent=2))
        return 0
    for line in published_lines(published, console):
        console.write(line)
    return 0
