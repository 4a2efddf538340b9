"""Definition → plan, without Airflow."""

from airflow_workflow_provider.compiler.compile import compile_workflow

__all__ = ["compile_workflow"]
