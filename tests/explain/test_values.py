"""Values of variables and where they come from, as each task has seen them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.compiler.plan import PlannedVariable, Scope
from airflow_workflow_provider.explain.as_json import as_json
from airflow_workflow_provider.explain.run import explain_run
from airflow_workflow_provider.explain.words import shown_seconds
from tests.explain.runs import BASH, at, plan_of, record, seen, task, text_of

TWO_SETTERS = """
workflow: w
variables: {x: {type: integer, default: 1}}
defaults: {connection: db}
tasks:
  before: {sql: "SELECT :x"}
  first: {sql: SELECT 10, set: x, depends_on: [before]}
  between: {sql: "SELECT :x", depends_on: [first]}
  second: {sql: "SELECT 20", set: x, depends_on: {first: completion}}
  after: {sql: "SELECT :x", depends_on: {second: completion}}
  also_after: {sql: "SELECT :x, :x", depends_on: {second: completion}}
"""
ALL = dict.fromkeys(("before", "first", "between", "second", "after", "also_after"), "success")
VALUES = {"first": {"x": 10}, "second": {"x": 20}}


def test_readers_that_see_different_values_are_told_apart(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TWO_SETTERS)
    assert seen(plan, record(tasks=ALL, xcoms=VALUES)) == {
        "x": [
            (1, "default", ("before",)),
            (10, "set by 'first'", ("between",)),
            (20, "set by 'second'", ("after", "also_after")),
        ]
    }


def test_a_setter_that_did_not_succeed_sets_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TWO_SETTERS)
    run = record(tasks={**ALL, "second": "failed"}, xcoms=VALUES)
    assert seen(plan, run)["x"][1:] == [(10, "set by 'first'", ("between", "after", "also_after"))]


def test_an_override_that_nobody_reads_is_told(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TWO_SETTERS)
    run = record(tasks={"before": "skipped", "first": "success", "between": "success"}, xcoms=VALUES, conf={"x": "5"})
    assert seen(plan, run)["x"] == [
        (10, "set by 'first'", ("between",)),
        (5, "given when the run was started", ()),
    ]


def test_tasks_that_have_not_started_have_read_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TWO_SETTERS)
    run = record("running", {"before": "success", "first": "queued", "between": None})
    assert seen(plan, run) == {"x": [(1, "default", ("before",))]}


EAGER = """
workflow: w
variables: {x: default}
defaults: {connection: db}
tasks:
  quick: {sql: SELECT 1}
  slow: {sql: SELECT 2, set: x}
  eager: {sql: "SELECT :x", depends_on: [quick, slow], constraint: any}
  later: {sql: "SELECT :x", depends_on: [eager, slow]}
"""


@pytest.mark.parametrize(("slow_ends", "value"), [(9, ("default", "default")), (2, ("set", "set by 'slow'"))])
def test_an_eager_task_has_seen_what_was_there_when_it_started(
    tmp_path: Path, slow_ends: int, value: tuple[str, str]
) -> None:
    tasks = {
        "quick": task("success", 0, 1),
        "slow": task("success", 0, slow_ends),
        "eager": task("success", 3, 4),
        # A clock that is behind does not make it forget a task that it had to wait for.
        "later": task("success", 1, 2),
    }
    found = seen(plan_of(tmp_path, EAGER), record(tasks=tasks, xcoms={"slow": {"x": "set"}}))["x"]
    readers = {reader: (each, origin) for each, origin, names in found for reader in names}
    assert readers == {"eager": value, "later": ("set", "set by 'slow'")}


def test_values_keep_their_types(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        """
workflow: w
variables: {day: {type: date, default: 2026-02-28}, price: {type: number}, flag: {type: boolean}, data: {type: json}}
defaults: {connection: db}
tasks:
  ask: {sql: "SELECT 1 AS price, :day, :flag, :data", set: [price]}
  use: {sql: "SELECT :price", depends_on: [ask]}
""".replace("set: [price]", "set: {price: price}"),
    )
    stored = {"ask": {"price": {"type": "decimal", "value": "12.50"}}}
    run = record(
        tasks={"ask": "success", "use": "success"}, xcoms=stored, conf={"flag": "true", "data": {"a": [1, None]}}
    )
    values = {name: each[0][0] for name, each in seen(plan, run).items()}
    assert values == {"day": date(2026, 2, 28), "price": Decimal("12.50"), "flag": True, "data": {"a": [1, None]}}
    shown = text_of(plan, run)
    for text in ("2026-02-28", "12.50", "true", '{"a": [1, null]}'):
        assert f"  {text}  " in shown
    written = {each["variable"]: each["values"][0]["value"] for each in as_json(explain_run(plan, run))["variables"]}
    assert written["price"] == {"type": "decimal", "value": "12.50"}
    assert json.loads(json.dumps(written)) == written


@pytest.mark.parametrize(
    ("conf", "xcom", "problem"),
    [
        ({"n": "many"}, 1, "variable 'n' is declared integer and cannot hold 'many'; expected a whole number"),
        ({}, {"type": "decimal", "value": "no number"}, "the value of 's' cannot be read"),
        ({}, {"what": "ever"}, "the value of 's' cannot be read"),
        ({"started-by": {"exact": ["hostile"]}}, {"type": 5, "value": None}, "the value of 's' cannot be read"),
    ],
)
def test_a_value_that_cannot_be_told_is_a_problem_and_no_error(
    tmp_path: Path, conf: dict[str, Any], xcom: Any, problem: str
) -> None:
    plan = plan_of(
        tmp_path,
        "workflow: w\nvariables: {n: {type: integer}}\ndefaults: {connection: db}\n"
        'tasks: {a: {sql: "SELECT :n", set: s}, b: {sql: "SELECT :s", depends_on: [a]}}',
    )
    run = record(tasks={"a": "success", "b": "success"}, conf=conf, xcoms={"a": {"s": xcom}})
    assert problem in text_of(plan, run)
    problems = [
        value["problem"]
        for variable in as_json(explain_run(plan, run))["variables"]
        for value in variable["values"]
        if "problem" in value
    ]
    assert problem in problems


SECRETS = f"""
workflow: w
variables:
  token: {{secret: true, from: airflow_token}}
defaults: {{connection: db}}
tasks:
  sql: {{sql: "SELECT :token"}}
  given:
    package: p
    variables:
      exact: "{{{{ vars.token }}}}"
      part: "Bearer {{{{ vars.token }}}}"
      deep: [{{x: "{{{{ vars.token }}}}"}}]
  template:
    operator: {BASH}
    arguments: {{bash_command: "true", env: {{TOKEN: "{{{{ vars.token }}}}"}}}}
"""
PACKAGE = f"""
variables: {{exact: {{}}, part: {{}}, deep: {{}}, token: {{}}, own: {{secret: true, from: package_token}}}}
run: {{operator: {BASH}, arguments: {{bash_command: "true"}}}}
"""


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SECRETS, p=PACKAGE)
    # Not even one that somebody tried to give, or that is in an XCom of its name.
    conf = {"token": "sesame-1"}
    xcoms = {"sql": {"token": "sesame-2"}, "given": {"own": "sesame-3"}}
    run = record(tasks=dict.fromkeys(("sql", "given", "template"), "success"), conf=conf, xcoms=xcoms)
    explained = explain_run(plan, run)
    written = json.dumps(as_json(explained))
    assert "sesame" not in text_of(plan, run) + written + repr(explained)
    assert seen(plan, run) == {"token": [("***", "Airflow Variable 'airflow_token'", ("sql", "given", "template"))]}
    [given] = [each.values for each in explained.tasks if each.name == "given"]
    assert {name: (value.value, value.origin) for name, value in given} == {
        "exact": ("***", "given by the task: 'token', Airflow Variable 'airflow_token'"),
        "part": ("Bearer ***", "given by the task"),
        "deep": ([{"x": "***"}], "given by the task"),
        "token": ("***", "the workflow's: Airflow Variable 'airflow_token'"),
        "own": ("***", "Airflow Variable 'package_token'"),
    }


def test_a_secret_is_hidden_wherever_its_value_comes_from(tmp_path: Path) -> None:
    """Definitions cannot do that; a plan of a later or an earlier release might."""
    plan = plan_of(tmp_path, TWO_SETTERS)
    hidden = replace(plan, variables=tuple(replace(each, secret="x") for each in plan.variables))
    run = record(tasks=ALL, xcoms={"first": {"x": "sesame"}, "second": {"x": "sesame"}}, conf={"x": "sesame"})
    assert "sesame" in repr(explain_run(plan, run))
    assert "sesame" not in repr(explain_run(hidden, run))
    package = PlannedVariable("own", secret="y")
    given = replace(plan.tasks[0], scope=Scope(given={"own": "sesame"}, package=(package,)))
    assert "sesame" not in repr(explain_run(replace(plan, tasks=(given,)), record(tasks=ALL)))


def test_values_of_tasks_and_packages_are_told(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        """
workflow: w
variables: {region: EU, n: {type: integer, default: 3}}
defaults: {connection: db}
tasks:
  pack:
    package: p
    variables: {whole: "{{ vars.n }}", text: "{{ vars.region }}-{{ vars.n }}", code: "{{ vars.n + 1 }}", n: "7"}
  sql:
    sql: "SELECT :region, :n"
    variables: {region: US}
""",
        p=f"""
variables: {{whole: {{}}, text: {{}}, code: {{}}, n: {{type: integer}}, region: {{}}, own: fixed, none: {{}}}}
run: {{operator: {BASH}, arguments: {{bash_command: "true"}}}}
""",
    )
    explained = explain_run(plan, record(tasks={"pack": "success", "sql": "success"}))
    values = {each.name: {name: (value.value, value.origin) for name, value in each.values} for each in explained.tasks}
    assert values == {
        "pack": {
            "whole": (3, "given by the task: 'n', default"),
            "text": ("EU-3", "given by the task"),
            # A template that computes is not computed again.
            "code": ("{{ vars.n + 1 }}", "given by the task, as written"),
            "n": (7, "given by the task"),
            "region": ("EU", "the workflow's: default"),
            "own": ("fixed", "given by the package"),
            "none": (None, "no value"),
        },
        "sql": {"region": ("US", "given by the task")},
    }
    # The task's own `region` is no value of the workflow's, which the package has read.
    assert seen(plan, record(tasks={"pack": "success", "sql": "success"})) == {
        "region": [("EU", "default", ("pack",))],
        "n": [(3, "default", ("pack", "sql"))],
    }


def test_built_ins_given_to_a_package_are_told(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        """
workflow: w
tasks:
  pack:
    package: p
    variables:
      version: "{{ vars.workflow_version }}"
      run: "{{ vars.run_id }}"
      day: "{{ vars.ds }}"
      text: "{{ vars.ds }} of {{ vars.workflow }}"
""",
        p=f"""
variables: {{version: {{}}, run: {{}}, day: {{}}, text: {{}}}}
run: {{operator: {BASH}, arguments: {{bash_command: "true"}}}}
""",
    )
    (explained,) = explain_run(plan, record(tasks={"pack": "success"})).tasks
    assert {name: (value.value, value.origin) for name, value in explained.values} == {
        "version": ("0123456789ab", "given by the task: 'workflow_version', built in"),
        "run": ("manual__1", "given by the task: 'run_id', built in"),
        "day": ("{{ vars.ds }}", "given by the task, as written"),
        "text": ("{{ vars.ds }} of {{ vars.workflow }}", "given by the task, as written"),
    }


def test_a_package_sets_variables_too(tmp_path: Path) -> None:
    tasks = 'tasks: {a: {package: p, set: {n: count}}, b: {sql: "SELECT :n", depends_on: [a]}}'
    text = f"workflow: w\ndefaults: {{connection: db}}\n{tasks}"
    plan = plan_of(tmp_path, text, p=f"run: {{operator: {BASH}, arguments: {{bash_command: 'true'}}}}")
    run = record(tasks={"a": "success", "b": "success"}, xcoms={"a": {"n": 5}})
    assert seen(plan, run) == {"n": [(5, "set by 'a'", ("b",))]}


def test_names_that_are_no_variables_are_told(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TWO_SETTERS)
    explained = explain_run(plan, record(conf={"x": 1, "y": 2, "started-by": {"workflow": "p"}}))
    assert explained.not_read == ("y",)


def test_what_a_terminal_would_obey_is_shown_as_its_code(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path, "workflow: w\nvariables: {x: a}\ndefaults: {connection: db}\ntasks: {a: {sql: 'SELECT :x'}}"
    )
    run = record(tasks={"a": "success"}, conf={"x": "\x1b[31mred\nline", "\x1b]0;": 1}, note="\x1b[2J", run_id="r\x07")
    text = text_of(plan, run)
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0.0s"),
        (9.96, "10.0s"),
        (59.4, "59s"),
        (59.6, "1m"),
        (185, "3m 5s"),
        (7800, "2h 10m"),
        (349200, "4d 1h"),
    ],
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert shown_seconds(seconds) == text


def test_a_going_run_has_taken_until_now() -> None:
    assert record("running", end=None, read_at=at(90)).seconds == 90
    assert record("running", end=at(10), read_at=at(90)).seconds == 90, "it was cleared after it had ended"
    assert record("queued", start=None, end=None).seconds is None
