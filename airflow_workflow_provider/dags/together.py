"""Workflows that are loaded together: calls between them, and one DAG to a name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from airflow_workflow_provider.dags.broken import LONGEST_ID, broken_dag, dag_id_of
from airflow_workflow_provider.dags.loaded import LoadedWorkflow, alone
from airflow_workflow_provider.definitions.diagnostics import Diagnostic

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_workflow_provider.definitions.called_workflows import CallGraph


_Broken: TypeAlias = "tuple[str, LoadedWorkflow, tuple[Diagnostic, ...]]"
"""Name, workflow, and why there is no DAG of it."""


def with_checked_calls(workflows: Sequence[LoadedWorkflow]) -> Sequence[LoadedWorkflow]:
    """The same, without the DAGs of workflows that call one which is not there, or themselves in a circle.

    This is looked at anew each time: whether a call is right depends on other files.
    """
    if not any(workflow.plan and workflow.plan.workflows for workflow in workflows):
        return workflows
    from airflow_workflow_provider.dags.calls import call_graph, calls_of

    graph = call_graph((workflow.name, workflow.plan) for workflow in workflows)
    wrong = {
        workflow.origin.file
        for workflow in workflows
        if workflow.plan is not None and any(graph.problems(workflow.name, calls_of(workflow.plan)))
    }
    return [
        alone(workflow.origin, workflow.name, partial(_without_dag, workflow, graph))
        if workflow.origin.file in wrong
        else workflow
        for workflow in workflows
    ]


def _without_dag(workflow: LoadedWorkflow, graph: CallGraph) -> LoadedWorkflow:
    from airflow_workflow_provider.definitions.called_workflows import check_calls

    reading = workflow.origin.read()
    found = reading.errors  # it may have been changed meanwhile
    if reading.definition is not None and reading.document is not None:
        found += tuple(map(reading.document.diagnostic, check_calls(reading.definition, graph)))
    return replace(workflow, dag=None, diagnostics=(*found, *workflow.diagnostics))


def dags_by_name(workflows: Sequence[LoadedWorkflow], of_folder: int | None = None) -> dict[str, DAG]:
    """One DAG to a name. Of several files with one name the file of that name wins; else all of them are refused.

    Of the workflows the first ``of_folder`` (all by default) are a folder's: their names are theirs also while they are
    broken, and a workflow of the store that bears one is refused. Else the two would take turns.
    """
    dags: dict[str, DAG] = {}
    broken: list[_Broken] = []
    by_name: dict[str, list[LoadedWorkflow]] = {}
    for workflow in workflows[:of_folder]:
        by_name.setdefault(dag_id_of(workflow.name), []).append(workflow)
    for workflow in workflows[len(workflows) if of_folder is None else of_folder :]:
        name = dag_id_of(workflow.name)
        first = by_name.setdefault(name, [workflow])[0]
        if first is not workflow:
            broken.append((name, workflow, workflow.errors or (_of_folder(workflow, first),)))
    named: list[_Broken] = []
    for name, same in by_name.items():
        good = [workflow for workflow in same if workflow.dag is not None]
        winner = good[0] if len(good) == 1 else next((w for w in good if w.origin.stem == name), None)
        if winner is not None and winner.dag is not None:
            dags[name] = winner.dag
        for workflow in same:
            if workflow is not winner:
                named.append((name, workflow, workflow.errors or (_duplicate(workflow, good, winner),)))
    for each in (*named, *broken):
        _add_broken(dags, *each)
    return dags


def _of_folder(workflow: LoadedWorkflow, first: LoadedWorkflow) -> Diagnostic:
    message = (
        f"workflow '{workflow.name}' of the store bears the name of {first.origin.file}, which keeps it; "
        "publish it under another name, or remove that file"
    )
    return Diagnostic(workflow.origin.file, 1, 1, "workflow", message, "duplicate_workflow")


def _duplicate(workflow: LoadedWorkflow, good: list[LoadedWorkflow], winner: LoadedWorkflow | None) -> Diagnostic:
    others = " and ".join(other.origin.file for other in good if other is not workflow)
    used = f"; {winner.origin.file} is used, because it bears the name" if winner else "; none of them is used"
    message = f"workflow '{workflow.name}' is also defined in {others}{used}; rename one of them"
    return Diagnostic(workflow.origin.file, 1, 1, "workflow", message, "duplicate_workflow")


def _add_broken(dags: dict[str, DAG], name: str, workflow: LoadedWorkflow, diagnostics: tuple[Diagnostic, ...]) -> None:
    """Under its own name, unless another DAG has it: then under its file's, and so on until a name is free."""
    stem, path = dag_id_of(workflow.origin.stem), dag_id_of(workflow.origin.file.strip(os.sep))
    free = next(each for each in _names(name, stem, _with_end(name, ".broken"), path[-200:]) if each not in dags)
    dags[free] = broken_dag(free, diagnostics)


def _names(*preferred: str) -> Iterator[str]:
    """First those, then numbers behind the last: there is always one more."""
    yield from preferred
    for number in count(2):
        yield _with_end(preferred[-1], f".{number}")


def _with_end(name: str, end: str) -> str:
    return name[: LONGEST_ID - len(end)] + end
