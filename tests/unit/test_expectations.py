"""Verdicts on a run and their sentences."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from airflow_workflow_provider.compiler.plan import Expectations
from airflow_workflow_provider.exceptions import VariableError
from airflow_workflow_provider.runs.expectations import (
    broken_check,
    broken_durations,
    longest_duration,
    outcome_reason,
    shown_duration,
    shown_value,
    usual_duration,
)


@pytest.mark.parametrize(
    ("seconds", "broken"),
    [
        (0, "the run took 0s, less than the expected 2m"),
        (119.9, "the run took 2m, less than the expected 2m"),
        (120, None),
        (2700, None),
        (2700.01, "the run took 2700.010s, more than the expected 45m"),
        (5400, "the run took 1h 30m, more than the expected 45m"),
    ],
)
def test_a_run_is_as_long_as_expected_or_a_sentence_says_what_it_is(seconds: float, broken: str | None) -> None:
    found = broken_durations(Expectations(min=120, max=2700), seconds, None)
    assert found == ([] if broken is None else [broken.replace("took 2m,", "took 119.900s,")])


@pytest.mark.parametrize(
    ("seconds", "broken"),
    [
        (19.9, "the run took 19.9s, less than 1/3 of the usual 1m (median of the last successful runs)"),
        (20, None),
        (180, None),
        (181, "the run took 3m 1s, more than 3 times the usual 1m (median of the last successful runs)"),
    ],
)
def test_a_run_is_not_further_from_the_usual_than_the_factor(seconds: float, broken: str | None) -> None:
    assert broken_durations(Expectations(of_usual=3.0), seconds, 60) == ([broken] if broken else [])


def test_without_a_usual_duration_no_run_is_judged_by_it() -> None:
    assert broken_durations(Expectations(of_usual=3.0), 10**6, None) == []


def test_a_run_of_which_a_part_was_run_again_is_never_too_short_but_can_be_too_long() -> None:
    expect = Expectations(min=10, max=100, of_usual=2.0)
    assert broken_durations(expect, 1, 50, whole=False) == []
    assert len(broken_durations(expect, 1, 50)) == 2
    assert len(broken_durations(expect, 101, 50, whole=False)) == 2


@pytest.mark.parametrize(
    ("past", "usual"),
    [
        ([], None),
        ([5.0, 5.0], None),
        ([1.0, 2.0, 900.0], 2.0),
        ([1.0, 2.0, 4.0, 900.0], 3.0),
        ([0.0, 0.0, 0.0], None),
    ],
)
def test_usual_is_the_median_of_three_runs_or_more(past: list[float], usual: float | None) -> None:
    assert usual_duration(past) == usual


@pytest.mark.parametrize(
    ("maximum", "of_usual", "usual", "longest"),
    [
        (None, None, 60, None),
        (90, None, 60, 90),
        (None, 2.0, 60, 120),
        (None, 2.0, None, None),
        (90, 2.0, 60, 90),
        (150, 2.0, 60, 120),
        (150, 2.0, None, 150),
    ],
)
def test_a_run_is_late_after_the_first_limit(
    maximum: float | None, of_usual: float | None, usual: float | None, longest: float | None
) -> None:
    assert longest_duration(maximum, of_usual, usual) == longest


VALUES = {
    "rows": 0,
    "nothing": None,
    "price": Decimal("12.50"),
    "day": date(2026, 2, 28),
    "at": datetime(2026, 2, 28, 8, tzinfo=timezone.utc),
    "on": True,
    "word": "it's\n",
    "items": [1, "a"],
    "token": "sesame-open",
    "_private": 7,
}
OUTCOMES = {"load": "success", "publish": "failure", "items": "skipped", "get": "success", "load-all": "success"}


def judged(check: str) -> str | None:
    def read(name: str) -> Any:
        if name == "required":
            raise VariableError("variable 'required' is required and has no value")
        return VALUES[name]

    return broken_check(check, read, OUTCOMES, lambda name: name == "token")


@pytest.mark.parametrize(
    "check",
    [
        "rows == 0",
        "vars.rows == 0 and nothing is none",
        "price > 12",
        'tasks.load == "success" and tasks["load-all"] == "success"',
        "vars.items == [1, 'a']",
        'tasks.items == "skipped" and tasks.get == "success"',
        "vars._private == 7",
        "token",
        "true",
    ],
)
def test_a_check_that_holds_says_nothing(check: str) -> None:
    assert judged(check) is None


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("rows > 0", "rows > 0 does not hold: rows = 0"),
        ("vars.rows and price", "vars.rows and price does not hold: price = 12.50, rows = 0"),
        ("day.year == 2025", "day.year == 2025 does not hold: day = 2026-02-28"),
        ("not on", "not on does not hold: on = true"),
        ("word == 'x'", r"""word == 'x' does not hold: word = "it's\n" """.strip()),
        ('tasks.publish == "success"', 'tasks.publish == "success" does not hold: tasks.publish = failure'),
        ("false", "false does not hold"),
        ("token == 'x'", "token == 'x' does not hold: token = ***"),
    ],
)
def test_a_check_that_does_not_hold_is_told_with_what_it_read(check: str, sentence: str) -> None:
    assert judged(check) == sentence


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("required > 0", "required > 0 cannot be evaluated: variable 'required' is required and has no value"),
        ("1 / rows > 0", "1 / rows > 0 cannot be evaluated: division by zero (rows = 0)"),
        ("rows.x > 0", "rows.x > 0 cannot be evaluated: 'int object' has no attribute 'x' (rows = 0)"),
    ],
)
def test_a_check_that_cannot_be_evaluated_does_not_hold(check: str, sentence: str) -> None:
    assert judged(check) == sentence


@pytest.mark.parametrize("check", ["token > 0", "token.x > 0", "{'sesame': 1}[token] == 1", "token == 'x'"])
def test_no_sentence_has_a_secret(check: str) -> None:
    sentence = judged(check)
    assert sentence is not None
    assert "sesame-open" not in sentence


def test_null_cannot_be_compared() -> None:
    sentence = judged("nothing > 0")
    assert sentence is not None
    assert sentence.startswith("nothing > 0 cannot be evaluated: '>' not supported between instances of 'NoneType' and")
    assert sentence.endswith("(nothing = null)")


def test_what_looking_up_a_value_raises_is_not_a_broken_check() -> None:
    def unreachable(name: str) -> Any:
        raise ConnectionError(name)

    with pytest.raises(ConnectionError):
        broken_check("rows > 0", unreachable, {}, lambda _: False)


def test_the_reason_names_every_broken_expectation_and_what_the_tasks_did() -> None:
    fail, warn = Expectations(), Expectations(on_violation="warn")
    handled = "every failure was handled: 'a' by 'b'"
    assert outcome_reason("no task failed", fail, []) == "no task failed; every expectation was met"
    assert outcome_reason("no task failed", fail, ["X"]) == "broken expectation: X"
    assert outcome_reason(handled, fail, ["X", "Y"]) == f"broken expectations: X; Y; {handled}"
    assert outcome_reason("no task failed", warn, ["X"]) == "broken expectation: X; on_violation: warn"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0004, "0s"),
        (0.25, "0.25s"),
        (4.24, "4.2s"),
        (59.99, "1m"),
        (60, "1m"),
        (125, "2m 5s"),
        (3600, "1h"),
        (3905, "1h 5m"),
        (90000, "1d 1h"),
    ],
)
def test_durations_are_shown_short(seconds: float, shown: str) -> None:
    assert shown_duration(seconds) == shown


def test_long_values_are_cut() -> None:
    assert len(shown_value("x" * 10**6)) < 100
    assert len(shown_value(list(range(10**5)))) < 100
