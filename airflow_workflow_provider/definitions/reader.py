"""A definition file, read, checked and joined with what it refers to. Nothing in a file makes this raise."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_workflow_provider.definitions.definition import Definition, Statement
from airflow_workflow_provider.definitions.diagnostics import (
    Diagnostic,
    Finding,
    Location,
    Severity,
    sort_key,
    unknown_name,
)
from airflow_workflow_provider.definitions.document import Document, DocumentError, parse, read_text
from airflow_workflow_provider.definitions.library import (
    FileStamp,
    Library,
    PackageFile,
    Sources,
    definition_stem,
    document_diagnostic,
)
from airflow_workflow_provider.definitions.models import Package, PackageTask, SqlTask, Workflow
from airflow_workflow_provider.definitions.partial import certain, without
from airflow_workflow_provider.definitions.rules import (
    check_definition,
    check_stored,
    check_stored_limits,
    check_workflow,
    check_written,
)
from airflow_workflow_provider.definitions.sql_statements import statement_places
from airflow_workflow_provider.definitions.sql_text import SqlTextError

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_workflow_provider.definitions.stored.trust import Trust

SQL_FILE: Final = re.compile(r"[^\s;]+\.sql")
"""What ``sql`` looks like when it names a file."""


@dataclass(frozen=True)
class Reading:
    """What came of reading one workflow file.

    ``definition`` is ``None`` when its shape is wrong; when there are errors it is there for display only.
    ``used_files`` are the .sql files that went into it, as they were before they were read.
    """

    file: str
    name: str
    document: Document | None
    definition: Definition | None
    diagnostics: tuple[Diagnostic, ...]
    used_files: tuple[FileStamp, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that keep it from being built."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.is_error)


def read_workflow(path: str, library: Library | None = None) -> Reading:
    """Read the workflow at ``path``; ``library`` is where it looks for packages (its own folder by default)."""
    library = library or Library(Path(path).parent)
    try:
        document = parse(read_text(Path(path)), path)
    except DocumentError as error:
        return Reading(path, definition_stem(path), None, None, (document_diagnostic(error, path),))
    return read_document(document, library)


def read_document(
    document: Document, sources: Sources, trust: Trust | None = None, at: datetime | None = None
) -> Reading:
    """Check a workflow document that has been parsed; ``sources`` is where it finds what it refers to.

    ``trust``: what it may do; ``None`` for a file of the DAG folder, which is trusted code. ``at``: when it was
    published, if it has been.
    """
    path = document.file
    name = _name(document.data, path)
    workflow, shape = check_workflow(document.data)
    checked = workflow or check_workflow(without(document.data, shape))[0]
    if checked is None:
        return Reading(path, name, document, None, _diagnostics(document, shape))
    if trust is not None and (limits := check_stored_limits(checked, trust, at)):
        return Reading(path, name, document, None, _diagnostics(document, [*shape, *limits]))
    links = _Links(path, sources)
    definition = links.definition(checked, stored=trust is not None)
    findings = [*links.findings, *check_definition(definition), *check_written(definition, document)]
    if trust is not None:
        findings += check_stored(definition, trust)
    if workflow is None:
        findings = [*shape, *certain(findings, document.data)]
    diagnostics = sorted({*_diagnostics(document, findings), *links.diagnostics}, key=sort_key)
    used_files = tuple(links.used_files)
    return Reading(path, name, document, definition if workflow else None, tuple(diagnostics), used_files)


def _name(data: dict[str, Any], path: str) -> str:
    name = data.get("workflow")
    return name if isinstance(name, str) and name else definition_stem(path)


def _diagnostics(document: Document, findings: list[Finding]) -> tuple[Diagnostic, ...]:
    return tuple(sorted((document.diagnostic(finding) for finding in findings), key=sort_key))


class _Links:
    """Follows a workflow's references to other files and notes what is wrong with them."""

    def __init__(self, file: str, sources: Sources) -> None:
        self._file = file
        self._sources = sources
        self.findings: list[Finding] = []
        self.diagnostics: list[Diagnostic] = []
        self.used_files: list[FileStamp] = []

    def definition(self, workflow: Workflow, *, stored: bool) -> Definition:
        return Definition(workflow, self.packages(workflow), self.statements(workflow), stored)

    def packages(self, workflow: Workflow) -> dict[str, Package]:
        wanted = {name: task for name, task in (workflow.tasks or {}).items() if isinstance(task, PackageTask)}
        if not wanted:
            return {}
        available = self._sources.packages_for(self._file)
        found: dict[str, Package] = {}
        for name, task in wanted.items():
            files = available.get(task.package, ())
            problem = _package_problem(task.package, files, available, self._sources.place)
            if problem:
                self.findings.append(Finding(("tasks", name, "package"), problem, "unknown_package"))
            elif files[0].package is not None:
                found[task.package] = files[0].package
            self.diagnostics += [diagnostic for file in files for diagnostic in file.diagnostics]
        return found

    def statements(self, workflow: Workflow) -> dict[str, tuple[Statement, ...]]:
        return {
            name: tuple(self._task_statements(name, task))
            for name, task in (workflow.tasks or {}).items()
            if isinstance(task, SqlTask)
        }

    def _task_statements(self, name: str, task: SqlTask) -> Iterator[Statement]:
        for index, text in enumerate(task.sql):
            location = ("tasks", name, "sql", index) if len(task.sql) > 1 else ("tasks", name, "sql")
            if SQL_FILE.fullmatch(text.strip()):
                yield from self._sql_file(text.strip(), location)
            else:
                # Nothing but comments is for a rule to say.
                statements = self._split(text, location, None)
                yield from [Statement(text, location)] if statements == [] else statements or ()

    def _sql_file(self, relative: str, location: Location) -> Iterator[Statement]:
        if os.path.isabs(relative) or os.path.normpath(relative).startswith(".."):
            message = f"'{relative}' is outside of the definition's folder; keep .sql files in it or below it"
            self.findings.append(Finding(location, message, "sql_file"))
            return
        text = ""
        try:
            text, stamp = self._sources.text_beside(self._file, relative)
            if stamp is not None:
                self.used_files.append(stamp)
        except DocumentError as error:
            self.findings.append(Finding(location, f"'{relative}': {error.message}", "sql_file"))
            return
        statements = self._split(text.removeprefix("\ufeff"), location, relative)
        if statements == []:
            self.findings.append(Finding(location, f"'{relative}' holds no SQL statement", "sql_file"))
        yield from statements or ()

    def _split(self, text: str, location: Location, file: str | None) -> list[Statement] | None:
        """The statements of a text; ``None`` if it cannot be split."""
        try:
            places = statement_places(text)
        except SqlTextError as error:
            whole = Statement(text, location, file)
            rule = "sql_text" if file is None else "sql_file"
            self.findings.append(Finding(location, f"{error} ({whole.place(error.offset)})", rule))
            return None
        found, line, position = [], 1, 0
        for start, end in places:
            line, position = line + text.count("\n", position, start), start
            found.append(Statement(text[start:end], location, file, line))
        return found


def _package_problem(
    name: str, files: Sequence[PackageFile], available: Mapping[str, Sequence[PackageFile]], place: str
) -> str | None:
    if not files:
        return f"{unknown_name('package', name, available)} (looked for in {place})"
    if len(files) > 1:
        places = " and ".join(file.file for file in files)
        return f"there are {len(files)} packages named '{name}': {places}; rename one of them"
    if files[0].package is None:
        return f"package '{name}' has errors; see {files[0].file}"
    return None


def has_errors(diagnostics: tuple[Diagnostic, ...]) -> bool:
    """Whether any of them is an error."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
