"""The picture of a plan: the user's tasks and edges, and the decision nodes between them, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from operator import attrgetter
from typing import Final

from airflow_workflow_provider.compiler.plan import Decision, Plan, PlannedTask, SqlWork, Work, WorkflowWork
from airflow_workflow_provider.definitions.outcomes import Outcome, accepted


class NodeKind(str, Enum):
    """What a node does."""

    SQL = "sql"
    PACKAGE = "package"
    WORKFLOW = "workflow"
    OPERATOR = "operator"
    DECISION = "decision"


class EdgeKind(str, Enum):
    """What an edge accepts. ``MIXED``: another set of outcomes. ``DECIDED``: from a decision to its task."""

    SUCCESS = "success"
    FAILURE = "failure"
    COMPLETION = "completion"
    SKIPPED = "skipped"
    MIXED = "mixed"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Node:
    """A task or a decision. ``what``: package, workflow, operator class or connection, may be empty.

    ``incoming`` edges end here; ``constraint`` is ``all`` or ``any`` if there are several; ``group`` frames it.
    """

    id: str
    kind: NodeKind
    what: str = ""
    incoming: int = 0
    constraint: str = ""
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow; ``words`` are the outcomes as the definition says them, none for a decided edge."""

    source: str
    target: str
    kind: EdgeKind
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, sources first, and edges in the order of the nodes that they lead to."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def groups(self) -> Iterator[tuple[str | None, tuple[Node, ...]]]:
        """Runs of nodes that belong to the same group, in order."""
        for group, nodes in groupby(self.nodes, attrgetter("group")):
            yield group, tuple(nodes)


_KINDS: Final = {
    frozenset({Outcome.SUCCESS}): EdgeKind.SUCCESS,
    frozenset({Outcome.FAILURE}): EdgeKind.FAILURE,
    frozenset({Outcome.SUCCESS, Outcome.FAILURE}): EdgeKind.COMPLETION,
    frozenset({Outcome.SKIPPED}): EdgeKind.SKIPPED,
}


def graph_of(plan: Plan) -> Graph:
    """The graph of a plan. Gates are left out: they are how an edge is carried out, not what it means."""
    decisions = {decision.task: decision for decision in plan.decisions}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for task in plan.tasks:
        decision = decisions.get(task.id)
        if decision is not None:
            nodes.append(Node(decision.id, NodeKind.DECISION, "", len(decision.edges), decision.constraint))
        nodes.append(_node(task, decision))
        edges += _edges(task, decision)
    return Graph(plan.workflow, tuple(nodes), tuple(edges))


def _node(task: PlannedTask, decision: Decision | None) -> Node:
    kind, what = _work(task.work)
    incoming = len(task.edges) if decision is None else len(task.edges) - len(decision.edges) + 1
    return Node(task.id, kind, what, incoming, task.constraint if incoming > 1 else "", task.group)


def _work(work: Work) -> tuple[NodeKind, str]:
    if isinstance(work, SqlWork):
        return NodeKind.SQL, work.connection
    if isinstance(work, WorkflowWork):
        return NodeKind.WORKFLOW, work.workflow
    if work.package is not None:
        return NodeKind.PACKAGE, work.package
    return NodeKind.OPERATOR, work.operator.rpartition(".")[2]


def _edges(task: PlannedTask, decision: Decision | None) -> Iterator[Edge]:
    for source, words in task.edges.items():
        target = decision.id if decision is not None and source in decision.edges else task.id
        kind = _KINDS.get(accepted(words), EdgeKind.MIXED)
        yield Edge(source, target, kind, words)
    if decision is not None:
        yield Edge(decision.id, task.id, EdgeKind.DECIDED)
