"""What Airflow reads about this package through its `apache_airflow_provider` entry point."""

from __future__ import annotations

from typing import Any

from airflow_workflow_provider import __version__


def get_provider_info() -> dict[str, Any]:
    """The package in the words of Airflow's `provider_info.schema.json`; every Airflow process asks."""
    return {
        "package-name": "airflow-workflow-provider",
        "name": "Workflow",
        "description": "Workflow definitions in YAML become DAGs that mean exactly what they say.",
        "versions": [__version__],
        "integrations": [{"integration-name": "Workflow", "tags": ["software"]}],
        "operators": [
            {
                "integration-name": "Workflow",
                "python-modules": ["airflow_workflow_provider.operators.sql"],
            }
        ],
        "cli": ["airflow_workflow_provider.cli.provider.get_workflows_cli_commands"],
    }
