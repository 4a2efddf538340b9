"""A change of the current versions: one transaction, one release, one entry in the audit trail for each definition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from airflow_workflow_provider.definitions.diagnostics import Diagnostic
from airflow_workflow_provider.store.errors import InvalidTextError
from airflow_workflow_provider.store.queries import Standing, chunks, find_standing, known_digests, numbered_version
from airflow_workflow_provider.store.records import Actor, Kind, Published, Source, Version
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.tables import (
    AuditRow,
    ContentRow,
    DefinitionRow,
    HeadRow,
    PlacementRow,
    ReleaseRow,
    Table,
    UseRow,
    VersionRow,
)

LONGEST_MESSAGE: Final = 5_000
_DISGUISE: Final = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\r(?!\n)")
"""Control characters, and marks that turn the direction of text: line breaks and tabs are no such."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is kept of a version beside its text: what lists show, and what it calls."""

    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    schedule: str = ""
    uses: tuple[tuple[Kind, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A definition that becomes current."""

    kind: Kind
    name: str
    source: Source
    facts: Facts


class Change:
    """What becomes of the current versions. Nothing is there for others before the transaction has ended.

    ``before``: the newest release when it began.
    """

    def __init__(self, connection: Connection, actor: Actor, message: str) -> None:
        self.connection = connection
        self._actor = actor
        self._message = message
        self._now = datetime.now(timezone.utc)
        self.before: int = connection.scalar(select(HeadRow.release)) or 0
        self._release: int | None = None
        self._versions: list[Version] = []
        self._unchanged: list[str] = []

    def result(self, warnings: tuple[Diagnostic, ...] = ()) -> Published:
        """What came of it."""
        return Published(self._release or self.before, tuple(self._versions), tuple(self._unchanged), warnings)

    def publish(self, entries: Sequence[Entry]) -> None:
        """Make sources the current versions: new ones, unless the current one is the same. Names are distinct."""
        standing = self._standing(entries)
        made: list[tuple[Standing, Version, Entry]] = []
        for entry in entries:
            before = standing[entry.kind, entry.name]
            if before.digest == entry.source.digest:
                self._unchanged.append(entry.name)
                continue
            number, digest = before.last + 1, entry.source.digest
            version = Version(entry.kind, entry.name, number, digest, self._actor.name, self._message, self._now)
            made.append((before, version, entry))
        self._write(ContentRow, self._new_contents(entry.source for _, _, entry in made))
        self._write(VersionRow, (_version_row(before.id, version, entry.facts) for before, version, entry in made))
        self._write(UseRow, (row for before, version, entry in made for row in _use_rows(before.id, version, entry)))
        self._place([(before.id, version) for before, version, _ in made], "publish")

    def activate(self, kind: Kind, name: str, number: int) -> None:
        """Make a version that there is the current one."""
        standing = find_standing(self.connection, kind, [name])[name]
        if standing.current == number:
            self._unchanged.append(name)
            return
        version = numbered_version(self.connection, kind, name, number)
        assert version is not None, "looked up by the caller"
        self._place([(standing.id, version)], "activate")

    def archive(self, kind: Kind, names: Sequence[str]) -> None:
        """Let definitions have no current version any more; all their versions stay."""
        self._close([each.id for each in find_standing(self.connection, kind, names).values()])
        self._note("archive", [(kind, name, None) for name in names])

    def _standing(self, entries: Sequence[Entry]) -> dict[tuple[Kind, str], Standing]:
        """Of all of them; what is new gets its row."""
        found: dict[tuple[Kind, str], Standing] = {}
        for kind in Kind:
            names = [entry.name for entry in entries if entry.kind is kind]
            known = find_standing(self.connection, kind, names)
            new = [name for name in names if name not in known]
            self._write(DefinitionRow, ({"kind": kind.value, "name": name, "draft_revision": 0} for name in new))
            known |= find_standing(self.connection, kind, new)
            found |= {(kind, name): standing for name, standing in known.items()}
        return found

    def _new_contents(self, sources: Iterable[Source]) -> Iterator[dict[str, Any]]:
        """Rows of those that the store does not have yet."""
        by_digest = {source.digest: source for source in sources}
        known = known_digests(self.connection, by_digest)
        for digest, source in by_digest.items():
            if digest not in known:
                files = json.dumps(source.files)
                yield {"digest": digest, "format": source.format, "text": source.text, "files": files}

    def _write(self, table: type[Table], rows: Iterable[Mapping[str, Any]]) -> None:
        if values := list(rows):
            self.connection.execute(insert(table), values)

    def _place(self, versions: Sequence[tuple[int, Version]], action: str) -> None:
        """Make versions of definitions, by their ids, the current ones."""
        if not versions:
            return
        release = self._close([definition for definition, _ in versions])
        self._write(
            PlacementRow,
            (
                {"definition_id": definition, "since": release, "number": version.number}
                for definition, version in versions
            ),
        )
        self._versions += [version for _, version in versions]
        self._note(action, [(version.kind, version.name, version.number) for _, version in versions])

    def _close(self, definitions: Sequence[int]) -> int:
        """End the time of the current versions with this release."""
        release = self._own_release()
        for chunk in chunks(definitions):
            self.connection.execute(
                update(PlacementRow)
                .where(PlacementRow.definition_id.in_(chunk), PlacementRow.until.is_(None))
                .values(until=release)
            )
        return release

    def _own_release(self) -> int:
        """The number of the release that this change makes; made when there is something to change."""
        if self._release is None:
            self._release = self.before + 1
            self.connection.execute(
                insert(ReleaseRow).values(
                    number=self._release, author=self._actor.name, message=self._message, published_at=self._now
                )
            )
            self.connection.execute(update(HeadRow).values(release=self._release))
        return self._release

    def _note(self, action: str, definitions: Iterable[tuple[Kind, str, int | None]]) -> None:
        rows = (
            audit_row(
                self._actor,
                action,
                kind,
                name,
                version=number,
                release=self._release,
                message=self._message,
                at=self._now,
            )
            for kind, name, number in definitions
        )
        self._write(AuditRow, rows)


@contextmanager
def changing(store: WorkflowStore, actor: Actor, message: str) -> Iterator[Change]:
    """A change that is there, whole, when the block ends without an error."""
    with store.writing() as connection:
        yield Change(connection, actor, message)


def definition_id(connection: Connection, kind: Kind, name: str) -> int:
    """The id of a definition; it is made if there is none."""
    found = connection.scalar(
        select(DefinitionRow.id).where(DefinitionRow.kind == kind.value, DefinitionRow.name == name)
    )
    if found is not None:
        return found
    made = connection.execute(insert(DefinitionRow).values(kind=kind.value, name=name, draft_revision=0))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def note(connection: Connection, actor: Actor, action: str, kind: Kind, name: str, at: datetime | None = None) -> None:
    """Write into the audit trail what changes no version."""
    connection.execute(insert(AuditRow).values(audit_row(actor, action, kind, name, at=at)))


def audit_row(
    actor: Actor,
    action: str,
    kind: Kind,
    name: str,
    *,
    version: int | None = None,
    release: int | None = None,
    message: str = "",
    at: datetime | None = None,
) -> dict[str, Any]:
    """A row of the audit trail; ``InvalidTextError`` for a text that would not be shown as it is."""
    _refuse_disguise("the message", message)
    _refuse_disguise("the author's name", actor.name)
    return {
        "at": at or datetime.now(timezone.utc),
        "actor": actor.name,
        "action": action,
        "kind": kind.value,
        "name": name,
        "version": version,
        "release": release,
        "message": message,
    }


def _refuse_disguise(what: str, text: str) -> None:
    """Whoever reads the trail must be able to believe it."""
    found = _DISGUISE.search(text)
    if found is not None:
        raise InvalidTextError(
            f"{what} holds the character U+{ord(found[0]):04X}, which hides or moves what is beside it; remove it"
        )
    if len(text) > LONGEST_MESSAGE:
        raise InvalidTextError(f"{what} has {len(text)} characters; {LONGEST_MESSAGE} are the most")


def _version_row(definition: int, version: Version, facts: Facts) -> dict[str, Any]:
    return {
        "definition_id": definition,
        "number": version.number,
        "digest": version.digest,
        "author": version.author,
        "message": version.message,
        "published_at": version.published_at,
        "description": facts.description,
        "owner": facts.owner,
        "tags": json.dumps(facts.tags, ensure_ascii=False),
        "schedule": facts.schedule,
        "searched": " ".join((version.name, facts.description, facts.owner, *facts.tags)).casefold(),
    }


def _use_rows(definition: int, version: Version, entry: Entry) -> Iterator[dict[str, Any]]:
    for kind, name in dict.fromkeys(entry.facts.uses):
        yield {"definition_id": definition, "number": version.number, "kind": kind.value, "name": name}
