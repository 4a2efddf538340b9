"""Workflow definitions in YAML become Airflow DAGs that mean exactly what they say."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_workflow_provider.compiler import compile_workflow
    from airflow_workflow_provider.dags.loader import load_workflow_dags
    from airflow_workflow_provider.definitions.diagnostics import Diagnostic
    from airflow_workflow_provider.definitions.reader import read_workflow

__version__ = "0.1.0"

__all__ = ["Diagnostic", "__version__", "compile_workflow", "load_workflow_dags", "read_workflow"]

_HOMES = {
    "Diagnostic": "airflow_workflow_provider.definitions.diagnostics",
    "compile_workflow": "airflow_workflow_provider.compiler",
    "load_workflow_dags": "airflow_workflow_provider.dags.loader",
    "read_workflow": "airflow_workflow_provider.definitions.reader",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
