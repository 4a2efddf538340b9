"""A graph as a Mermaid flowchart: GitHub, GitLab and many editors draw it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from airflow_workflow_provider.compiler.graph import Edge, EdgeKind, Graph, Node, NodeKind
from airflow_workflow_provider.compiler.groups import group_label

_SHAPES: Final = {
    NodeKind.SQL: ("[(", ")]"),
    NodeKind.PACKAGE: ("[[", "]]"),
    NodeKind.WORKFLOW: ("([", "])"),
    NodeKind.OPERATOR: ("[", "]"),
    NodeKind.DECISION: ("{", "}"),
}
_STROKES: Final = {
    EdgeKind.SUCCESS: "stroke:#2e7d32,color:#2e7d32",
    EdgeKind.FAILURE: "stroke:#c62828,color:#c62828,stroke-dasharray:6 4",
    EdgeKind.COMPLETION: "stroke:#1565c0,color:#1565c0",
    EdgeKind.SKIPPED: "stroke:#757575,color:#757575",
    EdgeKind.MIXED: "stroke:#6a1b9a,color:#6a1b9a",
    EdgeKind.DECIDED: "stroke:#424242",
}


def mermaid_lines(graph: Graph) -> Iterator[str]:
    """The lines of the flowchart. Nodes are numbered: words such as ``end`` mean something to Mermaid."""
    ids = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    yield "---"
    yield f"title: {json.dumps(graph.name, ensure_ascii=False)}"
    yield "---"
    yield "flowchart LR"
    for number, (group, nodes) in enumerate(graph.groups()):
        if group is None:
            yield from (f"  {_node(ids, node)}" for node in nodes)
        else:
            yield f'  subgraph g{number}["{_escaped(group_label(group))}"]'
            yield from (f"    {_node(ids, node)}" for node in nodes)
            yield "  end"
    for edge in graph.edges:
        yield f"  {ids[edge.source]} {_arrow(edge)} {ids[edge.target]}"
    for kind, stroke in _STROKES.items():
        numbers = [str(number) for number, edge in enumerate(graph.edges) if edge.kind is kind]
        if numbers:
            yield f"  linkStyle {','.join(numbers)} {stroke}"
    decisions = [ids[node.id] for node in graph.nodes if node.kind is NodeKind.DECISION]
    if decisions:
        yield "  classDef decision fill:#fff8e1,stroke:#f9a825"
        yield f"  class {','.join(decisions)} decision"


def _node(ids: Mapping[str, str], node: Node) -> str:
    opening, closing = _SHAPES[node.kind]
    return f'{ids[node.id]}{opening}"{_label(node)}"{closing}'


def _arrow(edge: Edge) -> str:
    """Success goes without saying."""
    if edge.kind in (EdgeKind.SUCCESS, EdgeKind.DECIDED):
        return "-->"
    line = "-.->" if edge.kind is EdgeKind.FAILURE else "-->"
    return f'{line}|"{_escaped(" or ".join(edge.words))}"|'


def _label(node: Node) -> str:
    lines = [node.id, *([f"{node.constraint} of {node.incoming}"] if node.constraint else [])]
    return "<br>".join(_escaped(line) for line in lines)


def _escaped(text: str) -> str:
    """Mermaid's own entities for what would end the label, make HTML or Markdown of it, or be unprintable."""
    return "".join(each if each.isalnum() or each in " _-." else f"#{ord(each)};" for each in text)
