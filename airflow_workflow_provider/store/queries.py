"""Queries for use in a transaction: rows become the plain data of ``records.py``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Connection, and_, func, select

from airflow_workflow_provider.store.records import Kind, Release, Source, Version
from airflow_workflow_provider.store.tables import (
    ContentRow,
    DefinitionRow,
    DraftRow,
    PlacementRow,
    UseRow,
    VersionRow,
)

if TYPE_CHECKING:
    from sqlalchemy import Row, Select
    from sqlalchemy.sql import ColumnElement
    from typing_extensions import Unpack

    Query = Select[Unpack[tuple[Any, ...]]]
    AnyRow = Row[Unpack[tuple[Any, ...]]]

T = TypeVar("T")

CHUNK: Final = 500
"""Values in one ``IN``: every database takes that many."""
VERSION: Final = (
    DefinitionRow.kind,
    DefinitionRow.name,
    VersionRow.number,
    VersionRow.digest,
    VersionRow.author,
    VersionRow.message,
    VersionRow.published_at,
)


# Rows


def version(row: AnyRow) -> Version:
    """A version from the columns of a query over versions."""
    return Version(Kind(row.kind), row.name, row.number, row.digest, row.author, row.message, row.published_at)


def release(row: AnyRow) -> Release:
    """A release from its row."""
    return Release(row.number, row.author, row.message, row.published_at)


def source(row: Any) -> Source:
    """A source from a row with its format, text and files."""
    return Source(row.text, row.format, json.loads(row.files))


# Queries, for use in a transaction


def current_version(connection: Connection, kind: Kind, name: str) -> Version | None:
    """The current version, if there is one."""
    query = versions_named(kind, name).join(PlacementRow, placement_of_version()).where(PlacementRow.until.is_(None))
    row = connection.execute(query).one_or_none()
    return version(row) if row is not None else None


def numbered_version(connection: Connection, kind: Kind, name: str, number: int) -> Version | None:
    """A version by its number, if there is one."""
    row = connection.execute(versions_named(kind, name).where(VersionRow.number == number)).one_or_none()
    return version(row) if row is not None else None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a definition stands: its row's id, its last version (0: none), and the current one, if there is one."""

    id: int
    last: int
    current: int | None
    digest: str | None


def find_standing(connection: Connection, kind: Kind, names: Iterable[str]) -> dict[str, Standing]:
    """Where definitions stand, by name; those that the store has never seen are left out."""
    last = (
        select(func.max(VersionRow.number)).where(VersionRow.definition_id == DefinitionRow.id).correlate(DefinitionRow)
    )
    placed = and_(PlacementRow.definition_id == DefinitionRow.id, PlacementRow.until.is_(None))
    query = (
        select(
            DefinitionRow.id,
            DefinitionRow.name,
            func.coalesce(last.scalar_subquery(), 0).label("last"),
            VersionRow.number,
            VersionRow.digest,
        )
        .select_from(DefinitionRow)
        .join(PlacementRow, placed, isouter=True)
        .join(VersionRow, placement_of_version(), isouter=True)
        .where(DefinitionRow.kind == kind.value)
    )
    rows = for_each(connection, query, DefinitionRow.name.in_, names)
    return {row.name: Standing(row.id, row.last, row.number, row.digest) for row in rows}


def known_digests(connection: Connection, digests: Iterable[str]) -> set[str]:
    """Those of the digests whose content the store has."""
    return {row.digest for row in for_each(connection, select(ContentRow.digest), ContentRow.digest.in_, digests)}


def current_names(connection: Connection, kind: Kind) -> list[str]:
    """The names of all definitions of a kind that are not archived."""
    query = (
        select(DefinitionRow.name)
        .join(PlacementRow, PlacementRow.definition_id == DefinitionRow.id)
        .where(DefinitionRow.kind == kind.value, PlacementRow.until.is_(None))
        .order_by(DefinitionRow.name)
    )
    return list(connection.scalars(query))


def current_users(connection: Connection, kind: Kind, names: Iterable[str]) -> list[Version]:
    """The current versions of workflows that call one of the named packages or workflows, by name."""
    found: dict[str, Version] = {}
    for chunk in chunks(names):
        query = (
            select(*VERSION)
            .join(VersionRow, VersionRow.definition_id == DefinitionRow.id)
            .join(PlacementRow, placement_of_version())
            .join(UseRow, use_of_version())
            .where(PlacementRow.until.is_(None), UseRow.kind == kind.value, UseRow.name.in_(chunk))
        )
        found |= {row.name: version(row) for row in connection.execute(query)}
    return [found[name] for name in sorted(found)]


def sources(connection: Connection, versions: Iterable[Version]) -> dict[str, Source]:
    """The sources of versions, by digest."""
    found: dict[str, Source] = {}
    for chunk in chunks(each.digest for each in versions):
        for row in connection.execute(select(ContentRow).where(ContentRow.digest.in_(chunk))):
            found[row.digest] = source(row)
    return found


def chunks(values: Iterable[T]) -> Iterator[Sequence[T]]:
    """Distinct values in lists that fit into one ``IN``."""
    rest = iter(dict.fromkeys(values))
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def is_named(kind: Kind, name: str) -> tuple[ColumnElement[bool], ...]:
    """That a row of the definitions is the one of that name."""
    return DefinitionRow.kind == kind.value, DefinitionRow.name == name


def versions_named(kind: Kind, name: str) -> Query:
    """The versions of a definition."""
    joined = select(*VERSION).join(VersionRow, VersionRow.definition_id == DefinitionRow.id)
    return joined.where(*is_named(kind, name))


def placement_of_version() -> ColumnElement[bool]:
    """That a row of the placements is of the version."""
    return and_(PlacementRow.definition_id == VersionRow.definition_id, PlacementRow.number == VersionRow.number)


def use_of_version() -> ColumnElement[bool]:
    """That a row of the uses is of the version."""
    return and_(UseRow.definition_id == VersionRow.definition_id, UseRow.number == VersionRow.number)


def listed(archived: bool) -> Query:
    """The version of each definition that lists show: the current one, else the last."""
    last = (
        select(VersionRow.definition_id, func.max(VersionRow.number).label("number"))
        .group_by(VersionRow.definition_id)
        .subquery()
    )
    placed = and_(PlacementRow.definition_id == DefinitionRow.id, PlacementRow.until.is_(None))
    shown = and_(
        VersionRow.definition_id == DefinitionRow.id,
        VersionRow.number == func.coalesce(PlacementRow.number, last.c.number),
    )
    return (
        select(
            *VERSION,
            VersionRow.description,
            VersionRow.owner,
            VersionRow.tags,
            VersionRow.schedule,
            PlacementRow.number.label("current"),
            DraftRow.revision.label("draft"),
        )
        .select_from(DefinitionRow)
        .join(last, last.c.definition_id == DefinitionRow.id)
        .join(PlacementRow, placed, isouter=archived)
        .join(VersionRow, shown)
        .join(DraftRow, DraftRow.definition_id == DefinitionRow.id, isouter=True)
    )


def for_each(
    connection: Connection,
    query: Query,
    condition: Callable[[Sequence[Any]], ColumnElement[bool]],
    values: Iterable[Any],
) -> Iterator[AnyRow]:
    """The rows for which the condition holds for one of the values, however many these are."""
    for chunk in chunks(values):
        yield from connection.execute(query.where(condition(chunk)))
