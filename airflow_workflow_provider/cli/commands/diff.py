"""``diff``: what differs between two versions."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_workflow_provider.cli.console import Console, DefinitionErrors
from airflow_workflow_provider.cli.diff_lines import text_differences
from airflow_workflow_provider.cli.diff_text import meaning_lines, painted_line
from airflow_workflow_provider.cli.stored import find_kind, positive, read_stored
from airflow_workflow_provider.definitions.diagnostics import dotted
from airflow_workflow_provider.definitions.given import given_package
from airflow_workflow_provider.store.records import Kind, StoredDefinition

if TYPE_CHECKING:
    from airflow_workflow_provider.compiler.differences import Difference
    from airflow_workflow_provider.definitions.definition import Definition
    from airflow_workflow_provider.definitions.models import Package
    from airflow_workflow_provider.store.repository import WorkflowStore


def run(arguments: Namespace, console: Console) -> int:
    """Tell it; 0 also when they differ, because the question was answered."""
    from airflow_workflow_provider.store.settings import open_store

    numbers = [positive("V1", arguments.v1), positive("V2", arguments.v2)]
    store = open_store()
    kind = find_kind(store, arguments.name, arguments.kind)
    before, after = (store.definition(kind, arguments.name, number) for number in numbers)
    found = None if arguments.text else _differences(store, before, after)
    if arguments.output == "json":
        console.write(json.dumps(_as_json(before, after, found), indent=2))
    elif found is None:
        for line in text_differences(before, after):
            console.write(painted_line(line, console))
    else:
        _tell(before, after, found, console)
    return 0


def _differences(store: WorkflowStore, before: StoredDefinition, after: StoredDefinition) -> tuple[Difference, ...]:
    """By meaning, also in the packages that both run: each is read with them as they were when it was last current."""
    from airflow_workflow_provider.compiler.differences import package_differences, workflow_differences

    if before.version.kind is Kind.PACKAGE:
        return package_differences(*map(_package, (before, after)))
    return workflow_differences(*(_workflow(store, each) for each in (before, after)))


def _workflow(store: WorkflowStore, stored: StoredDefinition) -> Definition:
    reading, texts = read_stored(store, stored)
    if reading.definition is None:
        raise DefinitionErrors(reading.diagnostics, texts)
    return reading.definition


def _package(stored: StoredDefinition) -> Package:
    found = given_package(stored.version.name, stored.source.text, stored.file)
    if found.package is None:
        raise DefinitionErrors(found.diagnostics, {stored.file: stored.source.text})
    return found.package


def _tell(before: StoredDefinition, after: StoredDefinition, found: Sequence[Difference], console: Console) -> None:
    numbers = f"version {before.version.number} → {after.version.number}"
    console.write(f"{console.paint(after.version.name, 'bold')}  {console.paint(numbers, 'dim')}")
    for line in meaning_lines(found, console):
        console.write(line)
    if not found:
        same_text = before.source.digest == after.source.digest
        console.note("the same text" if same_text else "they mean the same; --text shows how their texts differ")


def _as_json(before: StoredDefinition, after: StoredDefinition, found: Sequence[Difference] | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kind": after.version.kind.value,
        "name": after.version.name,
        "before": before.version.number,
        "after": after.version.number,
    }
    if found is None:
        return {**document, "text": list(text_differences(before, after))}
    differences = [
        {
            "place": dotted(each.location),
            "path": list(each.location),
            "change": each.change.value,
            "before": each.before,
            "after": each.after,
        }
        for each in found
    ]
    return {**document, "differences": differences}
