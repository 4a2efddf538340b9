"""The nodes that decide mixed constraints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator
from airflow.sdk.exceptions import AirflowSkipException

from airflow_workflow_provider.operators.variables import task_states
from airflow_workflow_provider.runs.states import SETTLED, outcome_at_the_end
from airflow_workflow_provider.semantics import decide

if TYPE_CHECKING:
    from airflow.sdk import Context


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
        settled = {source: state for source, state in states.items() if state in SETTLED}
        edges = {source: tuple(words) for source, words in self.edges.items() if source in settled}
        if self.constraint == "all" and len(edges) < len(self.edges):
            raise RuntimeError(f"not settled yet: {sorted(set(self.edges) - set(edges))}")
        outcomes = {source: outcome_at_the_end(settled[source]) for source in edges}
        holds, reason = decide(self.constraint, edges, outcomes) if edges else (False, "no source is settled")
        self.log.info("%s of '%s' %s: %s", self.constraint, self.decides, "holds" if holds else "does not hold", reason)
        if not holds and self.constraint == "any":
            raise AirflowSkipException(reason)
        return self.follows if holds else None
