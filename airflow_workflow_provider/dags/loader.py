"""A folder of definitions becomes DAGs."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, get_parsing_context

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.dags import plan_cache
from airflow_workflow_provider.dags.broken import broken_dag, dag_id_of
from airflow_workflow_provider.dags.builder import BuildError, build_dag
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding
from airflow_workflow_provider.definitions.library import FileStamp, Library, definition_stem

if TYPE_CHECKING:
    from airflow_workflow_provider.definitions.reader import Reading

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedWorkflow:
    """What came of one definition file: a DAG, or the errors for which there is none."""

    file: str
    name: str
    dag: DAG | None
    diagnostics: tuple[Diagnostic, ...] = ()


def load_workflow_dags(folder: str | os.PathLike[str]) -> dict[str, DAG]:
    """Make a DAG of every ``*.workflow.yaml`` or ``*.workflow.json`` in a folder and below it.

    ``folder``: the folder, or a file in it (``__file__``). A definition with errors becomes a DAG that shows them, so
    that it neither vanishes nor hides others. In a worker only the DAG that it runs is built.
    Returns the DAGs by id; called in a DAG file they register themselves.
    """
    path = Path(folder).absolute()
    library = Library(path if path.is_dir() else path.parent)
    wanted = get_parsing_context().dag_id
    with _collector_paused():
        dags = _wanted_dags(library, wanted) if wanted else {}
        if not dags:
            dags = _dags([load_workflow(stamp, library) for stamp in library.workflow_files])
    for dag in dags.values():
        with dag:
            pass  # leaving the context is how a DAG registers itself
    return dags


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Do not look for garbage while DAGs are built: nearly all that is made stays, and is looked at again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _wanted_dags(library: Library, wanted: str) -> dict[str, DAG]:
    """The one DAG, from the files that could hold it; nothing when it takes a look at all of them to know."""
    candidates = [stamp for stamp in library.workflow_files if _may_define(stamp.path, wanted)]
    dags = _dags([load_workflow(stamp, library, for_worker=True) for stamp in candidates])
    return {wanted: dags[wanted]} if wanted in dags else {}


def _may_define(path: str, name: str) -> bool:
    if definition_stem(path) == name:
        return True
    try:
        with open(path, "rb") as file:
            return name.encode() in file.read()
    except OSError:
        return False


def load_workflow(stamp: FileStamp, library: Library, *, for_worker: bool = False) -> LoadedWorkflow:
    """Read, compile and build one definition; the plan of an unchanged one is taken from beside it."""
    packages = library.packages_fingerprint(os.path.dirname(stamp.path))
    plan = plan_cache.load(stamp.path, packages)
    warnings: tuple[Diagnostic, ...] = ()
    if plan is None:
        reading, plan = _compile(stamp, library, packages)
        if plan is None:
            return LoadedWorkflow(stamp.path, reading.name, None, reading.diagnostics)
        warnings = reading.diagnostics
    return _built(stamp.path, plan, warnings, for_worker=for_worker)


def _compile(stamp: FileStamp, library: Library, packages: str) -> tuple[Reading, Plan | None]:
    """Read a definition and, unless it has errors, compile it and keep its plan."""
    # Not at the top: a worker that finds the plan needs no models and no YAML, and starts a third of a second sooner.
    from airflow_workflow_provider.compiler import compile_workflow
    from airflow_workflow_provider.definitions.reader import read_workflow

    reading = read_workflow(stamp.path, library)
    if reading.errors or reading.definition is None:
        return reading, None
    plan = compile_workflow(reading.definition)
    for warning in reading.diagnostics:
        log.warning("%s", warning)
    plan_cache.store(stamp.path, packages, plan, (stamp, *reading.used_files))
    return reading, plan


def _built(path: str, plan: Plan, warnings: tuple[Diagnostic, ...], *, for_worker: bool) -> LoadedWorkflow:
    try:
        dag = build_dag(plan, doc_md=None if for_worker else _doc_md(path, plan))
    except BuildError as error:
        return LoadedWorkflow(path, plan.workflow, None, (_build_diagnostic(path, error), *warnings))
    except Exception as error:
        log.exception("%s cannot be built", path)
        unexpected = Diagnostic(path, 1, 1, "", f"Airflow refuses this workflow: {error}", "airflow")
        return LoadedWorkflow(path, plan.workflow, None, (unexpected, *warnings))
    return LoadedWorkflow(path, plan.workflow, dag, warnings)


def _build_diagnostic(path: str, error: BuildError) -> Diagnostic:
    from airflow_workflow_provider.definitions.document import DocumentError, parse, read_text

    finding = Finding(error.location, error.message, "operator", on_key=False)
    try:
        return parse(read_text(Path(path)), path).diagnostic(finding)
    except DocumentError:  # changed between two looks: the next one tells
        return Diagnostic(path, 1, 1, "", error.message, "operator")


def _doc_md(path: str, plan: Plan) -> str:
    """What the DAG's documentation shows: the description and the definition itself."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return plan.description or ""
    fence = "```" if "```" not in text else "~~~~"
    kind = "json" if path.endswith(".json") else "yaml"
    return f"{plan.description or ''}\n\n{fence}{kind}\n{text}\n{fence}\n"


def _dags(workflows: list[LoadedWorkflow]) -> dict[str, DAG]:
    """One DAG to a name. Of several files with one name the file of that name wins; else all of them are refused."""
    dags: dict[str, DAG] = {}
    by_name: dict[str, list[LoadedWorkflow]] = {}
    for workflow in workflows:
        by_name.setdefault(dag_id_of(workflow.name), []).append(workflow)
    broken: list[tuple[str, LoadedWorkflow, tuple[Diagnostic, ...]]] = []
    for name, same in by_name.items():
        good = [workflow for workflow in same if workflow.dag is not None]
        winner = good[0] if len(good) == 1 else next((w for w in good if definition_stem(w.file) == name), None)
        if winner is not None and winner.dag is not None:
            dags[name] = winner.dag
        for workflow in same:
            if workflow is not winner:
                broken.append((name, workflow, workflow.diagnostics or _duplicate(workflow, good, winner)))
    for name, workflow, diagnostics in broken:
        _add_broken(dags, name, workflow, diagnostics)
    return dags


def _duplicate(
    workflow: LoadedWorkflow, good: list[LoadedWorkflow], winner: LoadedWorkflow | None
) -> tuple[Diagnostic, ...]:
    others = " and ".join(other.file for other in good if other is not workflow)
    used = f"; {winner.file} is used, because it bears the name" if winner else "; none of them is used"
    message = f"workflow '{workflow.name}' is also defined in {others}{used}; rename one of them"
    return (Diagnostic(workflow.file, 1, 1, "workflow", message, "duplicate_workflow"),)


def _add_broken(dags: dict[str, DAG], name: str, workflow: LoadedWorkflow, diagnostics: tuple[Diagnostic, ...]) -> None:
    """Under its own name, unless a good DAG has it: then under its file's, and so on until a name is free."""
    stem = dag_id_of(definition_stem(workflow.file))
    relative = dag_id_of(workflow.file.strip(os.sep))[-200:]
    free = next(each for each in _names(name, stem, f"{name}.broken", relative) if each not in dags)
    dags[free] = broken_dag(free, diagnostics)


def _names(*preferred: str) -> Iterator[str]:
    yield from preferred
    number = 2
    while True:
        yield f"{preferred[-1]}.{number}"
        number += 1
