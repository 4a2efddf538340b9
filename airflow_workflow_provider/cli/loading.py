"""One definition for the commands that show it: from a file, or from the store by its name."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from airflow_workflow_provider.cli.command_list import GROUP
from airflow_workflow_provider.cli.console import Console, DefinitionErrors, UsageError
from airflow_workflow_provider.cli.files import is_definition, is_folder, is_package, readable, shown, workflow_file
from airflow_workflow_provider.cli.stored import Shown, find_definition, positive, read_stored
from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Diagnostic
from airflow_workflow_provider.definitions.given import given_package
from airflow_workflow_provider.definitions.library import PackageFile, read_package
from airflow_workflow_provider.definitions.models import Package
from airflow_workflow_provider.definitions.reader import Reading, read_workflow
from airflow_workflow_provider.store.records import Kind


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A definition without errors, and its plan; ``stored`` if it comes from the store."""

    definition: Definition
    plan: Plan
    stored: Shown | None = None


@dataclass(frozen=True, slots=True)
class CheckedPackage:
    """A package without errors; ``stored`` if it comes from the store."""

    package: Package
    stored: Shown | None = None


def load_workflow(arguments: Namespace, console: Console) -> CompiledWorkflow:
    """A workflow; ``UsageError`` for what cannot be one, ``DefinitionErrors`` for a broken one."""
    if _is_file(arguments, console):
        return _workflow_in_file(arguments.definition)
    loaded = _in_store(arguments, Kind.WORKFLOW.value)
    assert isinstance(loaded, CompiledWorkflow)
    return loaded


def load_definition(arguments: Namespace, console: Console) -> CompiledWorkflow | CheckedPackage:
    """A workflow or a package; errors as above."""
    given = arguments.definition
    if not _is_file(arguments, console):
        return _in_store(arguments, arguments.kind)
    if is_package(given) and os.path.lexists(given) and not is_folder(given):
        return CheckedPackage(_package(read_package(readable(given)), {}))
    return _workflow_in_file(given)


def _is_file(arguments: Namespace, console: Console) -> bool:
    """An existing file, or what is named as one; all else is a name in the store."""
    given = arguments.definition
    looks_so = is_definition(given) or os.sep in given or (os.path.lexists(given) and not is_folder(given))
    if looks_so and arguments.version is not None:
        raise UsageError(f"'{given}' is a file; --version is for names in the store")
    if looks_so or console.starts_airflow:
        return looks_so
    if is_folder(given):
        return True  # whose error says what is wrong
    command = f"airflow {GROUP} {arguments.command.name}"
    raise UsageError(f"there is no file '{given}'; names in the store are known to {command} only")


def _workflow_in_file(path: str) -> CompiledWorkflow:
    reading = read_workflow(workflow_file(path))
    return _compiled(reading, {}, None)


def _in_store(arguments: Namespace, kind: str | None) -> CompiledWorkflow | CheckedPackage:
    from airflow_workflow_provider.store.settings import open_store

    store = open_store()
    found = find_definition(store, arguments.definition, kind, positive("--version", arguments.version))
    definition = found.definition
    if definition.version.kind is Kind.WORKFLOW:
        reading, texts = read_stored(store, definition)
        return _compiled(reading, texts, found)
    text = definition.source.text
    package = given_package(definition.version.name, text, definition.file)
    return CheckedPackage(_package(package, {definition.file: text}), found)


def _compiled(reading: Reading, texts: Mapping[str, str], stored: Shown | None) -> CompiledWorkflow:
    if reading.errors or reading.definition is None:
        raise _errors(reading.diagnostics, texts)
    return CompiledWorkflow(reading.definition, compile_workflow(reading.definition), stored)


def _package(found: PackageFile, texts: Mapping[str, str]) -> Package:
    if found.package is None:
        raise _errors(found.diagnostics, texts)
    return found.package


def _errors(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> DefinitionErrors:
    return DefinitionErrors(tuple(replace(each, file=shown(each.file)) for each in diagnostics), texts)
