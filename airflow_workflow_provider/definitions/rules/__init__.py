"""What must hold in a definition beyond its shape: one module a rule, named as the rule is printed.

A rule is a function from a ``Definition`` to its findings. Rules do not read files and do not stop at the first error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Severity
from airflow_workflow_provider.definitions.document import Document
from airflow_workflow_provider.definitions.models import Package, Workflow
from airflow_workflow_provider.definitions.package_runs import package_run
from airflow_workflow_provider.definitions.rules import (
    ambiguous_setter,
    dead_task,
    dependency_cycle,
    expectation,
    not_allowed,
    notifier,
    package_runs,
    package_scope,
    pasted_variable,
    phases,
    quoted_variable,
    required_variable,
    schedule,
    secret_variable,
    sql_text,
    sql_traps,
    stored_limits,
    stored_runs,
    template_file,
    template_text,
    unknown_source,
    unknown_variable,
    variable_name,
    variable_value,
    written_text,
)
from airflow_workflow_provider.definitions.rules.shape import validate
from airflow_workflow_provider.definitions.stored.trust import Trust

MAX_FINDINGS: Final = 200
"""Findings of one rule in one file; a generated file with the same mistake everywhere stays readable and fast."""

Rule = Callable[[Definition], Iterable[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    phases.check,
    unknown_source.check,
    dependency_cycle.check,
    dead_task.check,
    variable_name.check,
    variable_value.check,
    secret_variable.check,
    sql_text.check,
    sql_traps.check,
    quoted_variable.check,
    template_text.check,
    unknown_variable.check,
    required_variable.check,
    ambiguous_setter.check,
    package_scope.check,
    pasted_variable.check,
    template_file.check,
    schedule.check,
    expectation.check,
    notifier.check,
)


def check_workflow(data: Mapping[str, Any]) -> tuple[Workflow | None, list[Finding]]:
    """The model of a workflow document, or what is wrong with its shape."""
    return validate(Workflow, data)


def check_definition(definition: Definition) -> list[Finding]:
    """What every rule says about a well-shaped definition."""
    return [finding for rule in RULES for finding in limited(rule(definition))]


def check_written(definition: Definition, document: Document) -> list[Finding]:
    """What YAML makes of a definition that its author does not see."""
    return list(limited(written_text.check(definition, document)))


def check_stored_limits(workflow: Workflow, trust: Trust, at: datetime | None) -> list[Finding]:
    """Why a workflow from the store is too much for Airflow; empty if it is not. Comes before all that takes time.

    ``at`` is when it was published, by default now.
    """
    return list(limited(stored_limits.check(workflow))) or list(limited(stored_runs.check(workflow, trust.limits, at)))


def check_stored_name(model: type[Workflow] | type[Package], name: str) -> list[Finding]:
    """Why a definition of the store may not bear a name; empty if it may."""
    where = "workflow" if model is Workflow else "package"
    findings = [each for each in validate(model, {where: name})[1] if each.location == (where,)]
    return findings or (list(stored_limits.check_name(name)) if model is Workflow else [])


def check_stored(definition: Definition, trust: Trust) -> list[Finding]:
    """What a well-shaped definition from the store does that it may not do."""
    return list(limited(not_allowed.check(definition, trust)))


def limited(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, up to a number at which nobody reads on."""
    rest = iter(findings)
    yield from islice(rest, MAX_FINDINGS)
    for more in islice(rest, 1):
        yield replace(
            more, message=f"{more.message} (more of this kind are shown when these {MAX_FINDINGS} are mended)"
        )


def check_package(document: Document) -> tuple[Package | None, list[Finding]]:
    """The model of a package document and what the rules for packages say; no model when there is an error."""
    package, findings = validate(Package, document.data)
    if package is not None:
        run = package_run(package)
        findings += [
            *package_runs.check_run(package),
            *package_runs.check_job(package),
            *variable_name.check_names(package.variables, ("variables",)),
            *variable_value.check_values(package.variables, ("variables",)),
            *secret_variable.check_secrets(package.variables, ("variables",)),
            *template_text.check_arguments(run.written, run.location),
            *package_scope.check_package_references(package),
            *pasted_variable.check_arguments(run.written, run.location),
            *template_file.check_arguments(run.written, run.location),
            *written_text.check_package(package, document),
        ]
    broken = any(finding.severity is Severity.ERROR for finding in findings)
    return (None if broken else package), findings
