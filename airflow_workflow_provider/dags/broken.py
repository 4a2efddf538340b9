"""A broken definition as a DAG: it stays visible under its own name, says what is wrong, and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_workflow_provider.definitions.diagnostics import Diagnostic

TAG = "broken definition"


class DefinitionErrorOperator(BaseOperator):
    """Fails with the errors of the definition; runs that were under way when it broke end failed, not green."""

    custom_operator_name = "Definition error"
    ui_color = "#f8d7da"

    def __init__(self, *, errors: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.errors = errors

    def execute(self, context: Any) -> None:
        """Raise the errors."""
        raise AirflowFailException("The definition of this workflow is broken:\n" + "\n".join(self.errors))


def broken_dag(name: str, diagnostics: Sequence[Diagnostic]) -> DAG:
    """The DAG that stands for a definition with errors."""
    errors = [str(diagnostic) for diagnostic in diagnostics if diagnostic.is_error]
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    items = "\n".join(f"- `{error.replace('`', chr(39))}`" for error in errors)
    dag = DAG(
        dag_id=dag_id_of(name),
        description=f"{count} in the definition: {errors[0]}"[:1000],
        schedule=None,
        tags=[TAG],
        doc_md=f"### {count} in the definition\n\nNothing runs until it is mended.\n\n{items}",
    )
    DefinitionErrorOperator(task_id="definition_error", errors=errors, retries=0, dag=dag)
    return dag


def dag_id_of(name: str) -> str:
    """A name as Airflow allows it for a dag_id: anything else becomes ``_``."""
    return re.sub(r"[^\w.\-]", "_", name)[:250] or "unnamed"
