"""A graph for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_workflow_provider.compiler.graph import Edge, EdgeKind, Graph, Node, NodeKind
from airflow_workflow_provider.compiler.groups import group_label

_SHAPES: Final = {
    NodeKind.SQL: "cylinder",
    NodeKind.PACKAGE: "component",
    NodeKind.WORKFLOW: "box3d",
    NodeKind.OPERATOR: "box",
    NodeKind.DECISION: "diamond",
}
_STYLES: Final = {
    EdgeKind.SUCCESS: ("#2e7d32", "solid"),
    EdgeKind.FAILURE: ("#c62828", "dashed"),
    EdgeKind.COMPLETION: ("#1565c0", "solid"),
    EdgeKind.SKIPPED: ("#757575", "solid"),
    EdgeKind.MIXED: ("#6a1b9a", "solid"),
    EdgeKind.DECIDED: ("#424242", "solid"),
}


def dot_lines(graph: Graph) -> Iterator[str]:
    """The lines of the digraph."""
    yield f"digraph {_quoted(graph.name)} {{"
    yield f"  graph [rankdir=LR, labelloc=t, fontname=Helvetica, label={_quoted(graph.name)}];"
    yield "  node [fontname=Helvetica];"
    yield "  edge [fontname=Helvetica, fontsize=10];"
    for number, (group, nodes) in enumerate(graph.groups()):
        if group is None:
            yield from (f"  {_node(node)}" for node in nodes)
        else:
            # Graphviz frames only what is named cluster.
            yield f"  subgraph cluster{number} {{"
            yield f"    graph [label={_quoted(group_label(group))}];"
            yield from (f"    {_node(node)}" for node in nodes)
            yield "  }"
    for edge in graph.edges:
        yield f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [{_attributes(edge)}];"
    yield "}"


def _node(node: Node) -> str:
    return f"{_quoted(node.id)} [shape={_SHAPES[node.kind]}, label={_label(node)}];"


def _label(node: Node) -> str:
    # \n in a label is Graphviz's own new line, so it is added after quoting.
    label = _quoted(node.id)
    return f'{label[:-1]}\\n{node.constraint} of {node.incoming}"' if node.constraint else label


def _attributes(edge: Edge) -> str:
    colour, style = _STYLES[edge.kind]
    drawn = f'color="{colour}", fontcolor="{colour}", style={style}'
    if edge.kind in (EdgeKind.SUCCESS, EdgeKind.DECIDED):
        return drawn
    return f"{drawn}, label={_quoted(' or '.join(edge.words))}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
