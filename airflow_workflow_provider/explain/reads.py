"""Which variables a planned task reads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from airflow_workflow_provider.compiler.plan import OperatorWork, PlannedTask, SqlWork
from airflow_workflow_provider.definitions.references import (
    BUILT_INS,
    TemplateSyntaxError,
    condition_references,
    template_references,
    texts,
)
from airflow_workflow_provider.definitions.sql_text import SqlTextError, find_bind_parameters


def condition_reads(task: PlannedTask) -> tuple[str, ...]:
    """Variables that its ``if`` reads."""
    if task.condition is None:
        return ()
    try:
        return _variables(condition_references(task.condition))
    except TemplateSyntaxError:
        return ()


def given_reads(task: PlannedTask) -> tuple[str, ...]:
    """Variables of the workflow that the values given on it read."""
    return _variables(_in_templates(task.scope.given))


def own_reads(task: PlannedTask) -> tuple[str, ...]:
    """Variables that its SQL, arguments or package see, in the order in which they are met."""
    if task.scope.package is not None:
        return tuple(variable.name for variable in task.scope.package)
    if isinstance(task.work, SqlWork):
        return _variables(name for statement in task.work.statements for name in _bound(statement))
    if isinstance(task.work, OperatorWork):
        return _variables(_in_templates(task.work.arguments))
    return tuple(task.scope.given)


def _variables(names: Iterator[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name not in BUILT_INS))


def _in_templates(value: Any) -> Iterator[str]:
    for _, text in texts(value, ()):
        try:
            yield from template_references(text)
        except TemplateSyntaxError:
            continue


@lru_cache(maxsize=1024)
def _bound(statement: str) -> tuple[str, ...]:
    try:
        return tuple(parameter.name for parameter in find_bind_parameters(statement))
    except SqlTextError:
        return ()
