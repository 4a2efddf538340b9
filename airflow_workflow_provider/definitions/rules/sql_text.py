"""sql_text: SQL whose quotes or comments do not end, and .sql files that are missing or empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition
from airflow_workflow_provider.definitions.diagnostics import Finding, Severity
from airflow_workflow_provider.definitions.sql_text import SqlTextError, find_bind_parameters

RULE: Final = "sql_text"

_NOTHING: Final = re.compile(r"(?:[\s;]|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_TEMPLATE: Final = re.compile(r"\{\{-?\s*(?:vars\.)?([A-Za-z_]\w*)")


def check(definition: Definition) -> Iterator[Finding]:
    """Scan every statement."""
    for statements in definition.statements.values():
        for statement in statements:
            if _is_nothing(statement.text):
                yield Finding(statement.location, "there is no SQL here; write a statement", RULE)
                continue
            try:
                find_bind_parameters(statement.text)
            except SqlTextError as error:
                yield Finding(statement.location, f"{error} ({statement.place(error.offset)})", RULE)
            template = _TEMPLATE.search(statement.text) if "{{" in statement.text else None
            if template:
                quoted = statement.text[: template.start()].rstrip().endswith(("'", '"'))
                instead = f":{template[1]}, without quotes around it" if quoted else f":{template[1]}"
                message = f"SQL is sent as it is written, templates in it too; to bind a value write {instead}"
                yield Finding(statement.location, message, RULE, Severity.WARNING)


def _is_nothing(text: str) -> bool:
    found = _NOTHING.match(text)
    return found is not None and found.end() == len(text)
