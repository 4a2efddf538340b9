"""How a run ended and why, in one sentence: the outcome node, notifiers, the run's note and its page all ask here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.definitions.diagnostics import quoted_list
from airflow_workflow_provider.runs.states import outcome_at_the_end
from airflow_workflow_provider.semantics import Edges, run_state

A_PERSON: Final = "a person"
BY_TASKS: Final = frozenset({"success", "task_failure"})
"""What Airflow says where the tasks have ended a run."""


def ended_by_tasks(
    mode: str, tasks: Mapping[str, tuple[str, Edges]], decisions: Sequence[str], states: Mapping[str, str]
) -> tuple[bool, str]:
    """Whether a run fails by Airflow's ``states`` of its nodes, and the reason in one sentence."""
    outcomes = {name: outcome_at_the_end(states.get(name)) for name in tasks}
    failed, reason = run_state(tasks, outcomes, mode)
    undecided = [name for name in decisions if states.get(name) == "failed"]
    if undecided:
        return True, f"could not be decided: {', '.join(undecided)}; {reason}"
    return failed, reason


def ending(plan: Plan, state: str, states: Mapping[str, str], said: str | None = None, by: str | None = None) -> str:
    """The reason of a run that has ended in that state.

    ``states``: Airflow's, of its nodes. ``said``: the reason that its outcome node has left, if that ran; it also
    knows of expectations. ``by``: who ended it, if not its tasks: ``A_PERSON``, or Airflow's word.
    """
    tasks = {task.id: (task.constraint, task.edges) for task in plan.tasks}
    failed, reason = ended_by_tasks(plan.outcome_mode, tasks, [decision.id for decision in plan.decisions], states)
    reason = said or reason
    if by == A_PERSON:
        return f"a person set the run's state to {state}; {reason}"
    if by is not None:
        return f"Airflow ended the run: {by}; {reason}"
    if said is None and failed != (state == "failed"):
        return f"{reason}, yet Airflow ended the run as {state}; {_other_nodes(plan, states)}"
    return reason


def _other_nodes(plan: Plan, states: Mapping[str, str]) -> str:
    """What else than a task can have ended a run."""
    tasks = {task.id for task in plan.tasks}
    nodes = [name for name, _ in plan.wirings() if name not in tasks and states.get(name) == "failed"]
    return f"{quoted_list(nodes)} failed, see the log" if nodes else "a person or a limit of Airflow did that"
