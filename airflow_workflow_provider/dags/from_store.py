"""Workflows of a store without a DAG bundle: a DAG file asks for the newest release whenever it is parsed."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_workflow_provider.bundles.dag_files import read_dag_file
from airflow_workflow_provider.bundles.shards import relative_path
from airflow_workflow_provider.dags.errors import INTERRUPTIONS
from airflow_workflow_provider.dags.loaded import LoadedWorkflow, not_loaded
from airflow_workflow_provider.dags.stored_dag import StoredWorkflow, load_stored
from airflow_workflow_provider.private_files import read_text

log = logging.getLogger(__name__)


def follow_store(conn_id: str) -> StoredWorkflows:
    """The workflows of the newest release of a store; of the last one that it gave while it cannot be reached.

    ``StoreError`` if it cannot be reached and none is on disk.
    """
    from airflow_workflow_provider.bundles.store import WorkflowStoreDagBundle

    bundle = WorkflowStoreDagBundle(name=_folder_name(conn_id), store_conn_id=conn_id)
    bundle.refresh()
    # From here on the release stays the same, even if another process goes on to the next one.
    return StoredWorkflows(os.path.realpath(bundle.path), conn_id)


@dataclass(frozen=True)
class StoredWorkflows:
    """The workflows of a release folder, from the store behind a connection."""

    release: str
    conn_id: str

    def load_all(self) -> Iterator[LoadedWorkflow]:
        """All of them."""
        for folder, _, files in sorted(os.walk(self.release, followlinks=True)):
            for file in sorted(files):
                if file.endswith(".py"):
                    yield self._load(os.path.join(folder, file), for_worker=False)

    def load_wanted(self, name: str) -> Iterator[LoadedWorkflow]:
        """For a worker: the one of that name, if there is one."""
        path = os.path.join(self.release, relative_path(name))
        if os.path.exists(path):
            yield self._load(path, for_worker=True)

    def _load(self, path: str, *, for_worker: bool) -> LoadedWorkflow:
        try:
            return self._load_file(path, for_worker=for_worker)
        except INTERRUPTIONS:
            raise
        except BaseException as error:
            log.exception("%s cannot be loaded", path)
            name = os.path.basename(path).removesuffix(".py")
            return not_loaded(path, name, "this DAG file of the store cannot be loaded", error)

    def _load_file(self, path: str, *, for_worker: bool) -> LoadedWorkflow:
        constants = read_dag_file(read_text(path))
        stored = StoredWorkflow(
            path,
            constants["WORKFLOW"],
            constants["FORMAT"],
            constants["DEFINITION"],
            constants["FILES"],
            constants["PACKAGES"],
            self.conn_id,
        )
        return load_stored(stored, for_worker=for_worker, with_text=True)


def _folder_name(conn_id: str) -> str:
    """Of the bundle's folder; no bundle in Airflow's configuration is meant to have it."""
    plain = re.sub(r"\W", "_", conn_id, flags=re.ASCII)
    unique = "" if plain == conn_id else f".{hashlib.sha256(conn_id.encode()).hexdigest()[:8]}"
    return f"loaded.{plain}{unique}"
