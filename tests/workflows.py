"""Definitions for tests, from the shapes that the oracle understands."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from airflow_workflow_provider.definitions.definition import Definition, Statement
from airflow_workflow_provider.definitions.models import Workflow

BASH = "airflow.providers.standard.operators.bash.BashOperator"
WORDS = {"S": "success", "F": "failure", "K": "skipped"}
ACCEPTS = tuple(frozenset(chosen) for size in (1, 2, 3) for chosen in combinations("SFK", size))


def words(accepted: frozenset[str]) -> list[str]:
    """Letters as an edge's words, ``completion`` where it says the same."""
    if accepted == {"S", "F"}:
        return ["completion"]
    return [WORDS[letter] for letter in sorted(accepted)]


def definition(
    shape: Mapping[str, tuple[str, Mapping[str, frozenset[str]]]], mode: str = "strict", *, sql: bool = False
) -> Definition:
    """A workflow of that shape, whose tasks are operators that may end in any way, or SQL, which never skips itself."""
    work = {"sql": "SELECT 1"} if sql else {"operator": BASH, "arguments": {"bash_command": "true"}}
    tasks = {
        name: {
            **work,
            "constraint": constraint,
            "depends_on": {source: words(accepted) for source, accepted in edges.items()},
        }
        for name, (constraint, edges) in shape.items()
    }
    workflow = Workflow.model_validate({"workflow": "w", "outcome": mode, "tasks": tasks})
    statements = {name: (Statement("SELECT 1", ("tasks", name, "sql")),) for name in tasks} if sql else {}
    return Definition(workflow, statements=statements)
