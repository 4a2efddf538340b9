"""What must hold of a run besides that it completed."""

from __future__ import annotations

import pytest

from tests.workflow_run.conftest import Runner
from tests.workflow_run.fake_airflow import Dag, FakeAirflow

PARAMS = {
    "rows": {"value": 10, "schema": {"type": ["integer", "null"]}},
    "day": {"value": "2026-01-31", "schema": {"type": ["string", "null"], "format": "date"}},
    "price": {"value": None, "schema": {"type": ["number", "null"]}},
    "name": {"value": "x", "schema": {"type": ["string", "null"]}},
}


def dag(**more: object) -> Dag:
    tasks = {"load": "success", "alert": "skipped", "check": "failed", "later": "upstream_failed", "load.any": "failed"}
    return Dag(states=("success",), params=PARAMS, tasks=dict(tasks), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--min-duration", "3s"), 0),
        (("--min-duration", "3.1s"), 6),
        (("--max-duration", "3s"), 0),
        (("--max-duration", "2.9s"), 6),
        (("--max-duration", "1s", "--max-duration", "wf:1h"), 0),
        (("--min-duration", "wf:1h"), 6),
        (("--min-duration", "PT1S", "--max-duration", "1d"), 0),
    ],
)
def test_a_run_may_be_too_short_or_too_long(
    fake: FakeAirflow, runner: Runner, arguments: tuple[str, ...], code: int
) -> None:
    fake.dags = {"wf": dag()}

    assert runner.run("--phase", "wf", *arguments).code == code


@pytest.mark.parametrize(
    "expression",
    [
        "rows == 10",
        "vars.rows == 10",
        "price == 2.5 and name == 'x'",
        "tasks.load == 'success' and tasks.check == 'failure'",
        "tasks.alert == 'skipped' and tasks.later == 'skipped'",
        "set_without_declaration == 'second'",
        "wf:rows < 11",
    ],
)
def test_an_expectation_holds(fake: FakeAirflow, runner: Runner, expression: str) -> None:
    price = {"type": "decimal", "value": "2.50"}
    xcoms = [
        ("load", "set_without_declaration", "first"),
        ("check", "set_without_declaration", "second"),
        ("load", "price", price),
    ]
    fake.dags = {"wf": dag(xcoms=xcoms)}
    fake.page_size = 2

    done = runner.run("--phase", "wf", "--expect", expression)

    assert done.code == 0, done.text


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("rows > 10", "condition after 3s: does not hold: rows > 10"),
        ("rowz > 10", "cannot be evaluated: rowz > 10: unknown variable 'rowz'; did you mean 'rows'?"),
        ("tasks.laod == 'success'", "unknown task 'laod'; did you mean 'load'?"),
        ("tasks['load.any'] == 'failure'", "unknown task 'load.any'"),
        ("price > 1", "cannot be evaluated: price > 1: '>' not supported"),
        ("rows / 0 > 1", "cannot be evaluated: rows / 0 > 1: "),
    ],
)
def test_an_expectation_does_not_hold(fake: FakeAirflow, runner: Runner, expression: str, message: str) -> None:
    fake.dags = {"wf": dag()}

    done = runner.run("--phase", "wf", "--expect", "tasks.load == 'success'", "--expect", expression)

    assert done.code == 6
    assert message in done.out
    assert fake.runs


def test_values_come_from_tasks_then_from_the_run_then_from_the_defaults(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": dag(xcoms=[("load", "rows", 12)])}

    given = ("--variable", "rows=11", "--variable", "name=given")
    done = runner.run("--phase", "wf", *given, "--expect", "rows == 12", "--expect", "name == 'given'")

    assert done.code == 0, done.text


def test_a_condition_that_does_not_hold_stops_the_later_phases(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": dag(), "next": dag()}

    done = runner.run("--phase", "wf", "--phase", "next", "--max-duration", "wf:1s")

    assert done.code == 6
    assert "more than --max-duration 1s" in done.out
    assert not fake.posts("next")


def test_what_a_run_left_may_not_be_readable(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": dag()}
    fake.fault("GET", "xcomEntries$", answer=(403, "application/json", '{"detail": "Forbidden"}'))

    done = runner.run("--phase", "wf", "--expect", "rows == 10")

    assert done.code == 6
    assert "what it left cannot be read" in done.out
