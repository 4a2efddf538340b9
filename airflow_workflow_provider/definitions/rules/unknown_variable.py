"""unknown_variable: a name read in SQL, a template or a condition that nothing can give a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import (
    Finding,
    Location,
    Severity,
    quoted_list,
    unknown_name,
)
from airflow_workflow_provider.definitions.reads import own_reads, scope_reads, statement_reads
from airflow_workflow_provider.definitions.references import BUILT_INS

RULE: Final = "unknown_variable"


def check(definition: Definition) -> Iterator[Finding]:
    """Look up every name that a task reads."""
    for name in definition.order:
        task = definition.tasks[name]
        reads = {**dict.fromkeys(scope_reads(definition, name))}
        own = {read: None for read in own_reads(definition, name) if read[1] not in task.variables}
        for location, variable in (*reads, *own):
            yield from _check_read(definition, name, location, variable)


def _check_read(definition: Definition, reader: str, location: Location, variable: str) -> Iterator[Finding]:
    if variable in BUILT_INS:
        return
    declared = definition.workflow.variables.get(variable)
    setters = definition.setters.get(variable, [])
    if declared is None and not setters:
        known = {
            *definition.workflow.variables,
            *definition.setters,
            *definition.tasks[reader].variables,
            *BUILT_INS,
        }
        where = _sql_file(definition, reader, location, variable)
        yield Finding(location, unknown_name("variable", variable, known) + where, RULE)
        return
    if not setters or any(definition.is_upstream(setter, reader) for setter in setters):
        return
    if declared is None or (declared.default is None and not declared.required):
        yield Finding(
            location,
            f"'{variable}' is set by {quoted_list(setters)}, but not upstream of '{reader}', which therefore never "
            "sees that value; add an edge or a default",
            RULE,
            Severity.ERROR if declared is None else Severity.WARNING,
        )


def _sql_file(definition: Definition, reader: str, location: Location, variable: str) -> str:
    """The .sql file where a statement at this location reads the variable, in brackets."""
    for statement in definition.statements.get(reader, ()):
        if statement.file and statement.location == location and variable in statement_reads(statement):
            return f" ({statement.file})"
    return ""
