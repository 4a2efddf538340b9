"""DAGs of others: a workflow of the store that bore the name of one would take its place in Airflow."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.bundles.taken_names import OtherDag, dags_of_others
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
        there = [name for name, other in self._others.items() if not other.is_gone]
        taken = reading.name if reading.name in self._others else look_alike(reading.name, there)
        if taken is None or (self._others[taken].is_gone and taken in self._former):
            return []
        place = self._others[taken].place
        if taken != reading.name:
            message = f"the name looks like that of the DAG '{taken}', {place}; rename this workflow"
        elif self._others[taken].is_gone:
            message = (
                f"Airflow remembers a DAG '{taken}', {place}, which is gone or broken at the moment; rename this "
                f"workflow, or, if that DAG is gone for good: airflow dags delete {taken}"
            )
        else:
            message = f"Airflow has a DAG '{taken}' already, {place}; rename this workflow, or remove that DAG"
        return [reading.document.diagnostic(Finding(("workflow",), message, RULE))]

    @cached_property
    def _current(self) -> frozenset[str]:
        return frozenset(each.version.name for each in self._store.definitions(Kind.WORKFLOW))

    @cached_property
    def _former(self) -> frozenset[str]:
        """Archived: a DAG of that name that is gone is what a DAG file made of it, which loaded the store."""
        return frozenset(each.version.name for each in self._store.definitions(Kind.WORKFLOW, archived=True))

    @cached_property
    def _others(self) -> dict[str, OtherDag]:
        from airflow_workflow_provider.cli.database import metadata_session

        try:
            with metadata_session() as session:
                return dags_of_others(session)
        except UsageError as error:
            self._console.note(f"not looked at: whether Airflow has DAGs of these names from elsewhere ({error})")
            return {}
