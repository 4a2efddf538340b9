"""SEMANTICS in forty lines, written apart from the package: what the compiled DAGs are checked against."""

from __future__ import annotations

from collections.abc import Mapping

Edges = Mapping[str, frozenset[str]]  # source → subset of {"S", "F", "K"}
Shape = Mapping[str, tuple[str, Edges]]  # task → ("all" | "any", edges); sources first


def outcomes(shape: Shape, results: Mapping[str, str]) -> dict[str, str]:
    """Outcome of every task: S(uccess), F(ailure), (s)K(ipped). ``results``: how each ends if it starts."""
    ended: dict[str, str] = {}
    for task, (constraint, edges) in shape.items():
        satisfied = [ended[source] in wanted for source, wanted in edges.items()]
        if not edges:
            starts = True
        elif constraint == "any":
            starts = True in satisfied
        else:
            starts = False not in satisfied
        ended[task] = results[task] if starts else "K"
    return ended


def started(shape: Shape, results: Mapping[str, str]) -> set[str]:
    """Tasks whose constraint held (they may still skip themselves)."""
    ended = outcomes(shape, results)
    return {
        task
        for task, (constraint, edges) in shape.items()
        if not edges or (any if constraint == "any" else all)(ended[s] in wanted for s, wanted in edges.items())
    }


def run_fails(shape: Shape, ended: Mapping[str, str], mode: str) -> bool:
    """``strict``: some task failed; ``handled``: some failed task has no dependant that accepts it and ran."""
    failed = {task for task, outcome in ended.items() if outcome == "F"}
    if mode == "handled":
        for task, (_, edges) in shape.items():
            if ended[task] != "K":
                failed -= {source for source, wanted in edges.items() if "F" in wanted}
    return bool(failed)
