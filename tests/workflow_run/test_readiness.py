"""What keeps a workflow from being started, and what its variables may be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflow_run.conftest import Runner
from tests.workflow_run.fake_airflow import Dag, FakeAirflow

INTEGER = {"value": None, "schema": {"type": ["integer", "null"]}}
REQUIRED = {"value": None, "schema": {"type": ["integer"]}}


def kind(*words: str, **more: Any) -> dict[str, Any]:
    return {"value": None, "schema": {"type": [*words, "null"], **more}}


PARAMS = {
    "text": kind("string"),
    "whole": INTEGER,
    "number": kind("number"),
    "flag": kind("boolean"),
    "day": kind("string", format="date"),
    "moment": kind("string", format="date-time"),
    "data": kind("object", "array", "string", "number", "boolean"),
    "anything": {"value": None, "schema": {}},
    "size": {"value": "small", "schema": {"type": "string", "enum": ["small", "large"]}},
}


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"is_paused": True}, "wf: it is paused"),
        ({"is_stale": True}, "wf: it is no longer in Airflow's DAG folder"),
        ({"has_import_errors": True}, "wf: its file has import errors"),
        ({"allowed_run_types": ["scheduled"]}, "wf: it does not allow manual runs"),
        (
            {
                "tags": [{"name": "broken definition"}],
                "description": "1 error in the definition: wf.yaml:3: bad\x1b[2J",
            },
            r"wf: its definition is broken: 1 error in the definition: wf.yaml:3: bad\x1b[2J",
        ),
    ],
)
def test_it_cannot_be_executed(fake: FakeAirflow, runner: Runner, details: dict[str, Any], message: str) -> None:
    fake.dags = {"wf": Dag(details=details)}

    done = runner.run("--phase", "wf")

    assert done.code == 4
    assert f"workflow-run: {message}" in done.err
    assert not fake.posts("wf")


def test_a_name_that_no_workflow_has_is_answered_with_the_nearest(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {f"wf_{number:03}": Dag() for number in range(250)} | {"publish_orders": Dag()}

    done = runner.run("--phase", "publish_order")

    assert done.code == 4
    assert "publish_order: it does not exist; did you mean 'publish_orders'?" in done.err


@pytest.mark.parametrize("name", ["wf/../wf", "../../auth/token", "wf?x=1", "wf\nwf"])
def test_what_can_be_no_name_is_not_asked_for(fake: FakeAirflow, runner: Runner, name: str) -> None:
    fake.dags = {"wf": Dag()}

    done = runner.run("--phase", name)

    assert done.code == 4, done.text
    assert "it does not exist; a name in Airflow holds letters" in done.err
    assert len(done.err.splitlines()) == 2
    assert not [path for _, path in fake.requests if "details" in path]


def test_permission_to_stop_is_asked_for_only_where_it_is_needed(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("success",), may_stop=False)}

    assert runner.run("--phase", "wf").code == 0
    done = runner.run("--phase", "wf", "--cancel-on-interrupt")
    assert done.code == 4
    assert "wf: 'ops' may not stop its runs" in done.err


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("text=42", "42"),
        ("text=", ""),
        ("text=a=b: c", "a=b: c"),
        ("whole=42", 42),
        ("number=2.50", 2.5),
        ("number=7", 7),
        ("flag=TRUE", True),
        ("day=2026-01-31", "2026-01-31"),
        ("moment=2026-01-31T08:00:00+02:00", "2026-01-31T06:00:00+00:00"),
        ('data={"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ("data=plain", "plain"),
        ("anything=42", "42"),
        ("size=large", "large"),
        ("wf:whole=1", 1),
    ],
)
def test_a_value_arrives_as_its_declared_type(fake: FakeAirflow, runner: Runner, given: str, value: object) -> None:
    fake.dags = {"wf": Dag(states=("success",), params=PARAMS)}

    done = runner.run("--phase", "wf", "--variable", given)

    assert done.code == 0, done.text
    [run] = fake.runs.values()
    assert list(run.conf.values()) == [value]
    assert type(next(iter(run.conf.values()))) is type(value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("whole=4.2", "variable 'whole' is declared integer and cannot hold '4.2'; expected a whole number"),
        ("flag=yes", "variable 'flag' is declared boolean and cannot hold 'yes'; expected true or false"),
        ("day=31.1.2026", "variable 'day' is declared date and cannot hold '31.1.2026'"),
        ("number=0.1234567890123456789", "variable 'number': 0.1234567890123456789 has more digits than a JSON number"),
        ("size=medium", "variable 'size': 'medium' is not one of ['small', 'large']"),
        ("wf:sise=large", "wf: unknown variable 'sise'; did you mean 'size'?"),
        ("sise=large", "no workflow declares it: unknown variable 'sise'; did you mean 'size'?"),
    ],
)
def test_a_wrong_value_is_told_before_anything_starts(
    fake: FakeAirflow, runner: Runner, given: str, message: str
) -> None:
    fake.dags = {"wf": Dag(params=PARAMS), "other": Dag()}

    done = runner.run("--phase", "other", "--phase", "wf", "--variable", given)

    assert done.code == 4
    assert message in done.err
    assert len(done.err.splitlines()) == 2
    assert not fake.runs


def test_a_required_variable_needs_a_value(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("success",), params={"id": REQUIRED})}

    done = runner.run("--phase", "wf")
    assert done.code == 4
    assert "wf: variable 'id' has no value; give it one with --variable id=VALUE" in done.err

    assert runner.run("--phase", "wf", "--variable", "id=3").code == 0


def test_a_value_goes_to_the_workflows_that_declare_it(fake: FakeAirflow, runner: Runner) -> None:
    one = Dag(states=("success",), params={"a": INTEGER, "b": INTEGER})
    fake.dags = {"one": one, "two": Dag(states=("success",), params={"a": INTEGER}), "none": Dag(states=("success",))}

    arguments = ("--variable", "a=1", "--variable", "b=2", "--variable", "two:a=3")
    done = runner.run("--phase", "one,two,none", *arguments)

    assert done.code == 0, done.text
    assert {run.dag: run.conf for run in fake.runs.values()} == {"one": {"a": 1, "b": 2}, "two": {"a": 3}, "none": {}}


def test_a_workflow_that_is_paused_meanwhile_is_not_started(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"one": Dag(), "two": Dag()}

    def pause(method: str, path: str) -> None:
        if method == "GET" and path.startswith("/api/v2/dags/one/dagRuns/"):
            fake.dags["two"].details = {"is_paused": True}

    fake.on_request = pause

    done = runner.run("--phase", "one", "--phase", "two")

    assert done.code == 4
    assert "two: not ready" in done.out
    assert not fake.posts("two")
