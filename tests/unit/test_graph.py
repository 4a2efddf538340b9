"""Graphs have every edge of the definition once, and what is drawn of them is valid whatever the names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.cli.graph_dot import dot_lines
from airflow_workflow_provider.cli.graph_mermaid import mermaid_lines
from airflow_workflow_provider.compiler import compile_workflow
from airflow_workflow_provider.compiler.graph import Edge, EdgeKind, Graph, Node, NodeKind, graph_of
from airflow_workflow_provider.definitions.definition import Definition, Statement
from airflow_workflow_provider.definitions.rules import check_workflow

WORDS = ("success", "failure", "completion", "skipped")


def graph(tasks: dict[str, dict[str, Any]], name: str = "w") -> Graph:
    """The graph of a workflow whose tasks run SQL unless they say otherwise."""
    shown = {each: {**({} if "operator" in task else {"sql": "SELECT 1"}), **task} for each, task in tasks.items()}
    workflow, findings = check_workflow({"workflow": name, "tasks": shown})
    assert workflow is not None, findings
    statements = {each: (Statement("SELECT 1", ()),) for each, task in shown.items() if "sql" in task}
    return graph_of(compile_workflow(Definition(workflow, {}, statements)))


def test_kinds_of_nodes_and_edges() -> None:
    drawn = graph(
        {
            "a": {"connection": "db"},
            "b": {"operator": "x.y.Z", "depends_on": "a"},
            "c": {"depends_on": {"a": "failure"}},
            "d": {"depends_on": {"a": "completion"}},
            "e": {"depends_on": {"a": "skipped"}},
            "f": {"depends_on": {"a": ["completion", "skipped"]}},
        }
    )
    assert drawn.nodes[:2] == (Node("a", NodeKind.SQL, "db"), Node("b", NodeKind.OPERATOR, "Z", 1))
    assert [(edge.target, edge.kind) for edge in drawn.edges] == [
        ("b", EdgeKind.SUCCESS),
        ("c", EdgeKind.FAILURE),
        ("d", EdgeKind.COMPLETION),
        ("e", EdgeKind.SKIPPED),
        ("f", EdgeKind.MIXED),
    ]


def test_a_constraint_is_marked_where_several_edges_meet() -> None:
    drawn = graph({"a": {}, "b": {}, "c": {"depends_on": ["a", "b"], "constraint": "any"}, "d": {"depends_on": "c"}})
    assert [(node.id, node.constraint, node.incoming) for node in drawn.nodes[2:]] == [("c", "any", 2), ("d", "", 1)]


def test_a_mixed_constraint_shows_its_decision_node() -> None:
    drawn = graph({"a": {}, "b": {}, "c": {"depends_on": {"a": "success", "b": "failure"}}})
    assert drawn.nodes[2:] == (Node("c.all", NodeKind.DECISION, "", 2, "all"), Node("c", NodeKind.SQL, "", 1))
    assert drawn.edges == (
        Edge("a", "c.all", EdgeKind.SUCCESS, ("success",)),
        Edge("b", "c.all", EdgeKind.FAILURE, ("failure",)),
        Edge("c.all", "c", EdgeKind.DECIDED),
    )


def test_gates_and_the_run_outcome_are_not_drawn() -> None:
    drawn = graph({"a": {}, "b": {"depends_on": "a"}, "c": {"depends_on": {"b": "completion"}}})
    assert [node.id for node in drawn.nodes] == ["a", "b", "c"]


@st.composite
def workflows(draw: st.DrawFn) -> tuple[str, dict[str, dict[str, Any]]]:
    """A name and tasks that depend on tasks before them."""
    task_name = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,12}", fullmatch=True) | st.sampled_from(
        [
            "end",
            "graph",
            "subgraph",
            "default",
            "class",
            "style",
            "click",
            "node",
            "edge",
            "digraph",
            "strict",
            "o-",
            "x--",
        ]
    )
    names = draw(st.lists(task_name, min_size=1, max_size=8, unique=True))
    tasks: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(names):
        sources = draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=4)) if number else []
        accepts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True)
        tasks[name] = {
            "depends_on": {source: draw(accepts) for source in sources},
            "constraint": draw(st.sampled_from(["all", "any"])),
        }
    return draw(st.from_regex(r"[A-Za-z0-9_.\-éß世]{1,20}", fullmatch=True)), tasks


@settings(max_examples=150)
@given(workflows())
def test_every_edge_of_the_definition_is_drawn_once(workflow: tuple[str, dict[str, dict[str, Any]]]) -> None:
    name, tasks = workflow
    drawn = graph(tasks, name)
    decisions = {edge.source: edge.target for edge in drawn.edges if edge.kind is EdgeKind.DECIDED}
    edges = {
        (edge.source, decisions.get(edge.target, edge.target)): edge.words
        for edge in drawn.edges
        if edge.kind is not EdgeKind.DECIDED
    }
    assert len(edges) + len(decisions) == len(drawn.edges)
    assert edges == {
        (source, task): tuple(words) for task, data in tasks.items() for source, words in data["depends_on"].items()
    }
    assert {node.id for node in drawn.nodes if node.kind is not NodeKind.DECISION} == set(tasks)
    assert {node.id for node in drawn.nodes if node.kind is NodeKind.DECISION} == set(decisions)
    for node in drawn.nodes:
        assert node.incoming == sum(edge.target == node.id for edge in drawn.edges)


@settings(max_examples=150)
@given(workflows())
def test_mermaid_says_the_same(workflow: tuple[str, dict[str, dict[str, Any]]]) -> None:
    drawn = graph(workflow[1], workflow[0])
    nodes, edges, styled = read_mermaid(list(mermaid_lines(drawn)))
    assert list(nodes.values()) == [node.id for node in drawn.nodes]
    assert [(nodes[source], nodes[target]) for source, target, _ in edges] == [
        (edge.source, edge.target) for edge in drawn.edges
    ]
    labels = [label for _, _, label in edges]
    quiet = (EdgeKind.SUCCESS, EdgeKind.DECIDED)
    assert labels == ["" if edge.kind in quiet else " or ".join(edge.words) for edge in drawn.edges]
    assert sorted(styled) == list(range(len(drawn.edges)))


@settings(max_examples=150)
@given(workflows())
def test_dot_says_the_same(workflow: tuple[str, dict[str, dict[str, Any]]]) -> None:
    drawn = graph(workflow[1], workflow[0])
    name, nodes, edges = read_dot("\n".join(dot_lines(drawn)))
    assert name == drawn.name
    assert nodes == [node.id for node in drawn.nodes]
    assert edges == [(edge.source, edge.target) for edge in drawn.edges]


HOSTILE = Graph(
    'a "b" \\ <i> %',
    (Node('"]; x["', NodeKind.SQL), Node("`#quot;`\n--> n0", NodeKind.DECISION, "", 2, "any")),
    (Edge('"]; x["', "`#quot;`\n--> n0", EdgeKind.FAILURE, ("failure",)),),
)


def test_no_name_can_break_out_of_its_quotes() -> None:
    nodes, edges, _ = read_mermaid(list(mermaid_lines(HOSTILE)))
    assert (len(nodes), len(edges)) == (2, 1)
    assert list(nodes.values()) == [node.id for node in HOSTILE.nodes]
    assert read_dot("\n".join(dot_lines(HOSTILE)))[0] == HOSTILE.name


def test_graphviz_draws_it() -> None:
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed here")
    done = subprocess.run(
        [program, "-Tsvg"], input="\n".join(dot_lines(HOSTILE)), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count('class="node"') == 2


LABEL = r'"(?P<label>(?:[^"#<>`\n]|#\d+;|<br>)+)"'
MERMAID_NODE = re.compile(rf"  (?P<id>n\d+)(?P<open>\[\(|\[\[|\[|\{{){LABEL}(?P<close>\)\]|\]\]|\]|\}})")
MERMAID_EDGE = re.compile(rf"  (?P<source>n\d+) (?:-->|-\.->)(?:\|{LABEL}\|)? (?P<target>n\d+)")
MERMAID_STYLE = re.compile(r"  linkStyle (\d+(?:,\d+)*) stroke:#[0-9a-f]{6}(?:,[a-z-]+:[#0-9a-z ]+)*")
CLOSING = {"[(": ")]", "[[": "]]", "[": "]", "{": "}"}


def read_mermaid(lines: list[str]) -> tuple[dict[str, str], list[tuple[str, str, str]], list[int]]:
    """Names by node, edges and the numbers of styled edges, of the part of Mermaid that is written here."""
    assert lines[0] == lines[2] == "---"
    assert re.fullmatch(r'title: "(?:[^"\\]|\\.)*"', lines[1])
    assert lines[3] == "flowchart LR"
    nodes: dict[str, str] = {}
    edges: list[tuple[str, str, str]] = []
    styled: list[int] = []
    for line in lines[4:]:
        if node := MERMAID_NODE.fullmatch(line):
            assert CLOSING[node["open"]] == node["close"]
            assert node["id"] not in nodes
            assert not edges
            nodes[node["id"]] = unescaped(node["label"].partition("<br>")[0])
        elif edge := MERMAID_EDGE.fullmatch(line):
            assert {edge["source"], edge["target"]} <= set(nodes)
            edges.append((edge["source"], edge["target"], unescaped(edge["label"] or "")))
        elif style := MERMAID_STYLE.fullmatch(line):
            styled += map(int, style[1].split(","))
        else:
            assert re.fullmatch(r"  class(Def decision (fill|stroke):.*| n\d+(,n\d+)* decision)", line), line
    return nodes, edges, styled


def unescaped(text: str) -> str:
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), text)


DOT_TOKEN = re.compile(r'\s*(?:(?P<quoted>"(?:[^"\\]|\\[\s\S])*")|(?P<word>[A-Za-z_]\w*|\d+)|(?P<sign>->|[{}\[\];,=]))')


def tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        match = DOT_TOKEN.match(text, at)
        assert match is not None, text[at : at + 40]
        assert match.lastgroup is not None
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


def read_dot(text: str) -> tuple[str, list[str], list[tuple[str, str]]]:
    """Name, nodes and edges of a digraph, by the grammar of the DOT language (of attributes: that they are pairs)."""
    stream = list(tokens(text))
    assert stream[0] == ("word", "digraph")
    assert stream[2] == ("sign", "{")
    assert stream[-1] == ("sign", "}")
    name = dot_text(*stream[1])
    nodes: list[str] = []
    edges: list[tuple[str, str]] = []
    statement: list[tuple[str, str]] = []
    for token in stream[3:-1]:
        if token != ("sign", ";"):
            statement.append(token)
            continue
        ends = statement.index(("sign", "["))
        attributes = statement[ends + 1 : -1]
        assert statement[-1] == ("sign", "]")
        assert [kind for kind, _ in attributes[1::4]] == ["sign"] * len(attributes[1::4])
        assert all(value == "=" for _, value in attributes[1::4])
        assert all(value == "," for _, value in attributes[3::4])
        head = statement[:ends]
        if len(head) == 3:
            assert head[1] == ("sign", "->")
            edges.append((dot_text(*head[0]), dot_text(*head[2])))
        elif head[0][0] == "quoted":
            nodes.append(dot_text(*head[0]))
        else:
            assert head[0][1] in ("graph", "node", "edge")
        statement = []
    assert not statement
    assert {end for edge in edges for end in edge} <= set(nodes)
    return name, nodes, edges


def dot_text(kind: str, text: str) -> str:
    assert kind == "quoted"
    return re.sub(r"\\([\\\"])", r"\1", text[1:-1])
