"""Classes and functions that definitions name by dotted path, imported with messages that tell what is wrong."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from airflow.sdk import BaseOperator

from airflow_workflow_provider.dags.errors import BuildError
from airflow_workflow_provider.definitions.diagnostics import Location, suggestion


def operator_class(path: str, where: Location) -> type[BaseOperator]:
    """The operator class at a dotted path; ``where`` the definition names it."""
    try:
        return _known_operator_class(path)
    except Exception as error:
        raise BuildError(_import_problem(path, error), where) from error


def imported(path: str, where: Location) -> Any:
    """Whatever is at a dotted path; ``where`` the definition names it."""
    try:
        return _resolve(path)
    except Exception as error:
        raise BuildError(_import_problem(path, error), where) from error


@cache
def _known_operator_class(path: str) -> type[BaseOperator]:
    cls = _resolve(path)
    if not (isinstance(cls, type) and issubclass(cls, BaseOperator)):
        raise TypeError(f"'{path}' is not an operator class")
    return cls


def _resolve(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _import_problem(path: str, error: Exception) -> str:
    module, _, name = path.rpartition(".")
    if isinstance(error, AttributeError):
        known = [item for item in dir(import_module(module)) if not item.startswith("_")]
        return f"'{module}' has no '{name}'{suggestion(name, known)}"
    if isinstance(error, ModuleNotFoundError):
        return f"'{path}' cannot be imported: there is no module '{error.name}'; is its package installed?"
    return (
        f"'{path}' cannot be imported: {type(error).__name__}: {error}"
        if not isinstance(error, TypeError)
        else str(error)
    )
