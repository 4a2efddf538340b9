"""Which variables each task reads, and where the definition says so."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from airflow_workflow_provider.definitions.definition import Definition, Statement
from airflow_workflow_provider.definitions.diagnostics import Location
from airflow_workflow_provider.definitions.models import OperatorTask
from airflow_workflow_provider.definitions.references import (
    TemplateSyntaxError,
    condition_references,
    template_references,
    templates,
)
from airflow_workflow_provider.definitions.sql_text import SqlTextError, find_bind_parameters


def scope_reads(definition: Definition, name: str) -> Iterator[tuple[Location, str]]:
    """Names that a task reads in the workflow's scope: its condition and the values it gives to its own variables."""
    task = definition.tasks[name]
    if task.if_ is not None:
        for variable in _quietly(condition_references, task.if_):
            yield ("tasks", name, "if"), variable
    if task.variables:
        yield from template_reads(task.variables, ("tasks", name, "variables"))


def own_reads(definition: Definition, name: str) -> Iterator[tuple[Location, str]]:
    """Names that a task's SQL or operator arguments read: here a value given on the task counts."""
    for statement in definition.statements.get(name, ()):
        for variable in statement_reads(statement):
            yield statement.location, variable
    task = definition.tasks[name]
    if isinstance(task, OperatorTask):
        for place, text in definition.argument_templates[name]:
            for variable in _quietly(template_references, text):
                yield place, variable


def statement_reads(statement: Statement) -> tuple[str, ...]:
    """Bind parameters of a statement, each once; none when it cannot be scanned (a rule says so)."""
    return _bind_names(statement.text)


@lru_cache(maxsize=4096)
def _bind_names(sql: str) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(parameter.name for parameter in find_bind_parameters(sql)))
    except SqlTextError:
        return ()


def template_reads(value: Any, location: Location) -> Iterator[tuple[Location, str]]:
    """Names that the templates inside a value read."""
    for place, text in templates(value, location):
        for variable in _quietly(template_references, text):
            yield place, variable


def _quietly(references: Any, text: str) -> tuple[str, ...]:
    """What cannot be parsed reads nothing here; ``template_text`` reports it."""
    try:
        found: tuple[str, ...] = references(text)
    except TemplateSyntaxError:
        return ()
    return found
