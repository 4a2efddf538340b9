"""Definitions become DAGs: those of a folder, those of a store, or both together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, get_parsing_context

from airflow_workflow_provider.dags import from_folder
from airflow_workflow_provider.dags.loaded import collector_paused
from airflow_workflow_provider.dags.together import dags_by_name, with_checked_calls
from airflow_workflow_provider.definitions.library import Library

if TYPE_CHECKING:
    from airflow_workflow_provider.dags.from_store import StoredWorkflows


def load_workflow_dags(folder: str | os.PathLike[str] | None = None, *, store: str | None = None) -> dict[str, DAG]:
    """Make a DAG of every ``*.workflow.yaml`` or ``*.workflow.json`` in a folder and below it, and of every workflow
    of a store.

    ``folder``: the folder, or a file in it (``__file__``). ``store``: the Airflow connection of a workflow store
    (``workflow_store``); while it cannot be reached its workflows are those that it last gave. At least one of the two.

    A definition with errors becomes a DAG that shows them, so that it neither vanishes nor hides others. In a worker
    only the DAG that it runs is built. A run uses whatever version is current when one of its tasks starts: runs keep
    the version that they started with where ``WorkflowStoreDagBundle`` is a DAG bundle of Airflow.

    Returns the DAGs by id; called in a DAG file they register themselves.
    """
    if folder is None and store is None:
        raise TypeError("load_workflow_dags() needs a folder (mostly __file__), store=, or both")
    library = _library(folder) if folder is not None else None
    stored = _stored(store) if store is not None else None
    wanted = get_parsing_context().dag_id
    with collector_paused():
        dags = _wanted_dags(library, stored, wanted) if wanted else {}
        if not dags:
            loaded = [*(from_folder.load_folder(library) if library else ()), *(stored.load_all() if stored else ())]
            dags = dags_by_name(with_checked_calls(loaded))
    for dag in dags.values():
        with dag:
            pass  # leaving the context is how a DAG registers itself
    return dags


def _library(folder: str | os.PathLike[str]) -> Library:
    path = Path(folder).absolute()
    return Library(path if path.is_dir() else path.parent)


def _stored(conn_id: str) -> StoredWorkflows:
    from airflow_workflow_provider.dags.from_store import follow_store

    return follow_store(conn_id)


def _wanted_dags(library: Library | None, stored: StoredWorkflows | None, wanted: str) -> dict[str, DAG]:
    """The one DAG, from where it could be; nothing when it takes a look at everything to know."""
    candidates = [
        *(from_folder.load_wanted(library, wanted) if library else ()),
        *(stored.load_wanted(wanted) if stored else ()),
    ]
    dags = dags_by_name(candidates)
    return {wanted: dags[wanted]} if wanted in dags else {}
