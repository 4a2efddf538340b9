"""Reading the store. What changes it is in ``changes.py`` and ``drafts.py``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import cached_property
from typing import Final

from sqlalchemy import Connection, Engine, func, select

from airflow_workflow_provider.store import queries, release_queries, schema
from airflow_workflow_provider.store.engine import reading, writing
from airflow_workflow_provider.store.errors import NotFoundError
from airflow_workflow_provider.store.records import (
    AuditEntry,
    Kind,
    Listed,
    Release,
    ReleaseChanges,
    ReleasedWorkflow,
    Source,
    StoredDefinition,
    Version,
)
from airflow_workflow_provider.store.tables import (
    AuditRow,
    DefinitionRow,
    HeadRow,
    ReleaseRow,
    VersionRow,
)

NOTHING_PUBLISHED: Final = Release(0, "", "", datetime(1970, 1, 1, tzinfo=timezone.utc))


class WorkflowStore:
    """A store in the database behind ``engine``; ``name`` is what messages call it.

    Every method: ``StoreUnavailableError`` when the database does not answer or gives up, ``StoreSchemaError`` when its
    tables are not those of this version of the package: each time, since they may be migrated at any time.
    """

    def __init__(self, engine: Engine, name: str = "the workflow store") -> None:
        self.engine = engine
        self.name = name

    @cached_property
    def identity(self) -> str:
        """A random id that the database was given when it was made: two stores never share one."""
        with self.reading() as connection:
            return str(connection.scalar(select(HeadRow.identity)))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads."""
        with reading(self.engine, self.name) as connection:
            schema.require_current(connection, self.name)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, alone: others wait until it has ended."""
        with writing(self.engine, self.name) as connection:
            schema.require_current(connection, self.name)
            connection.execute(select(HeadRow.id).with_for_update())
            yield connection

    # Definitions

    def definitions(
        self,
        kind: Kind | None = None,
        search: str | None = None,
        archived: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Listed]:
        """Definitions by name; ``archived`` adds those that are. ``search``: words that all occur in the name, the
        description, the owner or the tags, in any case.
        """
        query = queries.listed(archived).order_by(DefinitionRow.name, DefinitionRow.kind).limit(limit).offset(offset)
        if kind is not None:
            query = query.where(DefinitionRow.kind == kind.value)
        for word in (search or "").casefold().split():
            query = query.where(VersionRow.searched.contains(word, autoescape=True))
        with self.reading() as connection:
            return [
                Listed(
                    queries.version(row),
                    archived=row.current is None,
                    description=row.description,
                    owner=row.owner,
                    tags=tuple(json.loads(row.tags)),
                    schedule=row.schedule,
                    has_draft=row.draft is not None,
                )
                for row in connection.execute(query)
            ]

    def versions(self, kind: Kind, name: str) -> list[Version]:
        """All versions, newest first; ``NotFoundError`` if there never was one."""
        query = queries.versions_named(kind, name).order_by(VersionRow.number.desc())
        with self.reading() as connection:
            found = [queries.version(row) for row in connection.execute(query)]
        if not found:
            raise self._not_found(kind, name)
        return found

    def current(self, kind: Kind, name: str) -> Version | None:
        """The current version; ``None`` when it is archived or unknown."""
        with self.reading() as connection:
            return queries.current_version(connection, kind, name)

    def definition(self, kind: Kind, name: str, number: int | None = None) -> StoredDefinition:
        """A version with its source, without ``number`` the current one; ``NotFoundError`` if there is none."""
        with self.reading() as connection:
            found = (
                queries.current_version(connection, kind, name)
                if number is None
                else queries.numbered_version(connection, kind, name, number)
            )
            if found is not None:
                return StoredDefinition(found, queries.sources(connection, [found])[found.digest])
        raise self._not_found(kind, name, number)

    def packages_of(self, workflow: Version) -> dict[str, Version]:
        """The packages that a version of a workflow uses, as they were in the last release in which it was current."""
        with self.reading() as connection:
            definition, release = release_queries.last_placed(connection, workflow)
            (placed,) = release_queries.with_packages(connection, release, {definition})
            return dict(placed.packages)

    def sources(self, versions: Iterable[Version]) -> dict[str, Source]:
        """The sources of versions, by digest."""
        with self.reading() as connection:
            return queries.sources(connection, versions)

    def history(self, kind: Kind | None = None, name: str | None = None, limit: int | None = 50) -> list[AuditEntry]:
        """Who did what, newest first."""
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if kind is not None:
            query = query.where(AuditRow.kind == kind.value)
        if name is not None:
            query = query.where(AuditRow.name == name)
        with self.reading() as connection:
            return [
                AuditEntry(
                    row.at, row.actor, row.action, Kind(row.kind), row.name, row.version, row.release, row.message
                )
                for row in connection.execute(query)
            ]

    # Releases

    def newest_release(self) -> Release:
        """The newest release; number 0 when nothing was published yet."""
        query = select(ReleaseRow).join(HeadRow, HeadRow.release == ReleaseRow.number)
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        return queries.release(row) if row is not None else NOTHING_PUBLISHED

    def releases(self, limit: int | None = 50) -> list[Release]:
        """Releases, newest first."""
        query = select(ReleaseRow).order_by(ReleaseRow.number.desc()).limit(limit)
        with self.reading() as connection:
            return [queries.release(row) for row in connection.execute(query)]

    def versions_of(self, number: int) -> list[Version]:
        """All definitions of a release, by kind and name; ``NotFoundError`` if there is no such release."""
        with self.reading() as connection:
            self._require_release(connection, number)
            return [
                queries.version(row)
                for row in connection.execute(release_queries.members(number).order_by(*queries.VERSION[:2]))
            ]

    def workflows_of(self, number: int) -> list[ReleasedWorkflow]:
        """The workflows of a release by name; ``NotFoundError`` if there is no such release."""
        with self.reading() as connection:
            self._require_release(connection, number)
            return release_queries.with_packages(connection, number, None)

    def changes(self, base: int, number: int) -> ReleaseChanges:
        """What is different in release ``number``; ``base`` may be the newer one."""
        low, high = sorted((base, number))
        with self.reading() as connection:
            self._require_release(connection, base)
            self._require_release(connection, number)
            moved: set[int] = set(connection.scalars(release_queries.moved(low, high)))
            before, after = (release_queries.placed(connection, each, moved) for each in (base, number))
            moved = {each for each in moved if before.get(each) != after.get(each)}
            names = release_queries.names_of(connection, moved)
            gone = sorted(name for each, (kind, name) in names.items() if kind == "workflow" and each not in after)
            packages = [name for kind, name in names.values() if kind == "package"]
            touched = {each for each in moved if names[each][0] == "workflow" and each in after}
            touched |= release_queries.users_of(connection, number, packages)
            return ReleaseChanges(tuple(release_queries.with_packages(connection, number, touched)), tuple(gone))

    def _require_release(self, connection: Connection, number: int) -> None:
        newest = connection.scalar(select(HeadRow.release)) or 0
        if not 0 <= number <= newest:
            raise NotFoundError(f"{self.name} has no release {number}; its newest is {newest}")

    def _not_found(self, kind: Kind, name: str, number: int | None = None) -> NotFoundError:
        from airflow_workflow_provider.definitions.diagnostics import suggestion

        with self.reading() as connection:
            query = select(func.max(VersionRow.number)).join(
                DefinitionRow, DefinitionRow.id == VersionRow.definition_id
            )
            newest = connection.scalar(query.where(*queries.is_named(kind, name)))
            names = list(connection.scalars(select(DefinitionRow.name).where(DefinitionRow.kind == kind.value)))
        if newest is None:
            return NotFoundError(f"{self.name} has no {kind.value} '{name}'{suggestion(name, names)}")
        if number is None:
            return NotFoundError(
                f"{kind.value} '{name}' is archived; its last version is {newest}: airflow workflows activate {name} "
                f"{newest} brings it back"
            )
        return NotFoundError(f"{kind.value} '{name}' has no version {number}; it has 1 to {newest}")
