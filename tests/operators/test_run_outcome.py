"""The node that ends a run, in runs by ``dag.test()``: states, reasons, broken expectations."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from tests.dag_test_run import FinishedRun, run_definition

pytestmark = [pytest.mark.usefixtures("airflow_database"), pytest.mark.timeout(180)]

OUTCOME = "workflow.outcome"
_names = (f"expects_{number}" for number in count())


@pytest.fixture(autouse=True)
def _database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_EXPECTS_DB", '{"conn_type": "sqlite", "host": ":memory:"}')


def run(text: str, conf: Mapping[str, Any] | None = None, name: str | None = None) -> FinishedRun:
    """A run of a workflow of that text; it has a name of its own, and so no earlier runs, unless one is given."""
    head = f"workflow: {name or next(_names)}\ndefaults: {{connection: expects_db}}\n"
    return run_definition({"expects.workflow.yaml": head + textwrap.dedent(text)}, conf)


def told(ended: FinishedRun, key: str = "reason") -> Any:
    return ended.xcoms.get((OUTCOME, key))


CHECKED = """
    variables:
      least: {type: integer, default: 2}
    expect:
      checks: [rows >= least, 'tasks.fix != "success"']
      MORE
    tasks:
      count: {sql: SELECT 3 AS n, set: {rows: n}}
      fix: {sql: SELECT 1, depends_on: {count: failure}}
"""


def test_a_run_that_does_what_is_expected_succeeds_and_says_so() -> None:
    ended = run(CHECKED.replace("MORE", "duration: {max: 1h}"))
    assert (ended.state, ended.states[OUTCOME]) == ("success", "success")
    assert told(ended) == "no task failed; every expectation was met"
    assert told(ended, "broken_expectations") is None


def test_a_broken_check_fails_the_run_with_the_values_that_it_read() -> None:
    text = CHECKED.replace("MORE", "")
    ended = run(text, {"least": 4})
    assert (ended.state, ended.states["count"], ended.states[OUTCOME]) == ("failed", "success", "failed")
    sentence = "rows >= least does not hold: rows = 3, least = 4"
    assert told(ended) == f"broken expectation: {sentence}"
    assert told(ended, "broken_expectations") == [sentence]


def test_a_warning_leaves_the_run_alone_and_is_told() -> None:
    text = CHECKED.replace("MORE", "on_violation: warn")
    ended = run(text, {"least": 4})
    assert (ended.state, ended.states[OUTCOME]) == ("success", "success")
    assert told(ended) == "broken expectation: rows >= least does not hold: rows = 3, least = 4; on_violation: warn"
    assert told(ended, "broken_expectations") == ["rows >= least does not hold: rows = 3, least = 4"]


def test_every_broken_expectation_is_told() -> None:
    ended = run("""
        expect:
          duration: {min: 1h}
          checks: [rows > 0, 'tasks.b == "success"']
        tasks:
          a: {sql: SELECT NULL AS n, set: rows}
          b: {sql: SELECT 1, depends_on: {a: skipped}}
        """)
    assert ended.state == "failed"
    broken = told(ended, "broken_expectations")
    assert [sentence.partition(":")[0] for sentence in broken[1:]] == [
        "rows > 0 cannot be evaluated",
        'tasks.b == "success" does not hold',
    ]
    assert broken[0].startswith("the run took ")
    assert broken[0].endswith(", less than the expected 1h")
    assert told(ended) == f"broken expectations: {'; '.join(broken)}"


def test_a_run_too_long_is_failed_with_that_reason() -> None:
    ended = run("""
        expect: {duration: {max: 0.001s}}
        tasks: {a: {sql: SELECT 1}}
        """)
    assert ended.state == "failed"
    assert told(ended).endswith(", more than the expected 0.001s")


def test_a_run_that_its_tasks_fail_is_not_judged_by_expectations() -> None:
    ended = run("""
        expect: {duration: {min: 1h}, checks: ["false"]}
        tasks:
          a: {sql: SELECT broken FROM nowhere, retries: 0}
          h: {sql: SELECT 1, depends_on: {a: failure}}
        """)
    assert ended.state == "failed"
    assert told(ended) == "failed: 'a'; handled: 'a' by 'h'"
    assert told(ended, "broken_expectations") is None


def test_a_run_whose_failures_are_handled_is_judged() -> None:
    ended = run("""
        outcome: handled
        expect: {checks: ['tasks.a == "success"', 'failed_tasks == []']}
        tasks:
          a: {sql: SELECT broken FROM nowhere, retries: 0}
          h: {sql: SELECT 1, depends_on: {a: failure}}
        """)
    assert ended.state == "failed"
    assert told(ended) == (
        'broken expectations: tasks.a == "success" does not hold: tasks.a = failure; '
        "failed_tasks == [] does not hold: failed_tasks = [\"a\"]; every failure was handled: 'a' by 'h'"
    )


def test_the_setter_furthest_downstream_that_ran_gives_the_value() -> None:
    ended = run("""
        expect: {checks: [rows == 1]}
        tasks:
          first: {sql: SELECT 1 AS n, set: rows}
          never: {sql: SELECT 2 AS n, set: rows, depends_on: {first: failure}}
        """)
    assert ended.state == "success"


def test_a_secret_that_a_check_reads_is_in_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_EXPECTS_TOKEN", "open-sesame")
    ended = run("""
        variables: {token: {secret: true, from: expects_token}, lost: {secret: true, from: nowhere}}
        expect: {checks: ['token == "other"', token > 3, 'lost == "x"']}
        tasks: {a: {sql: SELECT 1}}
        """)
    assert ended.state == "failed"
    *judged, lost = told(ended, "broken_expectations")
    assert judged == [
        'token == "other" does not hold: token = ***',
        "token > 3 cannot be evaluated: TypeError (token = ***)",
    ]
    assert lost.startswith("lost == \"x\" cannot be evaluated: there is no Airflow Variable 'nowhere'")
    assert "open-sesame" not in repr(ended)


USUAL = """
    expect: {duration: {of_usual: 3}}
    tasks: {a: {sql: SELECT 1}}
"""


def took(session: Any, dag_id: str, seconds: float, state: str = "success", **changes: Any) -> None:
    """Rewrite what Airflow remembers of the workflow's runs."""
    from airflow.models import DagRun

    for past in session.query(DagRun).filter(DagRun.dag_id == dag_id, DagRun.state == "success"):
        past.start_date = past.end_date - timedelta(seconds=seconds)
        past._state = state
        for name, value in changes.items():
            setattr(past, name, value)
    session.commit()


def test_a_run_is_judged_by_the_median_of_the_successful_runs_before_it(session: Any) -> None:
    name = next(_names)
    for _ in range(3):
        assert run(USUAL, name=name).state == "success", "nothing is usual before there were three runs"
    took(session, name, 3600)
    short = run(USUAL, name=name)
    assert short.state == "failed"
    assert told(short).endswith("s, less than 1/3 of the usual 1h (median of the last successful runs)")
    took(session, name, 0.001)
    long = run(USUAL, name=name)
    assert long.state == "failed"
    assert told(long).endswith("s, more than 3 times the usual 0.001s (median of the last successful runs)")


@pytest.mark.parametrize(
    "changes", [{"state": "failed"}, {"clear_number": 1}], ids=["runs that failed", "runs that were cleared"]
)
def test_only_whole_successful_runs_tell_what_is_usual(session: Any, changes: dict[str, Any]) -> None:
    name = next(_names)
    for _ in range(3):
        run(USUAL, name=name)
    took(session, name, 3600, **changes)
    assert run(USUAL, name=name).state == "success"
