"""A home of its own for Airflow, before anything imports it: no test sees or touches an installation's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same examples every time, so that a failure is of the change under test; `make explore` looks for others.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

_HOME = tempfile.mkdtemp(prefix="airflow-home-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{_HOME}/airflow.db"
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"


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
