"""Definition files of a folder, loaded one by one."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.dags.loaded import LoadedWorkflow, Origin, alone, built, fenced
from airflow_workflow_provider.dags.plan_pack import PlanPack
from airflow_workflow_provider.definitions.diagnostics import Diagnostic
from airflow_workflow_provider.definitions.files import MAX_BYTES, NotAFileError, content_of
from airflow_workflow_provider.definitions.library import FileStamp, Library, definition_stem

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.document import Document
    from airflow_workflow_provider.definitions.reader import Reading

log = logging.getLogger(__name__)

PlanPacks: TypeAlias = dict[str, PlanPack]
"""By folder."""


def load_folder(library: Library) -> list[LoadedWorkflow]:
    """All workflows of a folder."""
    with _plan_packs(is_all=True) as packs:
        return [load_file(stamp, library, packs) for stamp in library.workflow_files]


def load_wanted(library: Library, name: str) -> list[LoadedWorkflow]:
    """For a worker: the workflows of the files that could hold the one of that name."""
    candidates = [stamp for stamp in library.workflow_files if _may_define(stamp.path, name)]
    with _plan_packs(is_all=False) as packs:
        return [load_file(stamp, library, packs, for_worker=True) for stamp in candidates]


@contextmanager
def _plan_packs(*, is_all: bool) -> Iterator[PlanPacks]:
    """What keeps the plans of each folder; saved also when the loading, or this saving, is broken off.

    Airflow does so after ``[core] dagbag_import_timeout``, wherever it is. What had not been asked for by then is kept.
    """
    packs: PlanPacks = {}
    try:
        yield packs
        _save(packs, is_all=is_all)
    except BaseException:
        _save(packs, is_all=False)
        raise


def _save(packs: PlanPacks, *, is_all: bool) -> None:
    for pack in packs.values():
        pack.save(is_all=is_all)


def _may_define(path: str, name: str) -> bool:
    if definition_stem(path) == name:
        return True
    try:
        return name.encode() in content_of(path, MAX_BYTES)
    except (OSError, NotAFileError):
        return False


def load_file(stamp: FileStamp, library: Library, packs: PlanPacks, *, for_worker: bool = False) -> LoadedWorkflow:
    """Read, compile and build one definition; the plan of an unchanged one is taken from beside it."""
    origin = Origin(stamp.path, definition_stem(stamp.path), partial(_parse, stamp.path), partial(_read, stamp.path))
    return alone(origin, origin.stem, partial(_load, origin, stamp, library, packs, for_worker=for_worker))


def _load(origin: Origin, stamp: FileStamp, library: Library, packs: PlanPacks, *, for_worker: bool) -> LoadedWorkflow:
    folder, name = os.path.split(stamp.path)
    pack = packs[folder] = packs.get(folder) or PlanPack(folder)
    packages = library.packages_fingerprint(folder)
    planned = pack.load(name, packages)
    warnings: tuple[Diagnostic, ...] = ()
    text: str | None = None
    if planned is None:
        reading, planned = _compile(stamp, library)
        if planned is None:
            return origin.broken(reading.name, reading.diagnostics)
        pack.keep(name, packages, planned[1], (stamp, *reading.used_files))
        warnings = reading.diagnostics
        text = reading.document.text if reading.document else None
    return built(origin, *planned, warnings, None if for_worker else partial(_doc_md, stamp.path, planned[0], text))


def _compile(stamp: FileStamp, library: Library) -> tuple[Reading, tuple[Plan, str] | None]:
    """Read a definition and, unless it has errors, compile it."""
    # Not at the top: a worker that finds the plan needs no models and no YAML, and starts a third of a second sooner.
    from airflow_workflow_provider.compiler.compile import compile_to_json
    from airflow_workflow_provider.definitions.reader import read_workflow

    reading = read_workflow(stamp.path, library)
    if reading.errors or reading.definition is None:
        return reading, None
    for warning in reading.diagnostics:
        log.warning("%s", warning)
    return reading, compile_to_json(reading.definition)


def _parse(path: str) -> Document:
    from airflow_workflow_provider.definitions.document import parse, read_text

    return parse(read_text(Path(path)), path)


def _read(path: str) -> Reading:
    from airflow_workflow_provider.definitions.reader import read_workflow

    return read_workflow(path)


def _doc_md(path: str, plan: Plan, text: str | None) -> str:
    """What the DAG's documentation shows: the description and the definition itself; its ``text`` if it is known."""
    if text is None:
        try:
            text = content_of(path, MAX_BYTES).decode()
        except (OSError, NotAFileError, UnicodeDecodeError):
            return plan.description or ""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"{plan.description or ''}\n\n{fenced(lines, 'json' if path.endswith('.json') else 'yaml')}"
