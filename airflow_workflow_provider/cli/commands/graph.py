"""``graph``: the workflow as a picture."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict

from airflow_workflow_provider.cli.console import Console
from airflow_workflow_provider.cli.graph_dot import dot_lines
from airflow_workflow_provider.cli.graph_mermaid import mermaid_lines
from airflow_workflow_provider.cli.graph_text import text_lines
from airflow_workflow_provider.cli.loading import load_workflow
from airflow_workflow_provider.compiler.graph import graph_of


def run(arguments: Namespace, console: Console) -> int:
    """Draw it."""
    graph = graph_of(load_workflow(arguments, console).plan)
    lines: Iterable[str]
    if arguments.output == "json":
        lines = [json.dumps(asdict(graph), indent=2)]
    elif arguments.output == "mermaid":
        lines = mermaid_lines(graph)
    elif arguments.output == "dot":
        lines = dot_lines(graph)
    else:
        lines = text_lines(graph, console)
    for line in lines:
        console.write(line)
    return 0
