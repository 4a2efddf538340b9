"""A graph for a terminal: every node, sources first, with the edges that leave it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.cli.console import Console, printable
from airflow_workflow_provider.compiler.graph import Edge, EdgeKind, Graph, Node, NodeKind
from airflow_workflow_provider.compiler.groups import group_label

_COLOURS: Final = {
    EdgeKind.SUCCESS: "green",
    EdgeKind.FAILURE: "red",
    EdgeKind.COMPLETION: "blue",
    EdgeKind.SKIPPED: "dim",
    EdgeKind.MIXED: "magenta",
    EdgeKind.DECIDED: "bold",
}
_DASHES: Final = {EdgeKind.FAILURE: "╌", EdgeKind.SKIPPED: "┈"}


def text_lines(graph: Graph, console: Console) -> Iterator[str]:
    """The lines of the picture."""
    leaving: dict[str, list[Edge]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        leaving[edge.source].append(edge)
    decisions = {node.id for node in graph.nodes if node.kind is NodeKind.DECISION}
    yield console.paint(printable(graph.name), "bold")
    group = None
    for node in graph.nodes:
        yield ""
        if node.group != group:
            group = node.group
            yield from (console.paint(f"── {group_label(group)} ──", "dim"), "") if group else ()
        yield _node(node, console)
        edges = leaving[node.id]
        width = max((len(_label(edge)) for edge in edges), default=0)
        for number, edge in enumerate(edges, 1):
            corner = "└" if number == len(edges) else "├"
            sign = _sign(is_decision=edge.target in decisions)
            yield f"  {corner}{console.paint(_arrow(edge, width), _COLOURS[edge.kind])} {sign} {edge.target}"


def _arrow(edge: Edge, width: int) -> str:
    dash = _DASHES.get(edge.kind, "─")
    label = _label(edge)
    return f"{dash} {label} {dash * (width - len(label) + 2)}▶"


def _label(edge: Edge) -> str:
    return " or ".join(edge.words) or "decides"


def _sign(*, is_decision: bool) -> str:
    return "◇" if is_decision else "●"


def _node(node: Node, console: Console) -> str:
    is_decision = node.kind is NodeKind.DECISION
    name = console.paint(f"{_sign(is_decision=is_decision)} {node.id}", "bold")
    what = f"{node.kind.value} {printable(node.what)}".rstrip()
    return "  ".join((name, what, *([f"{node.constraint} of {node.incoming} edges"] if node.constraint else [])))
