"""What a workflow means: the outcome of every task and the state of the run, given how each task would end.

This is docs/semantics.md in code. ``simulate`` and decision nodes speak from it; compiled DAGs are tested to agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airflow_workflow_provider.definitions.diagnostics import quoted_list
from airflow_workflow_provider.definitions.outcomes import RAN, Outcome, accepted

Edges = Mapping[str, "tuple[str, ...]"]

NOTHING_FAILED: Final = "no task failed"
"""The reason of a run without a failed task."""


@dataclass(frozen=True, slots=True)
class TaskMeaning:
    """How a task ended and the edge or condition that decided it."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class RunMeaning:
    """How a run ended: its tasks in the order given, whether it failed, and the reason in one sentence."""

    tasks: Mapping[str, TaskMeaning]
    failed: bool
    reason: str


def interpret(tasks: Mapping[str, tuple[str, Edges]], results: Mapping[str, Outcome], mode: str) -> RunMeaning:
    """Work out a run. ``tasks``: name → (constraint, edges), sources first; ``results``: how a task ends if it starts
    (success when not given; skipped means that it skips itself).
    """
    meanings: dict[str, TaskMeaning] = {}
    for name, (constraint, edges) in tasks.items():
        outcomes = {source: meanings[source].outcome for source in edges}
        holds, reason = decide(constraint, edges, outcomes)
        if not holds:
            meanings[name] = TaskMeaning(Outcome.SKIPPED, reason)
        elif results.get(name) is Outcome.SKIPPED:
            meanings[name] = TaskMeaning(Outcome.SKIPPED, "it skipped itself")
        else:
            meanings[name] = TaskMeaning(results.get(name, Outcome.SUCCESS), reason)
    failed, reason = run_state(tasks, {name: meaning.outcome for name, meaning in meanings.items()}, mode)
    return RunMeaning(meanings, failed, reason)


def decide(constraint: str, edges: Edges, outcomes: Mapping[str, Outcome]) -> tuple[bool, str]:
    """Whether the constraint holds over settled sources, and why in a few words."""
    if not edges:
        return True, "it has no edges"
    verdicts = {source: outcomes[source] in accepted(words) for source, words in edges.items()}
    holds = any(verdicts.values()) if constraint == "any" else all(verdicts.values())
    deciding = [source for source, verdict in verdicts.items() if verdict is holds]
    shown = ", ".join(_edge(source, edges[source], outcomes[source]) for source in deciding[:3])
    more = f" and {len(deciding) - 3} more" if len(deciding) > 3 else ""
    return holds, shown + more


def run_state(tasks: Mapping[str, tuple[str, Edges]], outcomes: Mapping[str, Outcome], mode: str) -> tuple[bool, str]:
    """Whether the run failed, and the reason in one sentence."""
    failed = [name for name in tasks if outcomes[name] is Outcome.FAILURE]
    if not failed:
        return False, NOTHING_FAILED
    handlers: dict[str, list[str]] = {name: [] for name in failed}
    for name, (_, edges) in tasks.items():
        for source, words in edges.items():
            if source in handlers and Outcome.FAILURE in accepted(words) and outcomes[name] in RAN:
                handlers[source].append(name)
    handled = ", ".join(f"'{name}' by {quoted_list(by)}" for name, by in handlers.items() if by)
    unhandled = [name for name, by in handlers.items() if not by]
    if mode == "handled" and not unhandled:
        return False, f"every failure was handled: {handled}"
    reason = f"failed: {quoted_list(failed if mode == 'strict' else unhandled)}"
    return True, f"{reason}; handled: {handled}" if handled else reason


def _edge(source: str, words: tuple[str, ...], outcome: Outcome) -> str:
    ended = {"success": "succeeded", "failure": "failed", "skipped": "was skipped"}[outcome.value]
    return f"'{source}' {ended} (edge: on {' or '.join(words)})"
