"""When Airflow's leaf rule does not give the run the state that the definition asks for, and what makes it so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from airflow_workflow_provider.compiler.plan import OUTCOME, Gate, RunOutcome, TriggerRule, Wiring

FAILED: Final = "workflow.failed"
END: Final = "workflow.end"


def run_outcome(
    mode: str,
    wirings: Mapping[str, Wiring],
    tasks: tuple[str, ...],
    *,
    skippable: frozenset[str],
    after_decisions: tuple[str, ...],
    has_handlers: bool,
    has_expectations: bool = False,
) -> RunOutcome | None:
    """The run's outcome nodes, or ``None`` where the leaves tell the run's state exactly.

    ``wirings`` has every node so far; ``tasks`` come sources first; ``skippable``: those that can end ``skipped``;
    ``after_decisions``: gates that follow a decision node (they show when one could not be decided; decision nodes
    themselves skip whatever follows them and is not their task); ``has_handlers``: some edge accepts failure;
    ``has_expectations``: the outcome node must look at every run.
    """
    downstream: dict[str, list[str]] = {name: [] for name in wirings}
    for name, wiring in wirings.items():
        for source in wiring.upstream:
            downstream[source].append(name)
    known = frozenset(tasks)
    last = tuple(name for name in tasks if not _is_awaited(name, wirings, downstream, known))
    if has_expectations:
        return RunOutcome(mode, OUTCOME, Wiring(TriggerRule.ALL_DONE, (*last, *after_decisions)))
    hidden = _hidden_failures(tasks, wirings, downstream, skippable)
    if not hidden and not after_decisions and not (mode == "handled" and has_handlers):
        return None
    leaves = [name for name in tasks if not downstream[name]]
    watched = tuple(dict.fromkeys((*hidden, *leaves, *after_decisions)))
    return RunOutcome(
        mode,
        OUTCOME,
        Wiring(TriggerRule.ALL_SUCCESS, (FAILED, END)),
        (
            Gate(FAILED, "", Wiring(TriggerRule.ONE_FAILED, watched), "a task failed"),
            Gate(END, "", Wiring(TriggerRule.ALL_DONE, last), "every task has settled"),
        ),
    )


def _is_awaited(
    name: str, wirings: Mapping[str, Wiring], downstream: Mapping[str, list[str]], tasks: frozenset[str]
) -> bool:
    """Whether some task surely settles after this node; an eager follower may overtake its sources."""
    return any(
        (wirings[follower].rule is TriggerRule.ALL_DONE or len(wirings[follower].upstream) == 1)
        and (follower in tasks or _is_awaited(follower, wirings, downstream, tasks))
        for follower in downstream[name]
    )


def _hidden_failures(
    tasks: tuple[str, ...],
    wirings: Mapping[str, Wiring],
    downstream: Mapping[str, list[str]],
    skippable: frozenset[str],
) -> list[str]:
    """Tasks whose failure need not show at a leaf.

    A failure shows when the task is a leaf, or when a follower becomes ``upstream_failed`` for certain and shows in
    turn.
    """
    shows: dict[str, bool] = {}
    for name in reversed(tasks):
        shows[name] = not downstream[name] or any(
            shows.get(follower, False) and _fails_with(wirings[follower], name, skippable)
            for follower in downstream[name]
        )
    return [name for name in tasks if not shows[name]]


def _fails_with(wiring: Wiring, source: str, skippable: frozenset[str]) -> bool:
    """Whether the node is ``upstream_failed`` when ``source`` has failed, whatever its other sources do.

    Not ``all_success`` beside a source that can be skipped: that one may have skipped the node already.
    """
    if wiring.rule is TriggerRule.NONE_FAILED:
        return True
    if wiring.rule is TriggerRule.ALL_SUCCESS:
        return not any(other in skippable for other in wiring.upstream if other != source)
    return wiring.rule is TriggerRule.ONE_SUCCESS and len(wiring.upstream) == 1
