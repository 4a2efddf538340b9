"""``db migrate``, ``db check`` and ``db downgrade``: the tables of the store."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_workflow_provider.cli.console import CommandError, Console
from airflow_workflow_provider.cli.main import ERRORS

if TYPE_CHECKING:
    from airflow_workflow_provider.store.schema import SchemaState


def migrate(arguments: Namespace, console: Console) -> int:
    """Bring them to this version of the package."""
    from airflow_workflow_provider.store import schema
    from airflow_workflow_provider.store.settings import open_store

    store = open_store()
    before = schema.migrate(store.engine, store.name)
    after = schema.check(store.engine, store.name)
    _tell_move(before, after, store.name, arguments, console)
    return 0


def check(arguments: Namespace, console: Console) -> int:
    """Tell whether they are right."""
    from airflow_workflow_provider.store import schema
    from airflow_workflow_provider.store.settings import open_store

    store = open_store()
    state = schema.check(store.engine, store.name)
    problem = state.problem(store.name)
    if arguments.output == "json":
        document = {"revision": state.current, "needed": state.needed, "current": state.is_current, "problem": problem}
        console.write(json.dumps(document, indent=2))
    elif problem is None:
        console.write(f"{store.name} has the tables that this version needs (revision {state.current})")
    if problem is None:
        return 0
    if arguments.output == "json":
        return ERRORS
    raise CommandError(problem)


def downgrade(arguments: Namespace, console: Console) -> int:
    """Take them back to an earlier revision."""
    from airflow_workflow_provider.store import schema
    from airflow_workflow_provider.store.settings import open_store

    store = open_store()
    revision = arguments.revision or one_before(schema.check(store.engine, store.name), schema.revisions())
    before = schema.downgrade(store.engine, revision, store.name)
    after = schema.check(store.engine, store.name)
    _tell_move(before, after, store.name, arguments, console)
    return 0


def one_before(state: SchemaState, revisions: tuple[str, ...]) -> str:
    """The revision before the present one; never the deletion of all tables, which has to be asked for."""
    if state.current in revisions[1:]:
        return revisions[revisions.index(state.current) - 1]
    raise CommandError("there is no earlier revision; write `base` to delete the tables and everything in them")


def _tell_move(before: SchemaState, after: SchemaState, name: str, arguments: Namespace, console: Console) -> None:
    if arguments.output == "json":
        console.write(
            json.dumps({"before": before.current, "revision": after.current, "needed": after.needed}, indent=2)
        )
    elif before.current == after.current:
        console.write(f"{name} is at revision {after.current} already")
    else:
        console.write(f"{name}: {_shown(before)} → {_shown(after)}")


def _shown(state: SchemaState) -> str:
    return f"revision {state.current}" if state.current is not None else "no tables"
