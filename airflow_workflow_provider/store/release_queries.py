"""Queries about releases, for use in a transaction: which versions each holds, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, or_, select

from airflow_workflow_provider.store.queries import (
    VERSION,
    for_each,
    is_named,
    placement_of_version,
    use_of_version,
    version,
)
from airflow_workflow_provider.store.records import Kind, ReleasedWorkflow, Version
from airflow_workflow_provider.store.tables import DefinitionRow, HeadRow, PlacementRow, UseRow, VersionRow

if TYPE_CHECKING:
    from sqlalchemy.sql import ColumnElement

    from airflow_workflow_provider.store.queries import AnyRow, Query


def members(number: int) -> Query:
    """The versions that are current in a release."""
    return (
        select(*VERSION)
        .join(VersionRow, VersionRow.definition_id == DefinitionRow.id)
        .join(PlacementRow, placement_of_version())
        .where(*_in_release(number))
    )


def moved(low: int, high: int) -> Query:
    """Definitions that got another current version, or lost theirs, after release ``low`` and up to ``high``."""
    since = and_(PlacementRow.since > low, PlacementRow.since <= high)
    until = and_(PlacementRow.until > low, PlacementRow.until <= high)
    return select(PlacementRow.definition_id).where(or_(since, until)).distinct()


def placed(connection: Connection, number: int, definitions: Iterable[int]) -> dict[int, int]:
    """The versions that some definitions had in a release."""
    query = select(PlacementRow.definition_id, PlacementRow.number).where(*_in_release(number))
    rows = for_each(connection, query, PlacementRow.definition_id.in_, definitions)
    return {row.definition_id: row.number for row in rows}


def names_of(connection: Connection, definitions: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Kind and name of definitions, by id."""
    query = select(DefinitionRow.id, DefinitionRow.kind, DefinitionRow.name)
    return {row.id: (row.kind, row.name) for row in for_each(connection, query, DefinitionRow.id.in_, definitions)}


def users_of(connection: Connection, number: int, packages: Iterable[str]) -> set[int]:
    """The workflows that in a release use one of the packages."""
    query = (
        select(UseRow.definition_id)
        .join(
            PlacementRow,
            and_(PlacementRow.definition_id == UseRow.definition_id, PlacementRow.number == UseRow.number),
        )
        .where(UseRow.kind == Kind.PACKAGE.value, *_in_release(number))
    )
    return {row.definition_id for row in for_each(connection, query, UseRow.name.in_, packages)}


def with_packages(connection: Connection, number: int, definitions: set[int] | None) -> list[ReleasedWorkflow]:
    """The workflows of a release, all or some, with the packages that they use."""
    wanted = members(number).where(DefinitionRow.kind == Kind.WORKFLOW.value)
    uses = (
        select(DefinitionRow.name, UseRow.name.label("package"))
        .join(VersionRow, VersionRow.definition_id == DefinitionRow.id)
        .join(PlacementRow, placement_of_version())
        .join(UseRow, use_of_version())
        .where(UseRow.kind == Kind.PACKAGE.value, *_in_release(number))
    )
    rows: Iterable[AnyRow]
    used: list[AnyRow]
    if definitions is None:
        rows, used = connection.execute(wanted), list(connection.execute(uses))
    else:
        rows = for_each(connection, wanted, DefinitionRow.id.in_, definitions)
        used = list(for_each(connection, uses, DefinitionRow.id.in_, definitions))
    packages = members(number).where(DefinitionRow.kind == Kind.PACKAGE.value)
    found = {
        row.name: version(row)
        for row in for_each(connection, packages, DefinitionRow.name.in_, [each.package for each in used])
    }
    by_workflow: dict[str, dict[str, Version]] = {}
    for each in used:
        by_workflow.setdefault(each.name, {})[each.package] = found[each.package]
    workflows = [ReleasedWorkflow(version(row), by_workflow.get(row.name, {})) for row in rows]
    return sorted(workflows, key=lambda each: each.version.name)


def last_placed(connection: Connection, of: Version) -> tuple[int, int]:
    """The id of a version's definition, and the last release in which the version was current."""
    query = (
        select(PlacementRow.definition_id, PlacementRow.until)
        .join(DefinitionRow, DefinitionRow.id == PlacementRow.definition_id)
        .where(*is_named(of.kind, of.name), PlacementRow.number == of.number)
        .order_by(PlacementRow.since.desc())
        .limit(1)
    )
    definition, until = connection.execute(query).one()
    return definition, until - 1 if until is not None else connection.scalar(select(HeadRow.release)) or 0


def _in_release(number: int) -> tuple[ColumnElement[bool], ...]:
    return PlacementRow.since <= number, or_(PlacementRow.until.is_(None), PlacementRow.until > number)
