"""What the store holds, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal

from airflow_workflow_provider.definitions.diagnostics import Diagnostic

Format = Literal["yaml", "json"]


class Kind(str, Enum):
    """What a definition defines; workflows and packages have names of their own."""

    WORKFLOW = "workflow"
    PACKAGE = "package"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, with the roles that Airflow's auth manager knows them by."""

    name: str
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Source:
    """A definition as somebody wrote it, with the ``.sql`` files that it names, by their paths relative to it."""

    text: str
    format: Format = "yaml"
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, in hex: the same for the same content only."""
        content = json.dumps([self.format, self.text, self.files], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Version:
    """One published version; it never changes. ``number`` counts from 1 for each definition.

    ``digest`` is that of its source; ``published_at`` is aware, in UTC.
    """

    kind: Kind
    name: str
    number: int
    digest: str
    author: str
    message: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDefinition:
    """A version with its source."""

    version: Version
    source: Source

    @property
    def file(self) -> str:
        """What messages call its text: ``daily/3.workflow.yaml``."""
        version = self.version
        return f"{version.name}/{version.number}.{version.kind.value}.{self.source.format}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A definition in a list: its current version, or its last one when it is archived.

    ``schedule`` is empty without one; ``has_draft``: somebody works on a next version.
    """

    version: Version
    archived: bool
    description: str
    owner: str
    tags: tuple[str, ...]
    schedule: str
    has_draft: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """Work on a next version, which need not be right. ``revision`` grows with every save.

    ``based_on`` is the version that it began with; ``None`` for a new definition.
    """

    kind: Kind
    name: str
    source: Source
    revision: int
    based_on: int | None
    author: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Release:
    """The set of current versions at one time. Numbers only grow; 0 is the empty set before anything was published."""

    number: int
    author: str
    message: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when. ``action``: publish, activate, archive, save_draft, discard_draft.

    ``version`` and ``release`` are ``None`` where the action has none.
    """

    at: datetime
    actor: str
    action: str
    kind: Kind
    name: str
    version: int | None
    release: int | None
    message: str


@dataclass(frozen=True, slots=True)
class ReleasedWorkflow:
    """A workflow of a release with the packages of that release that it uses, by name. No texts: these are fetched."""

    version: Version
    packages: Mapping[str, Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReleaseChanges:
    """What to do to the workflows of one release to have those of another one.

    ``changed`` holds the new and changed ones as they are in the other, also those of which only a package changed.
    """

    changed: tuple[ReleasedWorkflow, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing, activating or archiving: the release, and the versions that are new in it.

    ``unchanged`` names definitions whose current version had that content already; ``versions`` may be empty, and then
    ``release`` is the one before. ``warnings`` were found on the way and keep nothing from being published.
    """

    release: int
    versions: tuple[Version, ...] = ()
    unchanged: tuple[str, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
