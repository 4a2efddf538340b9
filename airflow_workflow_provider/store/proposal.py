"""What a release would be: the current versions, with some of them replaced or taken away, and what is wrong then."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_workflow_provider.definitions.called_workflows import (
    CalledWorkflow,
    CallGraph,
    called_workflow,
    check_calls,
)
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding
from airflow_workflow_provider.definitions.document import Document, DocumentError, parse
from airflow_workflow_provider.definitions.library import FileStamp, PackageFile, package_of
from airflow_workflow_provider.definitions.reader import Reading, read_document
from airflow_workflow_provider.definitions.stored.look_alikes import look_alike
from airflow_workflow_provider.store.queries import current_names, current_users, current_version, sources
from airflow_workflow_provider.store.records import Kind, StoredDefinition, Version

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from airflow_workflow_provider.definitions.stored.trust import Trust

Check = Callable[[Reading], Iterable[Diagnostic]]
Key = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Text:
    """A definition that was parsed, with the ``.sql`` files that it names."""

    document: Document
    files: Mapping[str, str] = field(default_factory=dict)


class Proposal:
    """The current versions as seen in a transaction, with changes over them.

    ``check``: what else is asked of a workflow without errors.
    """

    def __init__(self, connection: Connection, trust: Trust, check: Check) -> None:
        self._connection = connection
        self._trust = trust
        self._check = check
        self._changed: dict[Key, Text | None] = {}
        self._stored: dict[Key, Text | None] = {}
        self._packages: dict[str, PackageFile] = {}
        self._names: dict[Kind, list[str]] = {}
        self._calls = CallGraph(
            self._called, lambda: self.names(Kind.WORKFLOW), "in the workflow store and what is published with it"
        )

    def put(self, kind: Kind, name: str, text: Text) -> None:
        """Let a definition be that."""
        self._changed[kind, name] = text

    def take(self, kind: Kind, name: str) -> None:
        """Let a definition be archived."""
        self._changed[kind, name] = None

    def names(self, kind: Kind) -> list[str]:
        """The names of all definitions of a kind."""
        present = set(self._present(kind))
        for (changed, name), text in self._changed.items():
            if changed is kind:
                present.discard(name)
                present |= {name} if text is not None else set()
        return sorted(present)

    def package(self, name: str) -> PackageFile | None:
        """A package, read and checked."""
        if name not in self._packages:
            text = self._text(Kind.PACKAGE, name)
            if text is None:
                return None
            self._packages[name] = package_of(text.document)
        return self._packages[name]

    def grounds(self, connection: Connection) -> object:
        """All that ``diagnostics`` looked at: while it is the same, they are."""
        names = {kind: current_names(connection, kind) for kind, _ in self._new()}
        return {key: current_version(connection, *key) for key in self._stored}, self._users(connection), names

    def _new(self) -> list[Key]:
        """Definitions that would be there and are not now."""
        return [
            (kind, name)
            for (kind, name), text in self._changed.items()
            if text is not None and name not in self._present(kind)
        ]

    def _present(self, kind: Kind) -> list[str]:
        if kind not in self._names:
            self._names[kind] = current_names(self._connection, kind)
        return self._names[kind]

    def _users(self, connection: Connection) -> list[Version]:
        """Current workflows that are not changed themselves but call something that is."""
        found: dict[str, Version] = {}
        for kind in Kind:
            names = [name for changed, name in self._changed if changed is kind]
            found |= {each.name: each for each in current_users(connection, kind, names)}
        return [each for each in found.values() if (Kind.WORKFLOW, each.name) not in self._changed]

    def diagnostics(self) -> Iterator[Diagnostic]:
        """What is wrong with what is changed; and the errors that it makes in what calls it."""
        yield from self._look_alikes()
        for (kind, name), text in self._changed.items():
            if text is None:
                continue
            if kind is Kind.PACKAGE:
                package = self.package(name)
                yield from package.diagnostics if package is not None else ()
            else:
                yield from self._of_workflow(text)
        for user in self._users(self._connection):
            text = self._text(Kind.WORKFLOW, user.name)
            for found in self._of_workflow(text) if text is not None else ():
                if found.is_error:
                    yield replace(found, message=f"{found.message} (what is published now would break it)")

    def _look_alikes(self) -> Iterator[Diagnostic]:
        """New names that people would take for others."""
        for kind, name in self._new():
            other, text = look_alike(name, self.names(kind)), self._changed[kind, name]
            if other is not None and text is not None:
                message = f"the name looks like '{other}', another {kind.value}; give it another name"
                yield text.document.diagnostic(Finding((kind.value,), message, "look_alike_name"))

    def _of_workflow(self, text: Text) -> Iterator[Diagnostic]:
        reading = read_document(text.document, _Sources(self, text.files), self._trust)
        yield from reading.diagnostics
        if reading.definition is None:
            return
        calls = [text.document.diagnostic(finding) for finding in check_calls(reading.definition, self._calls)]
        yield from calls
        if not reading.errors and not any(each.is_error for each in calls):
            yield from self._check(reading)

    def _called(self, name: str) -> CalledWorkflow | None:
        text = self._text(Kind.WORKFLOW, name)
        return None if text is None else called_workflow(text.document.data)

    def _text(self, kind: Kind, name: str) -> Text | None:
        key = (kind, name)
        if key in self._changed:
            return self._changed[key]
        if key not in self._stored:
            self._stored[key] = self._current(kind, name)
        return self._stored[key]

    def _current(self, kind: Kind, name: str) -> Text | None:
        version = current_version(self._connection, kind, name)
        if version is None:
            return None
        stored = StoredDefinition(version, sources(self._connection, [version])[version.digest])
        return stored_text(stored)


def stored_text(stored: StoredDefinition) -> Text:
    """A definition of the store, parsed; it was a document when it was published."""
    return Text(parse(stored.source.text, stored.file), stored.source.files)


@dataclass(frozen=True)
class _Packages(Mapping[str, Sequence[PackageFile]]):
    """All packages by name, each read when it is asked for."""

    proposal: Proposal

    def __getitem__(self, name: str) -> Sequence[PackageFile]:
        package = self.proposal.package(name)
        if package is None:
            raise KeyError(name)
        return [package]

    def __iter__(self) -> Iterator[str]:
        return iter(self.proposal.names(Kind.PACKAGE))

    def __len__(self) -> int:
        return len(self.proposal.names(Kind.PACKAGE))


@dataclass(frozen=True)
class _Sources:
    """Where a workflow of the proposal finds what it refers to."""

    proposal: Proposal
    files: Mapping[str, str]
    place: str = "the workflow store and what is published with it"

    def packages_for(self, file: str) -> Mapping[str, Sequence[PackageFile]]:
        return _Packages(self.proposal)

    def text_beside(self, file: str, relative: str) -> tuple[str, FileStamp | None]:
        text = self.files.get(os.path.normpath(relative))
        if text is None:
            raise DocumentError("there is no such file beside the definition")
        return text, None
