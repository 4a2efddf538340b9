"""Definition files of a folder, loaded one by one."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.dags import plan_cache
from airflow_workflow_provider.dags.loaded import LoadedWorkflow, Origin, built, fenced
from airflow_workflow_provider.definitions.diagnostics import Diagnostic
from airflow_workflow_provider.definitions.library import FileStamp, Library, definition_stem

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.document import Document
    from airflow_workflow_provider.definitions.reader import Reading

log = logging.getLogger(__name__)


def load_folder(library: Library) -> list[LoadedWorkflow]:
    """All workflows of a folder."""
    return [load_file(stamp, library) for stamp in library.workflow_files]


def load_wanted(library: Library, name: str) -> list[LoadedWorkflow]:
    """For a worker: the workflows of the files that could hold the one of that name."""
    candidates = [stamp for stamp in library.workflow_files if _may_define(stamp.path, name)]
    return [load_file(stamp, library, for_worker=True) for stamp in candidates]


def _may_define(path: str, name: str) -> bool:
    if definition_stem(path) == name:
        return True
    try:
        with open(path, "rb") as file:
            return name.encode() in file.read()
    except OSError:
        return False


def load_file(stamp: FileStamp, library: Library, *, for_worker: bool = False) -> LoadedWorkflow:
    """Read, compile and build one definition; the plan of an unchanged one is taken from beside it."""
    origin = Origin(stamp.path, definition_stem(stamp.path), partial(_parse, stamp.path), partial(_read, stamp.path))
    packages = library.packages_fingerprint(os.path.dirname(stamp.path))
    planned = plan_cache.load(stamp.path, packages)
    warnings: tuple[Diagnostic, ...] = ()
    if planned is None:
        reading, planned = _compile(stamp, library, packages)
        if planned is None:
            return origin.broken(reading.name, reading.diagnostics)
        warnings = reading.diagnostics
    return built(origin, *planned, warnings, None if for_worker else partial(_doc_md, stamp.path, planned[0]))


def _compile(stamp: FileStamp, library: Library, packages: str) -> tuple[Reading, tuple[Plan, str] | None]:
    """Read a definition and, unless it has errors, compile it and keep its plan."""
    # Not at the top: a worker that finds the plan needs no models and no YAML, and starts a third of a second sooner.
    from airflow_workflow_provider.compiler import compile_workflow
    from airflow_workflow_provider.compiler.plan_json import dump_plan
    from airflow_workflow_provider.definitions.reader import read_workflow

    reading = read_workflow(stamp.path, library)
    if reading.errors or reading.definition is None:
        return reading, None
    plan = compile_workflow(reading.definition)
    for warning in reading.diagnostics:
        log.warning("%s", warning)
    plan_json = dump_plan(plan)
    plan_cache.store(stamp.path, packages, plan_json, (stamp, *reading.used_files))
    return reading, (plan, plan_json)


def _parse(path: str) -> Document:
    from airflow_workflow_provider.definitions.document import parse, read_text

    return parse(read_text(Path(path)), path)


def _read(path: str) -> Reading:
    from airflow_workflow_provider.definitions.reader import read_workflow

    return read_workflow(path)


def _doc_md(path: str, plan: Plan) -> str:
    """What the DAG's documentation shows: the description and the definition itself."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return plan.description or ""
    return f"{plan.description or ''}\n\n{fenced(text, 'json' if path.endswith('.json') else 'yaml')}"
