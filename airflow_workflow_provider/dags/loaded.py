"""What came of one definition, wherever it was read: a DAG, or the errors for which there is none."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.dags.builder import build_dag
from airflow_workflow_provider.dags.errors import INTERRUPTIONS, BuildError, words_of
from airflow_workflow_provider.definitions.diagnostics import Diagnostic, Finding, one_line

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_workflow_provider.definitions.document import Document
    from airflow_workflow_provider.definitions.reader import Reading

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where a definition comes from: what messages call it, the name that it bears there, and how it is read."""

    file: str
    stem: str
    parse: Callable[[], Document]
    read: Callable[[], Reading]

    def broken(self, name: str, diagnostics: tuple[Diagnostic, ...]) -> LoadedWorkflow:
        """A definition of which there is no DAG."""
        return LoadedWorkflow(self, name, None, diagnostics=diagnostics)


@dataclass(frozen=True)
class LoadedWorkflow:
    """A DAG or, without one, errors."""

    origin: Origin
    name: str
    dag: DAG | None
    plan: Plan | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that keep it from being built."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.is_error)


def alone(origin: Origin, name: str, load: Callable[[], LoadedWorkflow]) -> LoadedWorkflow:
    """What came of one definition, whatever goes wrong with it: it costs no other its DAG.

    Only what is no error of it goes through: Airflow's timeout for the whole parse, a person's Ctrl-C.
    """
    try:
        return load()
    except INTERRUPTIONS:
        raise
    except BaseException as error:
        log.exception("%s cannot be loaded", origin.file)
        return origin.broken(name, (_unexpected(origin.file, "this definition cannot be loaded", error),))


def not_loaded(file: str, name: str, what: str, error: BaseException) -> LoadedWorkflow:
    """What stands for definitions that could not even be looked at; ``what`` is the matter."""

    def again() -> NoReturn:
        raise error

    return Origin(file, name, again, again).broken(name, (_unexpected(file, what, error),))


def _unexpected(file: str, what: str, error: BaseException) -> Diagnostic:
    """An error that no rule foresees, as a diagnostic."""
    return Diagnostic(file, 1, 1, "", one_line(f"{what}: {type(error).__name__}: {words_of(error)}"), "airflow")


def built(
    origin: Origin, plan: Plan, plan_json: str, warnings: tuple[Diagnostic, ...], doc_md: Callable[[], str] | None
) -> LoadedWorkflow:
    """The DAG of a plan. ``doc_md`` is ``None`` in a worker, which needs nothing that tells of the DAG."""
    try:
        dag = (
            build_dag(plan, for_worker=True)
            if doc_md is None
            else build_dag(plan, doc_md=doc_md(), plan_json=plan_json)
        )
    except BuildError as error:
        return origin.broken(plan.workflow, (_diagnostic(origin, error), *warnings))
    except INTERRUPTIONS:
        raise
    except BaseException as error:
        log.exception("%s cannot be built", origin.file)
        return origin.broken(
            plan.workflow, (_unexpected(origin.file, "Airflow refuses this workflow", error), *warnings)
        )
    return LoadedWorkflow(origin, plan.workflow, dag, plan, warnings)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Do not look for garbage while DAGs are built: nearly all that is made stays, and is looked at again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def fenced(text: str, language: str) -> str:
    """A text as a block of code in Markdown."""
    fence = "```" if "```" not in text else "~~~~"
    return f"{fence}{language}\n{text}\n{fence}\n"


def _diagnostic(origin: Origin, error: BuildError) -> Diagnostic:
    from airflow_workflow_provider.definitions.document import DocumentError

    finding = Finding(error.location, error.message, "operator", on_key=False)
    try:
        return origin.parse().diagnostic(finding)
    except DocumentError:  # changed between two looks: the next one tells
        return Diagnostic(origin.file, 1, 1, "", error.message, "operator")
