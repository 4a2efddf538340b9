"""quoted_variable: ``':region'`` in SQL, which is a text of seven letters: the query runs and finds nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.definitions.definition import Definition, Statement, set_by
from airflow_workflow_provider.definitions.diagnostics import Finding, Severity
from airflow_workflow_provider.definitions.references import BUILT_INS
from airflow_workflow_provider.definitions.sql_scan import Dialect, Kind, SqlTextError, tokens_of

RULE: Final = "quoted_variable"
_NAME: Final = re.compile(r"(?<![\w:\\]):([A-Za-z_]\w*)(?!\w*:)")


def check(definition: Definition) -> Iterator[Finding]:
    """Look into the literals of every statement that has both quotes and colons."""
    names: frozenset[str] | None = None
    for statements in definition.statements.values():
        for statement in statements:
            if "'" not in statement.text or ":" not in statement.text:
                continue
            if names is None:
                names = _names(definition)
            yield from _check(statement, names)


def _names(definition: Definition) -> frozenset[str]:
    set_by_tasks = {name for task in definition.tasks.values() for name in set_by(task)}
    return frozenset({*definition.workflow.variables, *set_by_tasks, *BUILT_INS})


def _check(statement: Statement, names: frozenset[str]) -> Iterator[Finding]:
    try:
        tokens = tokens_of(statement.text, Dialect.ANY, (Kind.QUOTED,))
    except SqlTextError:
        return  # sql_text says so
    for token in tokens:
        literal = statement.text[token.start : token.end]
        found = _NAME.search(literal) if token.kind is Kind.QUOTED and literal[:1] == "'" else None
        if found is None or found[1] not in names:
            continue
        name = found[1]
        whole = literal == f"':{name}'"
        instead = f":{name} without quotes" if whole else f"the value with the text around it, as in '…' || :{name}"
        place = statement.place(token.start)
        message = f"':{name}' in quotes is text and not the variable ({place}); write {instead}"
        yield Finding(statement.location, message, RULE, Severity.WARNING)
