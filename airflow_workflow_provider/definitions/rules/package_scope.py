"""package_scope: what a task hands to a package, and what the package needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, unknown_name
from airflow_workflow_provider.definitions.models import Package, PackageTask
from airflow_workflow_provider.definitions.package_runs import package_run
from airflow_workflow_provider.definitions.reads import template_reads
from airflow_workflow_provider.definitions.references import BUILT_INS, template_references
from airflow_workflow_provider.definitions.values import ValueTypeError, coerce

RULE: Final = "package_scope"


def check(definition: Definition) -> Iterator[Finding]:
    """Check every task that runs a package against the package's variables."""
    for name, task, package in definition.package_tasks():
        yield from _given(name, task, package)
        yield from _missing(definition, name, task, package)


def check_package_references(package: Package) -> Iterator[Finding]:
    """A package reads only variables that it declares, so that its callers can see what it needs."""
    run = package_run(package)
    for location, variable in template_reads(run.written, run.location):
        if variable not in package.variables and variable not in BUILT_INS:
            message = unknown_name("variable", variable, {*package.variables, *BUILT_INS})
            yield Finding(location, f"{message}; declare it under 'variables' of the package", RULE)


def _given(name: str, task: PackageTask, package: Package) -> Iterator[Finding]:
    for variable, value in task.variables.items():
        location = ("tasks", name, "variables", variable)
        declared = package.variables.get(variable)
        if declared is None:
            message = unknown_name(f"variable of package '{task.package}':", variable, package.variables)
            yield Finding(location, message, RULE, on_key=True)
        elif not (isinstance(value, str) and template_references(value)):
            try:
                coerce(value, declared.type, variable)
            except ValueTypeError as error:
                yield Finding(location, str(error), RULE)


def _missing(definition: Definition, name: str, task: PackageTask, package: Package) -> Iterator[Finding]:
    for variable, declared in package.variables.items():
        if not declared.required or declared.default is not None or variable in task.variables:
            continue
        setters = definition.setters.get(variable, [])
        if variable in definition.workflow.variables or any(definition.is_upstream(s, name) for s in setters):
            continue
        yield Finding(
            ("tasks", name, "package"),
            f"package '{task.package}' needs '{variable}' and nothing gives it a value; add it to 'variables' of "
            "this task or of the workflow",
            RULE,
        )
