"""A folder of definitions: which files there are, which packages they hold and which workflows can be called."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from airflow_workflow_provider.definitions.diagnostics import Diagnostic, dotted

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.called_workflows import CalledWorkflow, CallGraph
    from airflow_workflow_provider.definitions.document import Document, DocumentError
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


class Sources(Protocol):
    """Where a definition finds what it refers to; ``place`` is what messages call it."""

    @property
    def place(self) -> str:
        """As messages say it."""

    def packages_for(self, file: str) -> Mapping[str, Sequence[PackageFile]]:
        """The packages that the workflow in ``file`` can call, by name; more than one to a name is an error."""

    def text_beside(self, file: str, relative: str) -> tuple[str, FileStamp | None]:
        """The text of a file that a definition names, and its stamp if it is one on disk that may change.

        ``DocumentError`` if it cannot be read; ``relative`` does not lead out of the definition's folder.
        """


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
    _called: dict[str, CalledWorkflow | None] = field(default_factory=dict)
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

    @property
    def place(self) -> str:
        """As messages say it."""
        return "the workflow's folder and below"

    def packages_for(self, file: str) -> dict[str, list[PackageFile]]:
        """The packages that the workflow in ``file`` can call."""
        return self.packages(self._folder_of(file))

    def text_beside(self, file: str, relative: str) -> tuple[str, FileStamp | None]:
        """The text of a file in the folder of ``file`` or below it."""
        from airflow_workflow_provider.definitions.document import read_text

        path = os.path.normpath(os.path.join(self._folder_of(file), relative))
        stamp = file_stamp(path)
        return read_text(Path(path)), stamp

    def _folder_of(self, file: str) -> str:
        return os.path.dirname(file) or str(self.root)

    @cached_property
    def calls(self) -> CallGraph:
        """Which workflows of the folder call which."""
        from airflow_workflow_provider.definitions.called_workflows import CallGraph

        return CallGraph(self._find_workflow, lambda: self._workflows_by_name)

    def _find_workflow(self, name: str) -> CalledWorkflow | None:
        """By its name; files that bear it are read first, mostly no other is read."""
        for path in self._paths_by_stem.get(name, ()):
            called = self._called_workflow(path)
            if called is not None and called.name == name:
                return called
        return self._workflows_by_name.get(name)

    @cached_property
    def _paths_by_stem(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for stamp in self.workflow_files:
            found.setdefault(definition_stem(stamp.path), []).append(stamp.path)
        return found

    @cached_property
    def _workflows_by_name(self) -> dict[str, CalledWorkflow]:
        """All of them: every file is read."""
        found: dict[str, CalledWorkflow] = {}
        for called in map(self._called_workflow, map(_path, self.workflow_files)):
            if called is not None:
                found.setdefault(called.name, called)
        return found

    def _called_workflow(self, path: str) -> CalledWorkflow | None:
        if path not in self._called:
            self._called[path] = read_called_workflow(path)
        return self._called[path]

    def package(self, path: str) -> PackageFile:
        """The package in a file, read once."""
        if path not in self._packages:
            self._packages[path] = read_package(path)
        return self._packages[path]


def read_called_workflow(path: str) -> CalledWorkflow | None:
    """What callers of the workflow in a file need to know; ``None`` if the file cannot be read."""
    from airflow_workflow_provider.definitions.called_workflows import called_workflow
    from airflow_workflow_provider.definitions.document import DocumentError, parse, read_text

    try:
        return called_workflow(parse(read_text(Path(path)), path).data)
    except DocumentError:
        return None


def load_root(folder: Path) -> Path:
    """The folder whose definitions are loaded together with those in ``folder``: the nearest one, itself or above, with
    a Python file that calls ``load_workflow_dags``; without one the folder itself.
    """
    for place in (folder, *folder.absolute().parents):
        if any(_loads(path) for path in place.glob("*.py")):
            return place
        if os.path.exists(place / ".git"):
            break
    return folder


_LARGEST_LOADER: Final = 1024 * 1024
_LOADS: Final = re.compile(rb"^(\w+ *= *)?load_workflow_dags\(", re.MULTILINE)


def _loads(path: Path) -> bool:
    try:
        if path.name.startswith("test_") or not path.is_file():  # a pipe would never end
            return False
        with path.open("rb") as opened:
            return _LOADS.search(opened.read(_LARGEST_LOADER)) is not None
    except OSError:
        return False


def read_package(path: str, *, shown_as: str | None = None) -> PackageFile:
    """Read and check one package file; never raises for what is in the file."""
    from airflow_workflow_provider.definitions.document import DocumentError, parse, read_text

    file = shown_as or path
    try:
        document = parse(read_text(Path(path)), file)
    except DocumentError as error:
        return PackageFile(definition_stem(path), file, None, (document_diagnostic(error, file),))
    return package_of(document)


def package_of(document: Document) -> PackageFile:
    """Check a package document that has been parsed."""
    from airflow_workflow_provider.definitions.rules import check_package

    name = document.data.get("package")
    package, findings = check_package(document)
    return PackageFile(
        name if isinstance(name, str) else definition_stem(document.file),
        document.file,
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
        for entry in _entries(waiting.pop()):
            if entry.name.startswith(".") or entry.name == "__pycache__":
                continue
            if _is_folder(entry):
                real = os.path.realpath(entry.path)
                if real not in seen:
                    seen.add(real)
                    waiting.append(entry.path)
            else:
                yield entry


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:  # not ours to read, or gone since
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: reading it will say so
        return False
