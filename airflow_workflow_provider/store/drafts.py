"""Drafts: work on a next version, which nobody overwrites by accident."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from airflow_workflow_provider.definitions.models import Package, Workflow
from airflow_workflow_provider.definitions.rules import check_stored_name
from airflow_workflow_provider.store.changes import definition_id, note
from airflow_workflow_provider.store.errors import ConflictError, InvalidNameError, NotFoundError
from airflow_workflow_provider.store.queries import source
from airflow_workflow_provider.store.records import Actor, Draft, Kind, Source
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.source_limits import require_keepable
from airflow_workflow_provider.store.tables import DefinitionRow, DraftRow

if TYPE_CHECKING:
    from airflow_workflow_provider.store.queries import AnyRow, Query

_DRAFT = (DefinitionRow.kind, DefinitionRow.name, *DraftRow.__table__.columns)


def list_drafts(store: WorkflowStore, kind: Kind | None = None) -> list[Draft]:
    """All drafts, by name."""
    query = _drafts().order_by(DefinitionRow.name, DefinitionRow.kind)
    if kind is not None:
        query = query.where(DefinitionRow.kind == kind.value)
    with store.reading() as connection:
        return [_draft(row) for row in connection.execute(query)]


def read_draft(store: WorkflowStore, kind: Kind, name: str) -> Draft | None:
    """The draft of a definition, if there is one."""
    with store.reading() as connection:
        return find_draft(connection, kind, name)


def save_draft(
    store: WorkflowStore,
    kind: Kind,
    name: str,
    source: Source,
    actor: Actor,
    *,
    revision: int | None = None,
    based_on: int | None = None,
) -> Draft:
    """Save a draft, right or not; ``InvalidNameError`` if it could never be published under that name, and
    ``InvalidTextError`` if it could not be kept.

    ``revision``: that of the draft which the text was made from, ``None`` where there was none. ``ConflictError`` if
    somebody else has saved, discarded or published it since; nothing is overwritten.
    """
    _require_name(kind, name)
    require_keepable(source)
    with store.writing() as connection:
        present = find_draft(connection, kind, name)
        require_revision(present, kind, name, revision)
        definition = definition_id(connection, kind, name)
        number = _next_revision(connection, definition)
        origin = present.based_on if present else based_on
        saved = Draft(kind, name, source, number, origin, actor.name, datetime.now(timezone.utc))
        _write(connection, definition, saved)
        note(connection, actor, "save_draft", kind, name, at=saved.saved_at)
        return saved


def discard_draft(store: WorkflowStore, kind: Kind, name: str, actor: Actor, *, revision: int) -> None:
    """Throw a draft away; ``ConflictError`` if it is not of that revision any more."""
    with store.writing() as connection:
        present = find_draft(connection, kind, name)
        if present is None:
            raise NotFoundError(f"{kind.value} '{name}' has no draft")
        require_revision(present, kind, name, revision)
        remove_draft(connection, kind, name)
        note(connection, actor, "discard_draft", kind, name)


def find_draft(connection: Connection, kind: Kind, name: str) -> Draft | None:
    """As ``read_draft``, in a transaction."""
    query = _drafts().where(DefinitionRow.kind == kind.value, DefinitionRow.name == name)
    row = connection.execute(query).one_or_none()
    return _draft(row) if row is not None else None


def remove_draft(connection: Connection, kind: Kind, name: str) -> None:
    """Take a draft away, in a transaction."""
    definition = definition_id(connection, kind, name)
    connection.execute(delete(DraftRow).where(DraftRow.definition_id == definition))


def _require_name(kind: Kind, name: str) -> None:
    model = Workflow if kind is Kind.WORKFLOW else Package
    for finding in check_stored_name(model, name):
        raise InvalidNameError(f"a draft needs a name that a {kind.value} may have: {finding.message}")


def _next_revision(connection: Connection, definition: int) -> int:
    """It grows with every save, also over drafts that are gone: a revision never comes back."""
    row = DefinitionRow.id == definition
    connection.execute(update(DefinitionRow).where(row).values(draft_revision=DefinitionRow.draft_revision + 1))
    return int(connection.scalar(select(DefinitionRow.draft_revision).where(row)) or 0)


def _write(connection: Connection, definition: int, draft: Draft) -> None:
    """In place of the one before."""
    connection.execute(delete(DraftRow).where(DraftRow.definition_id == definition))
    connection.execute(
        insert(DraftRow).values(
            definition_id=definition,
            revision=draft.revision,
            based_on=draft.based_on,
            format=draft.source.format,
            text=draft.source.text,
            files=json.dumps(draft.source.files),
            author=draft.author,
            saved_at=draft.saved_at,
        )
    )


def _drafts() -> Query:
    return select(*_DRAFT).join(DraftRow, DraftRow.definition_id == DefinitionRow.id)


def _draft(row: AnyRow) -> Draft:
    return Draft(Kind(row.kind), row.name, source(row), row.revision, row.based_on, row.author, row.saved_at)


def require_revision(present: Draft | None, kind: Kind, name: str, revision: int | None) -> None:
    """``ConflictError`` if the draft that is there is not the one that the caller has seen."""
    if (present.revision if present else None) == revision:
        return
    if present is None:
        raise ConflictError(
            f"the draft of {kind.value} '{name}' was published or discarded in the meantime; save yours as a new one"
        )
    raise ConflictError(
        f"{present.author} has saved the draft of {kind.value} '{name}' at {present.saved_at:%Y-%m-%d %H:%M:%S} UTC "
        f"(revision {present.revision}); look at it and save again"
    )
