"""One workflow file for the commands that show it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_workflow_provider.cli.console import DefinitionErrors
from airflow_workflow_provider.cli.files import shown, workflow_file
from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.reader import read_workflow


@dataclass(frozen=True, slots=True)
class LoadedWorkflow:
    """A definition without errors, and its plan."""

    definition: Definition
    plan: Plan


def load_workflow(path: str) -> LoadedWorkflow:
    """Read and compile; ``UsageError`` for a wrong path, ``DefinitionErrors`` for a broken file."""
    reading = read_workflow(workflow_file(path))
    if reading.errors or reading.definition is None:
        raise DefinitionErrors(tuple(replace(each, file=shown(each.file)) for each in reading.diagnostics))
    return LoadedWorkflow(reading.definition, compile_workflow(reading.definition))
