"""A folder of definitions: which files there are and which packages they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.definitions.diagnostics import Diagnostic, dotted

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.document import DocumentError
    from airflow_workflow_provider.definitions.models import Package

WORKFLOW_SUFFIXES: Final = (".workflow.yaml", ".workflow.yml", ".workflow.json")
PACKAGE_SUFFIXES: Final = (".package.yaml", ".package.yml", ".package.json")


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file and what tells that it has changed: the change time also sees a restored modification time."""

    path: str
    modified_ns: int = 0
    changed_ns: int = 0
    size: int = 0

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> FileStamp:
        """The stamp of a file that has just been looked at."""
        return cls(path, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


def file_stamp(path: str) -> FileStamp:
    """The stamp of a file as it now is; zeros while there is none."""
    try:
        return FileStamp.of(path, os.stat(path))
    except OSError:
        return FileStamp(path)


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A package with the file that holds it; ``package`` is ``None`` when the file is broken."""

    name: str
    file: str
    package: Package | None
    diagnostics: tuple[Diagnostic, ...] = ()


def definition_stem(path: str | Path) -> str:
    """``daily`` of ``…/daily.workflow.yaml``: the name a definition goes by when it cannot be read."""
    name = os.path.basename(path)
    for suffix in (*WORKFLOW_SUFFIXES, *PACKAGE_SUFFIXES):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


@dataclass(frozen=True)
class Library:
    """The definitions of a folder and the folders below it. Files are read when somebody asks, each once."""

    root: Path
    _packages: dict[str, PackageFile] = field(default_factory=dict)
    _fingerprints: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _stamps(self) -> tuple[tuple[FileStamp, ...], tuple[FileStamp, ...]]:
        workflows: list[FileStamp] = []
        packages: list[FileStamp] = []
        for entry in _files(str(self.root)):
            kind = (
                workflows
                if entry.name.endswith(WORKFLOW_SUFFIXES)
                else packages
                if entry.name.endswith(PACKAGE_SUFFIXES)
                else None
            )
            if kind is not None:
                try:
                    kind.append(FileStamp.of(entry.path, entry.stat()))
                except OSError:  # a dangling link, or deleted since: reading it will say so
                    kind.append(FileStamp(entry.path))
        return tuple(sorted(workflows, key=_path)), tuple(sorted(packages, key=_path))

    @property
    def workflow_files(self) -> tuple[FileStamp, ...]:
        """All workflow definitions, by path."""
        return self._stamps[0]

    def package_files(self, folder: str) -> tuple[FileStamp, ...]:
        """All package definitions in ``folder`` and below it, by path."""
        if folder == str(self.root):
            return self._stamps[1]
        prefix = folder.rstrip(os.sep) + os.sep
        return tuple(stamp for stamp in self._stamps[1] if stamp.path.startswith(prefix))

    def packages_fingerprint(self, folder: str) -> str:
        """Changes when a package file that a workflow in ``folder`` can see is added, removed or changed."""
        if folder not in self._fingerprints:
            stamps = repr(self.package_files(folder))
            self._fingerprints[folder] = hashlib.sha256(stamps.encode()).hexdigest()[:16]
        return self._fingerprints[folder]

    def packages(self, folder: str) -> dict[str, list[PackageFile]]:
        """The packages that a workflow in ``folder`` can call, by name; more than one file to a name is an error."""
        found: dict[str, list[PackageFile]] = {}
        for stamp in self.package_files(folder):
            package = self.package(stamp.path)
            found.setdefault(package.name, []).append(package)
        return found

    def package(self, path: str) -> PackageFile:
        """The package in a file, read once."""
        if path not in self._packages:
            self._packages[path] = read_package(path)
        return self._packages[path]


def read_package(path: str, *, shown_as: str | None = None) -> PackageFile:
    """Read and check one package file; never raises for what is in the file."""
    from airflow_workflow_provider.definitions.document import DocumentError, parse, read_text
    from airflow_workflow_provider.definitions.rules import check_package

    file = shown_as or path
    try:
        document = parse(read_text(Path(path)), file)
    except DocumentError as error:
        return PackageFile(definition_stem(path), file, None, (document_diagnostic(error, file),))
    name = document.data.get("package")
    package, findings = check_package(document.data)
    return PackageFile(
        name if isinstance(name, str) else definition_stem(path),
        file,
        package,
        tuple(document.diagnostic(finding) for finding in findings),
    )


def document_diagnostic(error: DocumentError, file: str) -> Diagnostic:
    """A text that is no document, as a diagnostic."""
    return Diagnostic(file, error.line, error.column, dotted(error.location), error.message, "syntax")


def _path(stamp: FileStamp) -> str:
    return stamp.path


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """Files of a folder and those below it; hidden folders, ``__pycache__`` and folders seen before are left out."""
    waiting, seen = [folder], {os.path.realpath(folder)}
    while waiting:
        current = waiting.pop()
        try:
            entries = os.scandir(current)
        except OSError:
            continue
        with entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "__pycache__":
                    continue
                if entry.is_dir():
                    real = os.path.realpath(entry.path)
                    if real not in seen:
                        seen.add(real)
                        waiting.append(entry.path)
                else:
                    yield entry
