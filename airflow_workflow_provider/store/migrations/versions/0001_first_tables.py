"""The first tables."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from alembic import op
from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    column,
    inspect,
    table,
)
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out here: a migration does not change when the tables do.
LONG_TEXT = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
DATETIME = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
MARIADB: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}

# Those that refer to others first.
TABLES = (
    "workflow_store_use",
    "workflow_store_placement",
    "workflow_store_version",
    "workflow_store_draft",
    "workflow_store_release",
    "workflow_store_head",
    "workflow_store_definition",
    "workflow_store_content",
    "workflow_store_audit",
)


def upgrade() -> None:
    """Make them; the head row gives the store its identity."""
    drop_tables()
    op.create_table(
        "workflow_store_audit",
        Column("id", Integer(), nullable=False),
        Column("at", DATETIME, nullable=False),
        Column("actor", String(length=250), nullable=False),
        Column("action", String(length=20), nullable=False),
        Column("kind", String(length=10), nullable=False),
        Column("name", String(length=250), nullable=False),
        Column("version", Integer(), nullable=True),
        Column("release", Integer(), nullable=True),
        Column("message", LONG_TEXT, nullable=False),
        PrimaryKeyConstraint("id", name="workflow_store_audit_pk"),
        **MARIADB,
    )
    op.create_index("workflow_store_audit_kind_name_ix", "workflow_store_audit", ["kind", "name"], unique=False)
    op.create_table(
        "workflow_store_content",
        Column("digest", String(length=64), nullable=False),
        Column("format", String(length=10), nullable=False),
        Column("text", LONG_TEXT, nullable=False),
        Column("files", LONG_TEXT, nullable=False),
        PrimaryKeyConstraint("digest", name="workflow_store_content_pk"),
        **MARIADB,
    )
    op.create_table(
        "workflow_store_definition",
        Column("id", Integer(), nullable=False),
        Column("kind", String(length=10), nullable=False),
        Column("name", String(length=250), nullable=False),
        Column("draft_revision", Integer(), nullable=False),
        PrimaryKeyConstraint("id", name="workflow_store_definition_pk"),
        UniqueConstraint("kind", "name", name="workflow_store_definition_kind_uq"),
        **MARIADB,
    )
    op.create_table(
        "workflow_store_head",
        Column("id", Integer(), autoincrement=False, nullable=False),
        Column("identity", String(length=32), nullable=False),
        Column("release", Integer(), nullable=False),
        PrimaryKeyConstraint("id", name="workflow_store_head_pk"),
        **MARIADB,
    )
    op.create_table(
        "workflow_store_release",
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("author", String(length=250), nullable=False),
        Column("message", LONG_TEXT, nullable=False),
        Column("published_at", DATETIME, nullable=False),
        PrimaryKeyConstraint("number", name="workflow_store_release_pk"),
        **MARIADB,
    )
    op.create_table(
        "workflow_store_draft",
        Column("definition_id", Integer(), autoincrement=False, nullable=False),
        Column("revision", Integer(), nullable=False),
        Column("based_on", Integer(), nullable=True),
        Column("format", String(length=10), nullable=False),
        Column("text", LONG_TEXT, nullable=False),
        Column("files", LONG_TEXT, nullable=False),
        Column("author", String(length=250), nullable=False),
        Column("saved_at", DATETIME, nullable=False),
        ForeignKeyConstraint(
            ["definition_id"], ["workflow_store_definition.id"], name="workflow_store_draft_definition_id_fk"
        ),
        PrimaryKeyConstraint("definition_id", name="workflow_store_draft_pk"),
        **MARIADB,
    )
    op.create_table(
        "workflow_store_version",
        Column("definition_id", Integer(), autoincrement=False, nullable=False),
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("digest", String(length=64), nullable=False),
        Column("author", String(length=250), nullable=False),
        Column("message", LONG_TEXT, nullable=False),
        Column("published_at", DATETIME, nullable=False),
        Column("description", LONG_TEXT, nullable=False),
        Column("owner", LONG_TEXT, nullable=False),
        Column("tags", LONG_TEXT, nullable=False),
        Column("schedule", LONG_TEXT, nullable=False),
        Column("searched", LONG_TEXT, nullable=False),
        ForeignKeyConstraint(
            ["definition_id"], ["workflow_store_definition.id"], name="workflow_store_version_definition_id_fk"
        ),
        ForeignKeyConstraint(["digest"], ["workflow_store_content.digest"], name="workflow_store_version_digest_fk"),
        PrimaryKeyConstraint("definition_id", "number", name="workflow_store_version_pk"),
        **MARIADB,
    )
    op.create_table(
        "workflow_store_placement",
        Column("definition_id", Integer(), autoincrement=False, nullable=False),
        Column("since", Integer(), autoincrement=False, nullable=False),
        Column("until", Integer(), nullable=True),
        Column("number", Integer(), nullable=False),
        ForeignKeyConstraint(
            ["definition_id", "number"],
            ["workflow_store_version.definition_id", "workflow_store_version.number"],
            name="workflow_store_placement_definition_id_fk",
        ),
        PrimaryKeyConstraint("definition_id", "since", name="workflow_store_placement_pk"),
        **MARIADB,
    )
    op.create_index("workflow_store_placement_since_ix", "workflow_store_placement", ["since"], unique=False)
    op.create_index("workflow_store_placement_until_ix", "workflow_store_placement", ["until"], unique=False)
    op.create_table(
        "workflow_store_use",
        Column("definition_id", Integer(), autoincrement=False, nullable=False),
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("kind", String(length=10), nullable=False),
        Column("name", String(length=250), nullable=False),
        ForeignKeyConstraint(
            ["definition_id", "number"],
            ["workflow_store_version.definition_id", "workflow_store_version.number"],
            name="workflow_store_use_definition_id_fk",
        ),
        PrimaryKeyConstraint("definition_id", "number", "kind", "name", name="workflow_store_use_pk"),
        **MARIADB,
    )
    op.create_index("workflow_store_use_kind_name_ix", "workflow_store_use", ["kind", "name"], unique=False)
    head = table("workflow_store_head", column("id"), column("identity"), column("release"))
    op.bulk_insert(head, [{"id": 1, "identity": uuid4().hex, "release": 0}])


def downgrade() -> None:
    """Drop them, with everything that was published."""
    drop_tables()


def drop_tables() -> None:
    """Those that are there: on MariaDB a migration that was killed has made some, and nothing is in them yet."""
    present = set(inspect(op.get_bind()).get_table_names())
    for name in TABLES:
        if name in present:
            op.drop_table(name)
