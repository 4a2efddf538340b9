"""Tasks that are said to exclude each other, or never to run, do so in every run there can be."""

from __future__ import annotations

from itertools import combinations, product

from hypothesis import given, settings

from airflow_workflow_provider.definitions.reachability import Reachability
from tests import oracle
from tests.unit.shapes import Shape, shapes
from tests.workflows import definition


def _ran_together(shape: Shape) -> set[frozenset[str]]:
    """Every set of at most two tasks that run together in some run (a task may also skip itself)."""
    found: set[frozenset[str]] = set()
    for ends in product("SFK", repeat=len(shape)):
        ended = oracle.outcomes(shape, dict(zip(shape, ends, strict=True)))
        ran = [task for task, outcome in ended.items() if outcome != "K"]
        found.update(map(frozenset, combinations(ran, 1)), map(frozenset, combinations(ran, 2)))
    return found


@settings(max_examples=150)
@given(shapes(5))
def test_what_is_excluded_never_happens(shape: Shape) -> None:
    reachability = Reachability(definition(shape))
    together = _ran_together(shape)
    for task in shape:
        if reachability.needs(task) is None:
            assert frozenset({task}) not in together
    for one, other in combinations(shape, 2):
        if reachability.exclude(one, other):
            assert frozenset({one, other}) not in together


S, F, K = frozenset("S"), frozenset("F"), frozenset("K")


def test_success_and_failure_of_one_task_exclude_each_other_all_the_way_down() -> None:
    shape: Shape = {
        "a": ("all", {}),
        "good": ("all", {"a": S}),
        "bad": ("all", {"a": F}),
        "better": ("all", {"good": S}),
        "worse": ("any", {"bad": S | F}),
        "skipped": ("all", {"a": K}),
        "cleanup": ("all", {"a": S | F}),
        "join": ("any", {"good": S, "bad": S}),
        "never": ("all", {"good": S, "bad": S}),
    }
    reachability = Reachability(definition(shape))
    excluded = {
        frozenset(pair)
        for pair in combinations([name for name in shape if name != "never"], 2)
        if reachability.exclude(*pair)
    }
    for one, other in product(("good", "better"), ("bad", "worse", "skipped")):
        assert frozenset({one, other}) in excluded
    assert not any("cleanup" in pair and "skipped" not in pair for pair in excluded)
    assert frozenset({"join", "good"}) not in excluded
    assert reachability.needs("never") is None
