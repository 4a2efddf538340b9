"""Airflow's metadata database for tests that run its scheduling code in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """An empty SQLite metadata database of the installed Airflow."""
    import airflow.models  # noqa: F401
    from airflow.models import import_all_models
    from airflow.models.base import Base
    from airflow.models.dagbundle import DagBundleModel
    from airflow.settings import engine
    from airflow.utils.session import create_session

    import_all_models()  # type: ignore[no-untyped-call]
    Base.metadata.create_all(engine)
    from airflow.utils.db import synchronize_log_template

    with create_session() as session:
        synchronize_log_template(session=session)
        session.add(DagBundleModel(name="tests"))


@pytest.fixture
def session(airflow_database: None) -> Iterator[Any]:
    """A session of the metadata database."""
    from airflow.utils.session import create_session

    with create_session() as opened:
        yield opened
