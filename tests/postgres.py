"""Databases on PostgreSQL for the Airflows of tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy.exc import DBAPIError

from scripts import databases


@contextmanager
def metadata_database() -> Iterator[str | None]:
    """An empty database of its own for an Airflow, gone afterwards; ``None``, for SQLite, where no server answers.

    SQLite has one writer, and gives the ids of rows that are gone to new ones.
    """
    with ExitStack() as stack:
        try:
            url = stack.enter_context(databases.new_database(databases.postgresql(databases.new_name("airflow"))))
        except DBAPIError as error:
            print(f"Airflow's metadata are in SQLite, as PostgreSQL does not answer: {error.orig}", file=sys.stderr)
            yield None
        else:
            yield url.render_as_string(hide_password=False)
