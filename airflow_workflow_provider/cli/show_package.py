"""A package in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.loading import CheckedPackage
from airflow_workflow_provider.cli.stored_text import stored_facts
from airflow_workflow_provider.cli.table import table_lines
from airflow_workflow_provider.cli.variables_text import origin
from airflow_workflow_provider.cli.words import head_lines, value_text
from airflow_workflow_provider.compiler.normal_form import package_form
from airflow_workflow_provider.definitions.package_runs import package_run


def package_lines(loaded: CheckedPackage, console: Console) -> Iterator[str]:
    """Its head, its variables, and what it runs with which arguments."""
    package = loaded.package
    yield from head_lines(package.package, "package", package.description, console)
    facts = {**stored_facts(loaded.stored), "runs": package_run(package).operator}
    yield from table_lines(list(facts.items()), console, "  ")
    if package.variables:
        yield ""
        yield console.paint("variables", "bold")
        rows = [(name, each.type or "any", origin(each)) for name, each in package.variables.items()]
        yield from table_lines(rows, console, "  ")
    run = package_form(package)["run"]
    arguments: Mapping[str, Any] = next(
        (each for name, each in run.items() if name != "operator" and isinstance(each, Mapping)), {}
    )
    if arguments:
        yield ""
        yield console.paint("arguments", "bold")
        yield from table_lines([(name, value_text(value)) for name, value in arguments.items()], console, "  ")
