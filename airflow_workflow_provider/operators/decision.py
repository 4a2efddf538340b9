"""The nodes that decide: mixed constraints and the run's outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.bases.branch import BaseBranchOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_workflow_provider.definitions.outcomes import Outcome
from airflow_workflow_provider.operators.variables import task_states
from airflow_workflow_provider.semantics import decide, run_state

if TYPE_CHECKING:
    from airflow.sdk import Context

_OUTCOMES = {"success": Outcome.SUCCESS, "failed": Outcome.FAILURE}
_SETTLED = {"success", "failed", "skipped", "upstream_failed", "removed"}


class DecisionOperator(BaseBranchOperator):
    """Decide a mixed constraint from the outcomes of its sources.

    ``all`` starts when every source is settled: it follows its task or skips it. ``any`` starts when one of its edges
    is satisfied, and speaks only for these: without one it skips itself, as success edges may still start the task.
    """

    custom_operator_name = "Constraint"
    ui_color = "#e8f0fe"

    def __init__(
        self, *, decides: str, follows: str, constraint: str, edges: Mapping[str, Sequence[str]], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.decides = decides
        self.follows = follows
        self.constraint = constraint
        self.edges = edges

    def choose_branch(self, context: Context) -> str | None:
        """The node after it, or ``None``."""
        states = task_states(context, list(self.edges))
        settled = {source: state for source, state in states.items() if state in _SETTLED}
        edges = {source: tuple(words) for source, words in self.edges.items() if source in settled}
        if self.constraint == "all" and len(edges) < len(self.edges):
            raise RuntimeError(f"not settled yet: {sorted(set(self.edges) - set(edges))}")
        outcomes = {source: _outcome(settled[source]) for source in edges}
        holds, reason = decide(self.constraint, edges, outcomes) if edges else (False, "no source is settled")
        self.log.info("%s of '%s' %s: %s", self.constraint, self.decides, "holds" if holds else "does not hold", reason)
        if not holds and self.constraint == "any":
            raise AirflowSkipException(reason)
        return self.follows if holds else None


class RunOutcomeOperator(BaseOperator):
    """Fail the run, or not, by the definition's ``outcome``; it only starts in a run in which something failed.

    :param tasks: task → (constraint, edges) of the definition, sources first
    :param decisions: decision nodes; one that failed itself fails the run in both modes
    """

    custom_operator_name = "Outcome"
    ui_color = "#fce8e6"

    def __init__(
        self,
        *,
        mode: str,
        tasks: Mapping[str, tuple[str, Mapping[str, tuple[str, ...]]]],
        decisions: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.tasks = tasks
        self.decisions = decisions

    def execute(self, context: Context) -> str:
        """The reason why the run did not fail; raises the reason why it did."""
        states = task_states(context, [*self.tasks, *self.decisions])
        outcomes = {name: _outcome(states.get(name, "")) for name in self.tasks}
        failed, reason = run_state(self.tasks, outcomes, self.mode)
        broken = [name for name in self.decisions if states.get(name) == "failed"]
        if broken:
            failed, reason = True, f"could not be decided: {', '.join(broken)}; {reason}"
        context["ti"].xcom_push(key="reason", value=reason)
        if failed:
            raise AirflowFailException(f"The run failed ({self.mode}). {reason}")
        self.log.info("The run succeeded (%s). %s", self.mode, reason)
        return reason


def _outcome(state: str) -> Outcome:
    """Airflow's state as an outcome: whatever did not run was skipped."""
    return _OUTCOMES.get(state, Outcome.SKIPPED)
