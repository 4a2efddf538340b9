"""Definition → plan, without Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_workflow_provider.compiler.compile import compile_workflow

__all__ = ["compile_workflow"]


def __getattr__(name: str) -> Any:
    """Import the compiler when it is first used: a worker reads finished plans and needs no models."""
    if name == "compile_workflow":
        from airflow_workflow_provider.compiler.compile import compile_workflow

        return compile_workflow
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
