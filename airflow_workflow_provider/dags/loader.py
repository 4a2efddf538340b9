"""Definitions become DAGs: those of a folder, those of a store, or both together."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from airflow_workflow_provider.dags import from_folder
from airflow_workflow_provider.dags.loaded import LoadedWorkflow, collector_paused, not_loaded
from airflow_workflow_provider.dags.together import dags_by_name, with_checked_calls
from airflow_workflow_provider.definitions.library import Library

log = logging.getLogger(__name__)


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
    wanted = get_parsing_context().dag_id
    with collector_paused():
        dags = _wanted_dags(library, store, wanted) if wanted else {}
        if not dags:
            of_folder = from_folder.load_folder(library) if library else []
            of_store = _of_store(store, has_folder=library is not None) if store is not None else []
            dags = dags_by_name(with_checked_calls([*of_folder, *of_store]), len(of_folder))
    for dag in dags.values():
        with dag:
            pass  # leaving the context is how a DAG registers itself
    return dags


def _library(folder: str | os.PathLike[str]) -> Library:
    path = Path(folder).absolute()
    return Library(path if path.is_dir() else path.parent)


def _of_store(conn_id: str, *, has_folder: bool) -> list[LoadedWorkflow]:
    """All of the store's. One that has never been reached costs the definitions of a folder nothing."""
    from airflow_workflow_provider.dags.from_store import follow_store

    if not has_folder:
        return list(follow_store(conn_id).load_all())
    try:
        return list(follow_store(conn_id).load_all())
    except Exception as error:
        log.exception("no workflow of the store '%s' is loaded", conn_id)
        return [not_loaded(conn_id, conn_id, "its workflows cannot be loaded", error)]


def _wanted_dags(library: Library | None, store: str | None, wanted: str) -> dict[str, DAG]:
    """The one DAG, from where it could be; nothing when it takes a look at everything to know.

    The store is asked only for what the folder does not have.
    """
    dags = dags_by_name(from_folder.load_wanted(library, wanted)) if library else {}
    if wanted not in dags and store is not None:
        from airflow_workflow_provider.dags.from_store import follow_store

        dags = dags_by_name(list(follow_store(store).load_wanted(wanted)))
    return {wanted: dags[wanted]} if wanted in dags else {}
