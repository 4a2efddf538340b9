"""``schema``: the JSON Schema of the definition language."""

from __future__ import annotations

from argparse import Namespace

from airflow_workflow_provider.cli.console import Console


def run(arguments: Namespace, console: Console) -> int:
    """Print it."""
    from airflow_workflow_provider.definitions.json_schema import json_schema_text

    console.out.write(json_schema_text(arguments.kind))
    return 0
