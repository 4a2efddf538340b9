"""``export``: definitions from the store as files."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.export_files import planned_files, write_files
from airflow_workflow_provider.cli.stored import find_kind, positive, with_sources
from airflow_workflow_provider.cli.table import table_lines
from airflow_workflow_provider.store.errors import NotFoundError
from airflow_workflow_provider.store.records import Kind, Version

if TYPE_CHECKING:
    from airflow_workflow_provider.store.repository import WorkflowStore

Available = Mapping[tuple[Kind, str], Version]


def run(arguments: Namespace, console: Console) -> int:
    """Write them all, or none."""
    from airflow_workflow_provider.store.settings import open_store

    store = open_store()
    release = positive("--release", arguments.release) or store.newest_release().number
    available = {(each.kind, each.name): each for each in (store.versions_of(release) if release else ())}
    wanted = _wanted(store, available, release, arguments)
    if arguments.names:
        wanted += _called(store, wanted, release)
    files = planned_files(with_sources(store, wanted), Path(arguments.directory))
    written = write_files(files, force=arguments.force)
    states = {str(file.path): "written" if file.path in written else "unchanged" for file in files}
    if arguments.output == "json":
        document = {"release": release, "files": [{"file": path, "state": state} for path, state in states.items()]}
        console.write(json.dumps(document, indent=2))
        return 0
    for line in table_lines(list(states.items()), console):
        console.write(line)
    if not states:
        console.note("there is nothing to export")
    return 0


def _wanted(store: WorkflowStore, available: Available, release: int, arguments: Namespace) -> list[Version]:
    """The versions that are asked for; ``NotFoundError`` for names that are not in the release."""
    if not arguments.names:
        return [each for each in available.values() if arguments.kind in (None, each.kind.value)]
    kinds = [Kind(arguments.kind)] if arguments.kind else list(Kind)
    wanted = []
    for name in dict.fromkeys(arguments.names):
        version = next((available[kind, name] for kind in kinds if (kind, name) in available), None)
        if version is None:
            kind = find_kind(store, name, arguments.kind)
            raise NotFoundError(f"{kind.value} '{name}' is not in release {release}: archived, or not published yet")
        wanted.append(version)
    return wanted


def _called(store: WorkflowStore, wanted: Sequence[Version], release: int) -> list[Version]:
    """The packages that wanted workflows use in the release, without those that are wanted anyway."""
    there = set(wanted)
    found = {
        package.name: package
        for each in store.workflows_of(release)
        if each.version in there
        for package in each.packages.values()
    }
    return [package for _, package in sorted(found.items()) if package not in there]
