"""DAGs of others: a workflow of the store that bore the name of one would take its place in Airflow."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.cli.console import Console, UsageError
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding
from airflow_workflow_provider.definitions.stored.look_alikes import look_alike
from airflow_workflow_provider.store.records import Kind

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.reader import Reading
    from airflow_workflow_provider.store.repository import WorkflowStore

RULE: Final = "dag_id_taken"


class TakenNames:
    """The DAGs that Airflow has from elsewhere. A workflow that is current in the store bears its name rightly."""

    def __init__(self, store: WorkflowStore, console: Console) -> None:
        self._store = store
        self._console = console

    def problems(self, reading: Reading) -> list[Diagnostic]:
        """That the name of a workflow is another DAG's, or looks like it."""
        if reading.name in self._current or reading.document is None:
            return []
        taken = reading.name if reading.name in self._others else look_alike(reading.name, self._others)
        if taken is None:
            return []
        place = self._others[taken]
        message = f"Airflow has a DAG '{taken}' already, {place}; rename this workflow, or remove that DAG"
        if taken != reading.name:
            message = f"the name looks like that of the DAG '{taken}', {place}; rename this workflow"
        return [reading.document.diagnostic(Finding(("workflow",), message, RULE))]

    @cached_property
    def _current(self) -> frozenset[str]:
        return frozenset(each.version.name for each in self._store.definitions(Kind.WORKFLOW))

    @cached_property
    def _others(self) -> dict[str, str]:
        """Where each comes from."""
        from airflow.models.dag import DagModel
        from sqlalchemy import select

        from airflow_workflow_provider.cli.database import metadata_session
        from airflow_workflow_provider.store.policy import own_bundles

        own = [str(each["name"]) for each in own_bundles()]
        query = select(DagModel.dag_id, DagModel.bundle_name, DagModel.relative_fileloc).where(~DagModel.is_stale)
        try:
            with metadata_session() as session:
                rows = session.execute(query.where(DagModel.bundle_name.not_in(own))).all()
        except UsageError as error:
            self._console.note(f"not looked at: whether Airflow has DAGs of these names from elsewhere ({error})")
            return {}
        return {row.dag_id: f"from {row.relative_fileloc} of bundle '{row.bundle_name}'" for row in rows}
