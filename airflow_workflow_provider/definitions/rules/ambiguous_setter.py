"""ambiguous_setter: two tasks that set one variable, where the reader's value would depend on timing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding
from airflow_workflow_provider.definitions.models import PackageTask
from airflow_workflow_provider.definitions.reachability import Reachability
from airflow_workflow_provider.definitions.reads import own_reads, scope_reads

RULE: Final = "ambiguous_setter"


def check(definition: Definition) -> Iterator[Finding]:
    """Look at every pair of setters that are both upstream of one reader, neither upstream of the other."""
    contested = {variable: setters for variable, setters in definition.setters.items() if len(setters) > 1}
    if not contested:
        return
    reachability = Reachability(definition)
    readers = _readers(definition)
    for variable, setters in contested.items():
        for first, second in combinations(setters, 2):
            if definition.is_upstream(first, second) or definition.is_upstream(second, first):
                continue
            reader = next((r for r in readers.get(variable, ()) if _sees(definition, r, first, second)), None)
            if reader is not None and not reachability.exclude(first, second):
                yield Finding(
                    ("tasks", second, "set"),
                    f"'{first}' and '{second}' both set '{variable}' for '{reader}' and can both run, so its value "
                    "would depend on timing; add an edge between them or use two variables",
                    RULE,
                )


def _sees(definition: Definition, reader: str, first: str, second: str) -> bool:
    return definition.is_upstream(first, reader) and definition.is_upstream(second, reader)


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
