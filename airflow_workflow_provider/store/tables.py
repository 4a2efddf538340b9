"""The tables of the store. Every name has a prefix, so that they can live beside those of somebody else.

Rows of ``content``, ``version``, ``use``, ``release`` and ``audit`` are never changed. A migration
(``migrations/versions``) goes with every change here.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import DateTime, ForeignKeyConstraint, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

PREFIX: Final = "workflow_store_"
# MariaDB takes names that differ in case for the same, and holds 64 kB in a TEXT, unless told otherwise.
_MARIADB: Final = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
LONG_TEXT: Final = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
NAME: Final = String(250)
DIGEST: Final = String(64)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC without a zone: the same on every database, whatever the zone of its sessions."""

    impl = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: D102
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: D102
        return None if value is None else value.replace(tzinfo=timezone.utc)


class Table(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pk",
            "fk": "%(table_name)s_%(column_0_name)s_fk",
            "uq": "%(table_name)s_%(column_0_name)s_uq",
            "ix": "%(table_name)s_%(column_0_name)s_ix",
        }
    )


class Publication:
    """Columns that tell who published, why and when."""

    author: Mapped[str] = mapped_column(NAME)
    message: Mapped[str] = mapped_column(LONG_TEXT)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)


class HeadRow(Table):
    """The one row that says which release is the newest; whoever writes holds its lock.

    ``identity``: a random id, given when the tables were made.
    """

    __tablename__ = f"{PREFIX}head"
    __table_args__ = _MARIADB

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    identity: Mapped[str] = mapped_column(String(32))
    release: Mapped[int]


class ContentRow(Table):
    """A source, once for all versions that have it. ``files`` is a JSON object of texts by path."""

    __tablename__ = f"{PREFIX}content"
    __table_args__ = _MARIADB

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    format: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(LONG_TEXT)
    files: Mapped[str] = mapped_column(LONG_TEXT)


class DefinitionRow(Table):
    """A workflow or a package that was published or drafted. ``draft_revision`` counts all saves of its drafts."""

    __tablename__ = f"{PREFIX}definition"
    __table_args__ = (UniqueConstraint("kind", "name"), _MARIADB)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(NAME)
    draft_revision: Mapped[int] = mapped_column(default=0)


class VersionRow(Publication, Table):
    """A published version. What lists show of it is kept beside its text; ``tags`` is a JSON array.

    ``searched``: name and all that, casefolded, since databases differ in what they take for the same letter.
    """

    __tablename__ = f"{PREFIX}version"
    __table_args__ = (
        ForeignKeyConstraint(["definition_id"], [f"{PREFIX}definition.id"]),
        ForeignKeyConstraint(["digest"], [f"{PREFIX}content.digest"]),
        _MARIADB,
    )

    definition_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(DIGEST)
    description: Mapped[str] = mapped_column(LONG_TEXT)
    owner: Mapped[str] = mapped_column(LONG_TEXT)
    tags: Mapped[str] = mapped_column(LONG_TEXT)
    schedule: Mapped[str] = mapped_column(LONG_TEXT)
    searched: Mapped[str] = mapped_column(LONG_TEXT)


class UseRow(Table):
    """A package or a workflow that a version calls."""

    __tablename__ = f"{PREFIX}use"
    __table_args__ = (
        ForeignKeyConstraint(
            ["definition_id", "number"], [f"{PREFIX}version.definition_id", f"{PREFIX}version.number"]
        ),
        Index(f"{PREFIX}use_kind_name_ix", "kind", "name"),
        _MARIADB,
    )

    definition_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(NAME, primary_key=True)


class ReleaseRow(Publication, Table):
    """A set of current versions."""

    __tablename__ = f"{PREFIX}release"
    __table_args__ = _MARIADB

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class PlacementRow(Table):
    """A version is the current one from release ``since`` until, without it, release ``until``."""

    __tablename__ = f"{PREFIX}placement"
    __table_args__ = (
        ForeignKeyConstraint(
            ["definition_id", "number"], [f"{PREFIX}version.definition_id", f"{PREFIX}version.number"]
        ),
        Index(f"{PREFIX}placement_since_ix", "since"),
        Index(f"{PREFIX}placement_until_ix", "until"),
        _MARIADB,
    )

    definition_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    until: Mapped[int | None]
    number: Mapped[int]


class DraftRow(Table):
    """Work on a next version; the newest save only."""

    __tablename__ = f"{PREFIX}draft"
    __table_args__ = (ForeignKeyConstraint(["definition_id"], [f"{PREFIX}definition.id"]), _MARIADB)

    definition_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision: Mapped[int]
    based_on: Mapped[int | None]
    format: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(LONG_TEXT)
    files: Mapped[str] = mapped_column(LONG_TEXT)
    author: Mapped[str] = mapped_column(NAME)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditRow(Table):
    """Who did what; names instead of ids, so that a row says all."""

    __tablename__ = f"{PREFIX}audit"
    __table_args__ = (Index(f"{PREFIX}audit_kind_name_ix", "kind", "name"), _MARIADB)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(NAME)
    action: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(NAME)
    version: Mapped[int | None]
    release: Mapped[int | None]
    message: Mapped[str] = mapped_column(LONG_TEXT)
