"""Checks: expressions over the variables and outcomes of a run, as ``expect.checks`` and ``--expect`` have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from airflow_workflow_provider.definitions.references import (
    ExpressionNames,
    TemplateSyntaxError,
    expression_names,
)
from airflow_workflow_provider.definitions.sandbox import sandboxed_expression

_RUN: Final = frozenset({"vars", "tasks"})


@lru_cache(maxsize=4096)
def check_references(expression: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Variables (by their bare names or as ``vars.name``) and tasks (``tasks.name``) that a check reads.

    ``TemplateSyntaxError`` when it is no expression, or reads ``vars`` or ``tasks`` as a whole.
    """
    found = expression_names(expression, "check")
    for whole in _RUN & found.wholes:
        example = "vars.rows" if whole == "vars" else "tasks.load"
        raise TemplateSyntaxError(f"'{whole}' is read as a whole; write for example {example}")
    bare = [name for name in found.names if name not in _RUN]
    variables = dict.fromkeys((*bare, *_read(found, "vars")))
    return tuple(variables), _read(found, "tasks")


def compile_check(expression: str) -> Callable[[Mapping[str, Any], Mapping[str, str]], bool]:
    """A function from variables and outcomes (``success``, ``failure``, ``skipped``) to the check's truth.

    The function reads only what the check reads and raises what reading and comparing raise.
    """
    variables, _ = check_references(expression)
    evaluate = sandboxed_expression(expression, "a check")

    def check(values: Mapping[str, Any], outcomes: Mapping[str, str]) -> bool:
        bare = {name: values[name] for name in variables}
        return evaluate({**bare, "vars": values, "tasks": outcomes})

    return check


def _read(found: ExpressionNames, parent: str) -> tuple[str, ...]:
    return found.attributes.get(parent, ())
