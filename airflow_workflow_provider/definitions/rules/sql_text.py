"""sql_text: SQL whose quotes or comments do not end, and .sql files that are missing or empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding
from airflow_workflow_provider.definitions.sql_text import SqlTextError, find_bind_parameters

RULE: Final = "sql_text"


def check(definition: Definition) -> Iterator[Finding]:
    """Scan every statement."""
    for statements in definition.statements.values():
        for statement in statements:
            if not statement.text.strip():
                yield Finding(statement.location, "there is no SQL here; write a statement", RULE)
                continue
            try:
                find_bind_parameters(statement.text)
            except SqlTextError as error:
                line = statement.text.count("\n", 0, error.offset) + 1
                where = f"line {line} of the statement" if statement.file is None else f"{statement.file}, line {line}"
                yield Finding(statement.location, f"{error} ({where})", RULE)
