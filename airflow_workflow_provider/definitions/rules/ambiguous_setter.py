"""ambiguous_setter: two tasks that set one variable, where the reader's value would depend on timing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations
from typing import Final

from airflow_workflow_provider.definitions.checks import check_references
from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, one_line
from airflow_workflow_provider.definitions.models import PackageTask
from airflow_workflow_provider.definitions.reachability import Reachability
from airflow_workflow_provider.definitions.reads import own_reads, scope_reads
from airflow_workflow_provider.definitions.references import TemplateSyntaxError

RULE: Final = "ambiguous_setter"


def check(definition: Definition) -> Iterator[Finding]:
    """Look at every pair of setters that are both upstream of one reader, neither upstream of the other."""
    contested = {variable: setters for variable, setters in definition.setters.items() if len(setters) > 1}
    if not contested:
        return
    reachability = Reachability(definition)
    readers = _readers(definition)
    checks = _checks(definition)
    for variable, setters in contested.items():
        for first, second in combinations(setters, 2):
            if definition.is_upstream(first, second) or definition.is_upstream(second, first):
                continue
            seeing = (f"'{r}'" for r in readers.get(variable, ()) if _sees(definition, r, first, second))
            reader = next(seeing, checks.get(variable))
            if reader is not None and not reachability.exclude(first, second):
                yield Finding(
                    ("tasks", second, "set"),
                    f"'{first}' and '{second}' both set '{variable}' for {reader} and can both run, so its value "
                    "would depend on timing; add an edge between them or use two variables",
                    RULE,
                )


def _sees(definition: Definition, reader: str, first: str, second: str) -> bool:
    return definition.is_upstream(first, reader) and definition.is_upstream(second, reader)


def _checks(definition: Definition) -> dict[str, str]:
    """The check that reads each variable; a check reads as if it were downstream of every task."""
    expect = definition.workflow.expect
    found: dict[str, str] = {}
    for check in expect.checks if expect else ():
        with suppress(TemplateSyntaxError):
            for variable in check_references(check)[0]:
                found.setdefault(variable, f"the check '{one_line(check, limit=60)}'")
    return found


def _readers(definition: Definition) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in definition.order:
        task = definition.tasks[name]
        read = {variable for _, variable in (*scope_reads(definition, name), *own_reads(definition, name))}
        if isinstance(task, PackageTask) and task.package in definition.packages:
            read.update(definition.packages[task.package].variables)
        for variable in read:
            found.setdefault(variable, []).append(name)
    return found
