"""Run by Alembic: the migrations, on the connection that ``store/schema.py`` gives."""

from __future__ import annotations

from alembic import context

from airflow_workflow_provider.store.schema import VERSION_TABLE
from airflow_workflow_provider.store.tables import Table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    version_table=VERSION_TABLE,
    # With it, a migration on SQLite that is killed leaves nothing behind.
    transactional_ddl=connection.dialect.name in ("sqlite", "postgresql"),
)
context.run_migrations()
