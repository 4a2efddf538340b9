"""What only Airflow can tell about a definition: whether its operators import and take their arguments."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding
from airflow_workflow_provider.definitions.reader import Reading


def find_modules_in(folders: Iterable[str]) -> None:
    """Let operators be imported from the DAG folder and from these, as Airflow lets them when it reads DAG files."""
    from airflow.configuration import conf

    for folder in (conf.get("core", "dags_folder"), *folders):
        if folder not in sys.path:
            sys.path.append(folder)


def build_problems(reading: Reading) -> list[Diagnostic]:
    """Build the DAG of a definition without errors and throw it away."""
    from airflow_workflow_provider.compiler import compile_workflow
    from airflow_workflow_provider.dags.builder import build_dag
    from airflow_workflow_provider.dags.errors import BuildError

    assert reading.document is not None
    assert reading.definition is not None
    try:
        build_dag(compile_workflow(reading.definition))
    except BuildError as error:
        return [reading.document.diagnostic(Finding(error.location, error.message, "operator"))]
    except Exception as error:  # noqa: BLE001 - whatever Airflow thinks of it is the user's to read
        finding = Finding((), f"Airflow refuses this workflow: {error}", "airflow")
        return [reading.document.diagnostic(finding)]
    return []
