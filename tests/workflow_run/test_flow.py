"""The flow and its exit codes, on a server that behaves."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tests.workflow_run.conftest import Runner
from tests.workflow_run.fake_airflow import Dag, FakeAirflow


def test_phases_run_one_after_the_other_and_their_workflows_side_by_side(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {f"wf{number}": Dag() for number in range(1, 8)}

    done = runner.run("--phase", "wf1", "--phase", "wf2,wf3, wf4", "--phase", "wf5,wf6", "--phase", "wf7", "--json")

    assert done.code == 0, done.text
    told = json.loads(done.out)
    assert [(each["phase"], each["workflow"], each["result"]) for each in told["workflows"]] == [
        (1, "wf1", "ok"),
        (2, "wf2", "ok"),
        (2, "wf3", "ok"),
        (2, "wf4", "ok"),
        (3, "wf5", "ok"),
        (3, "wf6", "ok"),
        (4, "wf7", "ok"),
    ]
    events = [
        (method, path.split("/")[2 if method == "START" else 4])
        for method, path in fake.requests
        if method == "START" or (method == "GET" and "/dagRuns/" in path)
    ]
    starts = [place for place, (method, _) in enumerate(events) if method == "START"]
    assert [events[place][1] for place in starts] == [f"wf{number}" for number in range(1, 8)]
    # The runs of a phase are all started before one of them is looked at.
    together = [later - earlier == 1 for earlier, later in pairwise(starts)]
    assert together == [False, True, True, False, True, False]


def test_every_workflow_is_checked_before_one_is_started(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf1": Dag(), "wf2": Dag(details={"is_paused": True}), "wf3": Dag(may_start=False)}

    done = runner.run("--phase", "wf1", "--phase", "wf2,wf3,wf_1", "--variable", "nme=1")

    assert done.code == 4
    unknown = "no workflow of those that could be looked at declares it: unknown variable 'nme'; there are none"
    assert done.err.splitlines() == [
        f"workflow-run: {unknown}",
        "workflow-run: wf2: it is paused, its runs would not start; unpause it in Airflow",
        "workflow-run: wf3: 'ops' may not start it",
        "workflow-run: wf_1: it does not exist; did you mean 'wf1'?",
        "workflow-run: readiness: 4 of the workflows cannot be executed",
    ]
    assert not fake.runs
    assert not fake.posts("wf1")


@pytest.mark.parametrize(
    ("extra", "started", "code"),
    [((), {"bad", "good"}, 5), (("--on-failure", "continue"), {"bad", "good", "next"}, 5)],
)
def test_a_failure_stops_the_later_phases_unless_told_otherwise(
    fake: FakeAirflow, runner: Runner, extra: tuple[str, ...], started: set[str], code: int
) -> None:
    bad = Dag(states=("running", "failed"), tasks={"a": "failed", "b": "success", "b.any": "failed", "c": "failed"})
    fake.dags = {"bad": bad, "good": Dag(states=("running", "running", "running", "success")), "next": Dag()}

    done = runner.run("--phase", "bad,good", "--phase", "next", *extra)

    assert done.code == code
    assert {run.dag for run in fake.runs.values()} == started
    # The other one of the phase is waited for, and the reason is the failed tasks.
    assert "good: success after 3s" in done.out
    assert "bad: failed after 3s: failed: 'a', 'b.any', 'c'" in done.out
    assert done.err.endswith("workflow-run: execution: bad: execution failed\n")


def test_the_reason_of_a_run_is_the_one_that_the_workflow_gives(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("failed",), xcoms=[("workflow.outcome", "reason", "failed: 'a'; handled: none")])}

    assert "wf: failed after 3s: failed: 'a'; handled: none" in runner.run("--phase", "wf").out


def test_a_workflow_that_cannot_be_started_does_not_keep_the_others_of_its_phase(
    fake: FakeAirflow, runner: Runner
) -> None:
    fake.dags = {"bad": Dag(refuses="max runs\nreached"), "good": Dag()}

    done = runner.run("--phase", "bad,good")

    assert done.code == 5
    assert r"bad: not started after 0s: it could not be started: POST" in done.out
    assert r"max runs\nreached" in done.out
    assert "good: success" in done.out


def test_the_graver_of_two_failures_gives_the_exit_code(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"slow": Dag(), "bad": Dag(states=("failed",))}

    assert runner.run("--phase", "slow,bad", "--max-duration", "slow:1s").code == 5


def test_a_workflow_may_run_in_two_phases(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(), "other": Dag()}

    assert runner.run("--phase", "wf", "--phase", "other", "--phase", "wf").code == 0
    assert len(fake.posts("wf")) == 2


def test_an_unknown_state_is_not_the_end(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("queued", "deferred-somehow", "deferred-somehow", "success"))}

    done = runner.run("--phase", "wf")

    assert done.code == 0
    assert done.out.count("unknown state 'deferred-somehow'") == 1


def test_a_timeout_leaves_the_runs_and_says_where_they_are(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(states=("running",)), "next": Dag()}

    done = runner.run("--phase", "wf", "--phase", "next", "--timeout", "2s")

    assert done.code == 7
    [run_id] = fake.runs
    assert done.err.splitlines() == [
        f"workflow-run: wf: look at {fake.url}/dags/wf/runs/{run_id.replace(':', '%3A')}",
        "workflow-run: timeout: the timeout of 2s has passed; not stopped, and going on for all that is known: wf",
    ]
    assert fake.runs[run_id].state is None


def test_the_document_tells_everything_once(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"one": Dag(), "two": Dag(states=("failed",)), "three": Dag()}

    done = runner.run("--phase", "one,two", "--phase", "three", "--json")

    told = json.loads(done.out)
    assert list(told) == ["result", "exit_code", "message", "url", "started", "seconds", "problems", "workflows"]
    assert (told["result"], told["exit_code"], told["url"]) == ("execution", 5, fake.url)
    one, two, three = told["workflows"]
    [run_id] = [run.id for run in fake.runs.values() if run.dag == "one"]
    assert one == {
        "phase": 1,
        "workflow": "one",
        "state": "success",
        "result": "ok",
        "reason": None,
        "run_id": run_id,
        "run_url": f"{fake.url}/dags/one/runs/{run_id.replace(':', '%3A')}",
        "seconds": 3.0,
    }
    assert (two["state"], two["result"], two["reason"]) == ("failed", "execution", "no task failed")
    assert (three["state"], three["result"], three["run_id"], three["seconds"]) == ("waiting", None, None, None)
    assert "phase 1: one: started" in done.err


def test_the_document_has_the_problems_of_readiness(fake: FakeAirflow, runner: Runner) -> None:
    fake.dags = {"wf": Dag(details={"is_paused": True})}

    told = json.loads(runner.run("--phase", "wf", "--json", "--variable", "a=1").out)

    assert [each["workflow"] for each in told["problems"]] == [None, "wf"]
    assert told["workflows"][0]["state"] == "waiting"
