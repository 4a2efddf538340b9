"""Definitions in the store, for the commands that take their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_workflow_provider.cli.console import UsageError
from airflow_workflow_provider.definitions.diagnostics import suggestion
from airflow_workflow_provider.explain.words import iso_time
from airflow_workflow_provider.store.errors import NotFoundError
from airflow_workflow_provider.store.records import Kind, Published, StoredDefinition, Version

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.library import PackageFile
    from airflow_workflow_provider.definitions.reader import Reading
    from airflow_workflow_provider.store.repository import WorkflowStore

LARGEST: Final = 2**31 - 1
"""Databases take no larger number everywhere."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A version that is shown; ``is_current``: it is the one that new runs start with."""

    definition: StoredDefinition
    is_current: bool


def find_kind(store: WorkflowStore, name: str, kind: str | None) -> Kind:
    """Whether a name is a workflow's or a package's, archived ones too; ``NotFoundError`` if it is neither's."""
    asked = [Kind(kind)] if kind else [Kind.WORKFLOW, Kind.PACKAGE]
    for each in asked:
        try:
            found = store.versions(each, name)
        except NotFoundError:
            continue
        if found[0].name == name:  # MariaDB overlooks spaces at the end
            return each
    known = {listed.version.name for each in asked for listed in store.definitions(each, archived=True)}
    raise NotFoundError(
        f"{store.name} has no {' or '.join(each.value for each in asked)} '{name}'{suggestion(name, known)}"
    )


def find_definition(store: WorkflowStore, name: str, kind: str | None, number: int | None) -> Shown:
    """A version of a definition, or its current one."""
    found = store.definition(find_kind(store, name, kind), name, number)
    current = store.current(found.version.kind, name)
    return Shown(found, current is not None and current.number == found.version.number)


def read_stored(store: WorkflowStore, definition: StoredDefinition) -> tuple[Reading, Mapping[str, str]]:
    """A stored workflow with its packages, as they were when it was last current; and all their texts, by what messages
    call them.
    """
    from airflow_workflow_provider.definitions.document import DocumentError, parse
    from airflow_workflow_provider.definitions.given import GivenSources
    from airflow_workflow_provider.definitions.library import document_diagnostic
    from airflow_workflow_provider.definitions.reader import Reading, read_document

    texts = {definition.file: definition.source.text}
    try:
        document = parse(definition.source.text, definition.file)
    except DocumentError as error:
        diagnostics = (document_diagnostic(error, definition.file),)
        return Reading(definition.file, definition.version.name, None, None, diagnostics), texts
    packages = _packages(store, definition, texts)
    return read_document(document, GivenSources(packages, definition.source.files)), texts


def _packages(store: WorkflowStore, workflow: StoredDefinition, texts: dict[str, str]) -> dict[str, PackageFile]:
    from airflow_workflow_provider.definitions.given import given_package

    found = {}
    for package in with_sources(store, store.packages_of(workflow.version).values()):
        texts[package.file] = package.source.text
        name = package.version.name
        found[name] = given_package(name, package.source.text, package.file)
    return found


def with_sources(store: WorkflowStore, versions: Iterable[Version]) -> list[StoredDefinition]:
    """Versions with their texts, in the same order."""
    wanted = list(versions)
    sources = store.sources(wanted)
    return [StoredDefinition(version, sources[version.digest]) for version in wanted]


def positive(option: str, number: int | None) -> int | None:
    """A number that was given; ``UsageError`` if nothing can have it."""
    if number is not None and number < 1:
        raise UsageError(f"{option} is {number}; it must be 1 or more")
    if number is not None and number > LARGEST:
        raise UsageError(f"{option} is {number}; it must be {LARGEST} or less")
    return number


def version_json(version: Version) -> dict[str, Any]:
    """A version as what JSON can hold."""
    return {
        "kind": version.kind.value,
        "name": version.name,
        "version": version.number,
        "author": version.author,
        "message": version.message,
        "published_at": iso_time(version.published_at),
        "digest": version.digest,
    }


def published_json(published: Published) -> dict[str, Any]:
    """What came of publishing and the like."""
    return {
        "release": published.release,
        "versions": [version_json(version) for version in published.versions],
        "unchanged": list(published.unchanged),
    }
