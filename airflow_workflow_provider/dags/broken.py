"""A broken definition as a DAG: it stays visible under its own name, says what is wrong, and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_workflow_provider.definitions.diagnostics import Diagnostic, one_line

TAG: Final = "broken definition"
LONGEST_ID: Final = 250
_SHOWN: Final = 200
_LONGEST: Final = 2_000
_UNKNOWN: Final = "there is no DAG of this definition, and the reason is not known here; the log says more"


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
    """The DAG that stands for a definition of which there is none."""
    # Of a file's name: it may hold bytes that are no text, which nobody could store.
    found = [one_line(str(each), limit=_LONGEST) for each in diagnostics if each.is_error] or [_UNKNOWN]
    count = "1 error" if len(found) == 1 else f"{len(found)} errors"
    more = [f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    errors = found[:_SHOWN] + more
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
    return re.sub(r"[^\w.\-]", "_", name)[:LONGEST_ID] or "unnamed"
