"""Workflows that are loaded together: calls between them, and one DAG to a name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_workflow_provider.dags.broken import broken_dag, dag_id_of
from airflow_workflow_provider.dags.loaded import LoadedWorkflow
from airflow_workflow_provider.definitions.diagnostics import Diagnostic

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_workflow_provider.definitions.called_workflows import CallGraph


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
    return [_without_dag(workflow, graph) if workflow.origin.file in wrong else workflow for workflow in workflows]


def _without_dag(workflow: LoadedWorkflow, graph: CallGraph) -> LoadedWorkflow:
    from airflow_workflow_provider.definitions.called_workflows import check_calls

    reading = workflow.origin.read()
    found: tuple[Diagnostic, ...] = ()
    if reading.definition is not None and reading.document is not None:
        found = tuple(map(reading.document.diagnostic, check_calls(reading.definition, graph)))
    return replace(workflow, dag=None, diagnostics=(*found, *workflow.diagnostics))


def dags_by_name(workflows: Sequence[LoadedWorkflow]) -> dict[str, DAG]:
    """One DAG to a name. Of several files with one name the file of that name wins; else all of them are refused."""
    dags: dict[str, DAG] = {}
    by_name: dict[str, list[LoadedWorkflow]] = {}
    for workflow in workflows:
        by_name.setdefault(dag_id_of(workflow.name), []).append(workflow)
    broken: list[tuple[str, LoadedWorkflow, tuple[Diagnostic, ...]]] = []
    for name, same in by_name.items():
        good = [workflow for workflow in same if workflow.dag is not None]
        winner = good[0] if len(good) == 1 else next((w for w in good if w.origin.stem == name), None)
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
    others = " and ".join(other.origin.file for other in good if other is not workflow)
    used = f"; {winner.origin.file} is used, because it bears the name" if winner else "; none of them is used"
    message = f"workflow '{workflow.name}' is also defined in {others}{used}; rename one of them"
    return (Diagnostic(workflow.origin.file, 1, 1, "workflow", message, "duplicate_workflow"),)


def _add_broken(dags: dict[str, DAG], name: str, workflow: LoadedWorkflow, diagnostics: tuple[Diagnostic, ...]) -> None:
    """Under its own name, unless a good DAG has it: then under its file's, and so on until a name is free."""
    stem = dag_id_of(workflow.origin.stem)
    relative = dag_id_of(workflow.origin.file.strip(os.sep))[-200:]
    free = next(each for each in _names(name, stem, f"{name}.broken", relative) if each not in dags)
    dags[free] = broken_dag(free, diagnostics)


def _names(*preferred: str) -> Iterator[str]:
    yield from preferred
    number = 2
    while True:
        yield f"{preferred[-1]}.{number}"
        number += 1
