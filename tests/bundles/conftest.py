"""A store on SQLite and folders for its releases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL

from airflow_workflow_provider.bundles.releases import Releases
from airflow_workflow_provider.store.repository import WorkflowStore
from tests.bundles.folders import AskedStore, releases_in
from tests.stores import new_store


@pytest.fixture
def store(tmp_path: Path) -> WorkflowStore:
    return new_store(URL.create("sqlite", database=str(tmp_path / "workflows.db")))


@pytest.fixture
def asked(store: WorkflowStore) -> AskedStore:
    return AskedStore(store)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


@pytest.fixture
def releases(folder: Path) -> Releases:
    return releases_in(folder)
