"""Compiled workflows mean what SEMANTICS says, on Airflow's own scheduling code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.compiler import compile_workflow
from tests import oracle
from tests.scheduling.airflow_rules import AirflowRules, FastScheduler
from tests.scheduling.played_run import PlayedRun, play, start_run
from tests.workflows import ACCEPTS, definition

S, F, K = frozenset("S"), frozenset("F"), frozenset("K")
C = S | F
NONE: Mapping[str, Any] = {}
AIRFLOW = {"S": "success", "F": "failed", "K": "skipped"}


def outcome_of(state: str | None) -> str:
    return {"success": "S", "failed": "F"}.get(state or "", "K")


def check(shape: oracle.Shape, results: Mapping[str, str], mode: str, session: Any, order: Any = min) -> PlayedRun:
    plan = compile_workflow(definition(shape, mode))
    played = play(plan, {task: AIRFLOW[result] for task, result in results.items()}, session, order)
    expected = oracle.outcomes(shape, results)
    states = played.states()
    assert None not in states.values(), "the run ended with a task that was never decided"
    assert {task: outcome_of(states[task]) for task in shape} == expected
    assert {task for task in played.started if "." not in task} == oracle.started(shape, results)
    assert str(played.run.state) == ("failed" if oracle.run_fails(shape, expected, mode) else "success")
    check_starts(plan, played.started, expected)
    return played


def check_starts(plan: Any, started: Sequence[str], ended: Mapping[str, str]) -> None:
    """Added worker starts stay inside the promise: decisions once each, and once more only to fail the run."""
    added = [task for task in started if "." in task]
    assert len(added) == len(set(added))
    decisions = {decision.id for decision in plan.decisions}
    if "F" not in ended.values():
        assert set(added) <= decisions
    else:
        assert set(added) <= decisions | {"workflow.outcome"}


def of(letters: str) -> dict[str, str]:
    return dict(zip("abcdefghij", letters, strict=False))


# A run takes most of a second: shrinking would take hours, and the scenarios are small anyway.
UNSHRUNK = [Phase.explicit, Phase.reuse, Phase.generate]
A: oracle.Shape = {"a": ("all", NONE)}
CASES = [
    (
        "figure 1",
        {**A, "b": ("all", {"a": C}), "c": ("all", {"a": S}), "d": ("all", {"a": F})},
        "FSSS",
        "FSKS",
    ),
    ("figure 2 all", {**A, "b": ("all", NONE), "c": ("all", {"a": S, "b": S})}, "FSS", "FSK"),
    ("figure 2 any", {**A, "b": ("all", NONE), "c": ("any", {"a": S, "b": S})}, "FSS", "FSS"),
    ("broken chain", {**A, "b": ("all", {"a": S}), "c": ("all", {"b": F})}, "FSS", "FKK"),
    ("cleanup", {**A, "b": ("all", {"a": S}), "c": ("all", {"b": C})}, "FSS", "FKK"),
    ("cleanup after skipped", {**A, "b": ("all", {"a": S}), "c": ("all", {"b": C | K})}, "FSS", "FKS"),
    ("mixed all", {**A, "b": ("all", NONE), "d": ("all", {"a": S, "b": F})}, None, None),
]


@pytest.mark.parametrize("mode", ["strict", "handled"])
@pytest.mark.parametrize(
    ("shape", "results", "ended"), [case[1:] for case in CASES[:-1]], ids=[c[0] for c in CASES[:-1]]
)
def test_worked_case(shape: oracle.Shape, results: str, ended: str, mode: str, session: Any) -> None:
    assert "".join(oracle.outcomes(shape, of(results)).values()) == ended, "the oracle agrees with the contract"
    check(shape, of(results), mode, session)


def test_mixed_all_runs_when_one_succeeded_and_the_other_failed(session: Any) -> None:
    shape = {**A, "b": ("all", NONE), "d": ("all", {"a": S, "b": F})}
    check(shape, {"a": "S", "b": "F", "d": "S"}, "strict", session)
    check(shape, {"a": "S", "b": "S", "d": "S"}, "strict", session)


def test_mixed_any_starts_while_the_other_source_runs(session: Any) -> None:
    shape = {**A, "b": ("all", NONE), "d": ("any", {"a": F, "b": S})}
    played = start_run(compile_workflow(definition(shape)), session)
    assert played.schedule() == ["a", "b"]
    played.finish("b", "running")
    played.work("a", lambda _: "failed")
    assert played.schedule() == ["d.any"]
    played.work("d.any", lambda _: "")
    assert played.schedule() == ["d"]
    assert played.states()["b"] == "running"


@pytest.mark.parametrize("accepted", ACCEPTS, ids=lambda letters: "".join(sorted(letters)))
def test_any_starts_as_soon_as_one_edge_is_satisfied(accepted: frozenset[str], session: Any) -> None:
    for letter in sorted(accepted):
        shape = {**A, "b": ("all", NONE), "d": ("any", {"a": accepted, "b": accepted})}
        played = start_run(compile_workflow(definition(shape)), session)
        played.schedule()
        played.finish("b", "running")
        played.finish("a", AIRFLOW[letter])
        assert "d" in played.schedule(), f"{letter} satisfies {sorted(accepted)}"


@pytest.mark.parametrize("mode", ["strict", "handled"])
@pytest.mark.parametrize(
    "shape",
    [
        {**A, "b": ("all", NONE), "d": ("all", {"a": S, "b": C})},
        {**A, "b": ("all", NONE), "d": ("any", {"a": F | K, "b": C})},
        {**A, "b": ("all", NONE), "d": ("all", {"a": S, "b": C}), "e": ("all", {"d": F})},
        {**A, "b": ("all", NONE), "d": ("any", {"a": F | K, "b": C}), "e": ("all", {"d": F})},
    ],
)
def test_a_run_that_could_not_be_decided_is_not_green(shape: oracle.Shape, mode: str, session: Any) -> None:
    """A decision node whose worker is killed again and again."""
    played = start_run(compile_workflow(definition(shape, mode)), session)
    while waiting := played.schedule():
        if waiting[0].startswith("d."):
            played.finish(waiting[0], "failed")
        else:
            played.work(waiting[0], lambda _: "success")
    assert played.states()["d"] in ("skipped", "upstream_failed")
    assert str(played.run.state) == "failed"


def test_a_decision_node_follows_the_gate_before_its_task(session: Any) -> None:
    """A branch operator skips every node after it that it does not name, gates included."""
    mixed = {**A, "b": ("all", NONE), "d": ("any", {"a": F | K, "b": K}), "e": ("all", {"d": F})}
    assert any(item.follows == "d.reached" for item in compile_workflow(definition(mixed)).decisions)
    check(mixed, {"a": "S", "b": "K", "d": "F", "e": "S"}, "handled", session)


def test_alert_after_a_failure_does_not_hide_it(session: Any) -> None:
    shape = {**A, "b": ("all", {"a": F})}
    assert check(shape, of("FS"), "strict", session).run.state == "failed"
    assert check(shape, of("FS"), "handled", session).run.state == "success"


def test_recovery_join(session: Any) -> None:
    shape = {**A, "r": ("all", {"a": F}), "j": ("any", {"a": S, "r": S})}
    assert check(shape, {"a": "F", "r": "S", "j": "S"}, "handled", session).run.state == "success"
    assert check(shape, {"a": "F", "r": "S", "j": "S"}, "strict", session).run.state == "failed"


@pytest.mark.parametrize("mode", ["strict", "handled"])
def test_a_handler_that_fails_fails_the_run(mode: str, session: Any) -> None:
    assert check({**A, "b": ("all", {"a": F})}, of("FF"), mode, session).run.state == "failed"


@st.composite
def scenarios(draw: st.DrawFn, most: int = 10) -> tuple[oracle.Shape, dict[str, str], str, list[int]]:
    """A random workflow, how each task ends, the outcome mode, and in which order workers finish."""
    names = "abcdefghij"[: draw(st.integers(2, most))]
    shape: dict[str, tuple[str, dict[str, frozenset[str]]]] = {}
    for index, name in enumerate(names):
        sources = draw(st.sets(st.sampled_from(names[:index]), max_size=4)) if index else set()
        edges = {source: draw(st.sampled_from(ACCEPTS)) for source in sorted(sources)}
        if draw(st.booleans()):
            edges = dict.fromkeys(edges, next(iter(edges.values()))) if edges else edges
        shape[name] = (draw(st.sampled_from(["all", "any"])), edges)
    results = {name: draw(st.sampled_from("SSFFK")) for name in names}
    order = draw(st.lists(st.integers(0, 9), min_size=12, max_size=12))
    return shape, results, draw(st.sampled_from(["strict", "handled"])), order


@pytest.mark.timeout(400)
@settings(max_examples=60, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
@given(scenarios())
def test_any_workflow_of_up_to_ten_tasks(session: Any, scenario: Any) -> None:
    """Whole runs on the database: fewer, because each takes most of a second."""
    shape, results, mode, order = scenario
    turns = iter(order * 10)
    check(shape, results, mode, session, lambda waiting: waiting[next(turns) % len(waiting)])


@pytest.fixture(scope="module")
def rules(airflow_database: None) -> Iterator[AirflowRules]:
    from airflow.utils.session import create_session

    with create_session() as opened:
        yield AirflowRules(opened)


@pytest.mark.timeout(400)
@settings(max_examples=1500, suppress_health_check=list(HealthCheck))
@given(scenarios())
def test_many_workflows_of_up_to_ten_tasks(rules: AirflowRules, scenario: Any) -> None:
    """The same in memory, with Airflow's verdicts on trigger rules."""
    shape, results, mode, order = scenario
    turns = iter(order * 10)
    plan = compile_workflow(definition(shape, mode))
    states = {task: AIRFLOW[result] for task, result in results.items()}
    run = FastScheduler(plan, rules).run(states, lambda waiting: waiting[next(turns) % len(waiting)])
    expected = oracle.outcomes(shape, results)
    assert {task: outcome_of(run.states[task]) for task in shape} == expected
    assert {task for task in run.started if "." not in task} == oracle.started(shape, results)
    assert run.failed == oracle.run_fails(shape, expected, mode)
    check_starts(plan, run.started, expected)
