"""A store in each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_workflow_provider.store.repository import WorkflowStore
from tests.stores import DATABASES, new_database, new_store

if TYPE_CHECKING:
    from sqlalchemy import URL


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """The address of an empty database."""
    with new_database(request.param, tmp_path) as address:
        yield address


@pytest.fixture
def store(url: URL) -> WorkflowStore:
    """A store without anything in it."""
    return new_store(url)
