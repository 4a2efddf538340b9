"""Every small workflow, with every way in which its tasks can end, means what SEMANTICS says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Any

import pytest

from airflow_workflow_provider.compiler import compile_workflow
from tests import oracle
from tests.scheduling.airflow_rules import AirflowRules, FastScheduler
from tests.workflows import ACCEPTS, definition

AIRFLOW = {"S": "success", "F": "failed", "K": "skipped"}
pytestmark = pytest.mark.timeout(600)  # exhaustive: minutes of processor time, split into parts
DRAWN = (frozenset("S"), frozenset("F"), frozenset("SF"))
SUCCESS = (frozenset("S"),)
Node = tuple[str, dict[str, frozenset[str]]]


@pytest.fixture(scope="module")
def rules(airflow_database: None) -> Iterator[AirflowRules]:
    from airflow.utils.session import create_session

    with create_session() as session:
        yield AirflowRules(session)


def nodes(sources: Sequence[str], accepts: Sequence[frozenset[str]]) -> Iterator[Node]:
    """All constraints that a task can have over some of ``sources``; for one edge all and any are the same."""
    for size in range(len(sources) + 1):
        for chosen in combinations(sources, size):
            for wanted in product(accepts, repeat=size):
                for constraint in ("all", "any") if size > 1 else ("all",):
                    yield constraint, dict(zip(chosen, wanted, strict=True))


def shapes(*accepts_per_task: Sequence[frozenset[str]]) -> Iterator[oracle.Shape]:
    """All workflows with as many tasks, whose n-th task uses the n-th accepted outcomes."""
    names = "abcd"[: len(accepts_per_task)]
    choices = [list(nodes(names[:index], accepts)) for index, accepts in enumerate(accepts_per_task)]
    for chosen in product(*choices):
        yield dict(zip(names, chosen, strict=True))


def scenarios(shape: oracle.Shape, endings: str) -> Iterator[dict[str, str]]:
    """All results that differ in a task that starts."""
    seen = set()
    for letters in product(endings, repeat=len(shape)):
        results = dict(zip(shape, letters, strict=True))
        running = oracle.started(shape, results)
        key = tuple((task, results[task]) for task in shape if task in running)
        if key not in seen:
            seen.add(key)
            yield results


def check_all(all_shapes: Iterator[oracle.Shape], rules: AirflowRules, *, sql: bool = False) -> int:
    """Check each shape in each scenario, in both modes, with the first and the last waiting task ending next."""
    count = 0
    for shape in all_shapes:
        plans = {mode: compile_workflow(definition(shape, mode, sql=sql)) for mode in ("strict", "handled")}
        schedulers = {mode: FastScheduler(plan, rules) for mode, plan in plans.items()}
        for results in scenarios(shape, "SF" if sql else "SFK"):
            expected = oracle.outcomes(shape, results)
            started = oracle.started(shape, results)
            states = {task: AIRFLOW[result] for task, result in results.items()}
            for mode, order in (("strict", min), ("handled", max)):
                run = schedulers[mode].run(states, order)
                got = {task: {"success": "S", "failed": "F"}.get(run.states[task], "K") for task in shape}
                assert got == expected, (shape, results, mode, run)
                assert {task for task in run.started if "." not in task} == started, (
                    shape,
                    results,
                    mode,
                    run,
                )
                assert run.failed == oracle.run_fails(shape, expected, mode), (shape, results, mode, run)
                check_starts(plans[mode], run.started, expected)
                count += 1
    return count


def check_starts(plan: Any, started: Sequence[str], ended: dict[str, str]) -> None:
    """Added starts: each decision node once at most, and the run's outcome only when something failed."""
    added = [task for task in started if "." in task]
    allowed = {decision.id for decision in plan.decisions} | ({"workflow.outcome"} if "F" in ended.values() else set())
    assert len(set(added)) == len(added)
    assert set(added) <= allowed


def test_all_workflows_of_three_tasks_with_any_accepted_outcomes(rules: AirflowRules) -> None:
    assert check_all(shapes(ACCEPTS, ACCEPTS, ACCEPTS), rules) > 20_000


@pytest.mark.parametrize("part", range(6))
def test_all_workflows_of_four_tasks_with_the_edges_people_draw(part: int, rules: AirflowRules) -> None:
    drawn = (shape for index, shape in enumerate(shapes(DRAWN, DRAWN, DRAWN, DRAWN)) if index % 6 == part)
    assert check_all(drawn, rules) > 30_000


@pytest.mark.parametrize("part", range(4))
def test_all_constraints_over_three_sources_reached_or_not(part: int, rules: AirflowRules) -> None:
    joined = (shape for index, shape in enumerate(shapes(SUCCESS, SUCCESS, SUCCESS, ACCEPTS)) if index % 4 == part)
    assert check_all(joined, rules) > 30_000


@pytest.mark.parametrize("part", range(2))
def test_all_workflows_of_four_sql_tasks_with_the_edges_people_draw(part: int, rules: AirflowRules) -> None:
    drawn = (shape for index, shape in enumerate(shapes(DRAWN, DRAWN, DRAWN, DRAWN)) if index % 2 == part)
    assert check_all(drawn, rules, sql=True) > 20_000


def test_a_plain_join_of_sql_tasks_needs_no_node_beside_its_tasks() -> None:
    success = frozenset("S")
    shape = {"a": ("all", {}), "b": ("all", {}), "c": ("all", {"a": success, "b": success})}
    assert [name for name, _ in compile_workflow(definition(shape, sql=True)).wirings()] == ["a", "b", "c"]
