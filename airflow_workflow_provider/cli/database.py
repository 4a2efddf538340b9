"""Airflow's metadata database, for the commands that read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_workflow_provider.cli.console import UsageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@contextmanager
def metadata_session() -> Iterator[Session]:
    """A session; ``UsageError`` when the database does not answer or is not set up, or a run cannot be explained."""
    from airflow.utils.session import create_session
    from sqlalchemy.exc import DBAPIError

    from airflow_workflow_provider.explain.records import ExplanationError

    try:
        with create_session() as session:
            yield session
    except ExplanationError as error:
        raise UsageError(str(error)) from None
    except DBAPIError as error:
        problem = str(error.orig).strip().partition("\n")[0]
        raise UsageError(
            f"Airflow's database cannot be read: {problem}; see [database] sql_alchemy_conn, and run airflow db "
            "migrate if it is not set up"
        ) from None
