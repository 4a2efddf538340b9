"""What somebody wants to publish: the text of a definition, its ``.sql`` files, and what is kept beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_workflow_provider.definitions.called_workflows import called_workflow
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding, Location
from airflow_workflow_provider.definitions.document import (
    Document,
    DocumentError,
    parse,
    read_text,
    read_text_inside,
)
from airflow_workflow_provider.definitions.files import OutsideError
from airflow_workflow_provider.definitions.library import PACKAGE_SUFFIXES, definition_stem, document_diagnostic
from airflow_workflow_provider.definitions.reader import SQL_FILE
from airflow_workflow_provider.store.changes import Facts
from airflow_workflow_provider.store.errors import InvalidDefinitionsError
from airflow_workflow_provider.store.records import Kind, Source


@dataclass(frozen=True)
class Submission:
    """A definition that somebody wants to publish; ``file`` is what messages call it."""

    kind: Kind
    source: Source
    file: str

    @cached_property
    def document(self) -> Document:
        """The text, parsed; ``DocumentError`` if it is no document."""
        return parse(self.source.text, self.file)

    @property
    def name(self) -> str:
        """The name that the definition gives itself, or that of its file."""
        name = self.document.data.get(self.kind.value)
        return name if isinstance(name, str) and name else definition_stem(self.file)


def read_submission(path: str) -> Submission:
    """A definition file with the ``.sql`` files that it names; ``InvalidDefinitionsError`` if it cannot be read.

    A ``.sql`` file that cannot be read is left out: publishing then points to the place that names it. One behind a
    link out of the definition's folder is refused: what is published can be read by more people than that file.
    """
    kind = Kind.PACKAGE if path.endswith(PACKAGE_SUFFIXES) else Kind.WORKFLOW
    form: Any = "json" if path.endswith(".json") else "yaml"
    try:
        submission = Submission(kind, Source(read_text(Path(path)), form), path)
        document = submission.document
    except DocumentError as error:
        raise InvalidDefinitionsError.of([document_diagnostic(error, path)]) from None
    files = _texts(Path(path).parent, document)
    return Submission(kind, Source(submission.source.text, form, files), path) if files else submission


def _texts(folder: Path, document: Document) -> dict[str, str]:
    """The .sql files that tasks name, by their paths."""
    found: dict[str, str] = {}
    outside: list[Diagnostic] = []
    for location, path in _sql_files(document.data):
        try:
            found[path] = read_text_inside(folder, path)
        except OutsideError:
            outside.append(document.diagnostic(_outside(location, path)))
        except DocumentError:
            continue  # publishing points to the place that names it
    if outside:
        raise InvalidDefinitionsError.of(outside)
    return found


def facts(kind: Kind, data: dict[str, Any]) -> Facts:
    """What is kept of a definition beside its text; it has been checked."""
    tags = data.get("tags")
    return Facts(
        description=str(data.get("description") or "").strip(),
        owner=str(data.get("owner") or ""),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        schedule=_schedule(data),
        uses=tuple(_uses(data)) if kind is Kind.WORKFLOW else (),
    )


def _sql_files(data: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    """The .sql files that tasks name, going by their paths in the folder or below it, and where they are named."""
    tasks = data.get("tasks")
    for name, task in tasks.items() if isinstance(tasks, dict) else ():
        sql = task.get("sql") if isinstance(task, dict) else None
        for index, text in enumerate(sql if isinstance(sql, list) else [sql]):
            if not isinstance(text, str) or not SQL_FILE.fullmatch(text.strip()):
                continue
            path = os.path.normpath(text.strip())
            if not Path(path).is_absolute() and not path.startswith(".."):
                yield (("tasks", name, "sql", index) if isinstance(sql, list) else ("tasks", name, "sql")), path


def _outside(location: Location, relative: str) -> Finding:
    message = f"'{relative}' is a link out of the definition's folder; publish a copy of the file instead"
    return Finding(location, message, "sql_file")


def _schedule(data: dict[str, Any]) -> str:
    if isinstance(data.get("schedule"), str):
        return str(data["schedule"])
    schedules = data.get("schedules")
    crons = [each.get("cron") for each in schedules if isinstance(each, dict)] if isinstance(schedules, list) else []
    return ", ".join(str(cron) for cron in crons)


def _uses(data: dict[str, Any]) -> Iterator[tuple[Kind, str]]:
    tasks = data.get("tasks")
    for task in tasks.values() if isinstance(tasks, dict) else ():
        if isinstance(task, dict) and isinstance(task.get("package"), str):
            yield Kind.PACKAGE, task["package"]
    called = called_workflow(data)
    for name in called.calls if called else ():
        yield Kind.WORKFLOW, name
