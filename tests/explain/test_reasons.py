"""What decided about a task, and why a run ended as it did: one case after the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_workflow_provider.compiler.plan import Plan
from airflow_workflow_provider.explain.record import Mark
from airflow_workflow_provider.explain.run import explain_run
from airflow_workflow_provider.runs.schedule import marks
from tests.explain.runs import BASH, CHILD, at, plan_of, reasons, record, task

RUN = f"operator: {BASH}, arguments: {{bash_command: 'true'}}"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(
        tmp_path,
        f"""
workflow: w
variables: {{n: 1}}
defaults: {{connection: db}}
tasks:
  a: {{{RUN}}}
  b: {{{RUN}}}
  both: {{{RUN}, depends_on: [a, b]}}
  either: {{{RUN}, depends_on: {{a: success, b: failure}}, constraint: any}}
  mixed: {{{RUN}, depends_on: {{a: success, b: failure}}}}
  condition: {{{RUN}, depends_on: [a], if: vars.n > 5}}
  sql: {{sql: SELECT 1, depends_on: [a]}}
  sql_if: {{sql: SELECT 1, depends_on: [a], if: vars.n > 5}}
  empty: {{sql: SELECT 1, set: x, on_empty: skip, depends_on: [a]}}
  empty_if: {{sql: SELECT 1, set: y, on_empty: skip, depends_on: [a], if: vars.n > 5}}
""",
    )


ENDED = {"a": "success", "b": "success"}
SKIPPED = task("skipped", 5, 6)
BY_SCHEDULER = task("skipped", 5, 5, tries=0)


@pytest.mark.parametrize(
    ("name", "states", "more", "reason"),
    [
        ("a", {"a": "success"}, {}, "ran: it has no edges"),
        ("a", {"a": "removed"}, {}, "did not run: it was taken out of the workflow during the run"),
        (
            "both",
            {**ENDED, "both": task("success", 5, 6)},
            {},
            "ran: 'a' succeeded (edge: on success), 'b' succeeded (edge: on success)",
        ),
        ("both", {"a": "failed", "both": "upstream_failed"}, {}, "did not run: 'a' failed (edge: on success)"),
        (
            "both",
            {"a": "upstream_failed", "b": "success", "both": "upstream_failed"},
            {},
            "did not run: 'a' was skipped (edge: on success)",
        ),
        ("mixed", {**ENDED, "mixed": BY_SCHEDULER}, {}, "did not run: 'b' succeeded (edge: on failure)"),
        # Which edge started an eager task: one of a source that had ended by then.
        (
            "either",
            {"a": task("success", 0, 9), "b": task("failed", 0, 2), "either": task("success", 3, 4)},
            {},
            "ran: 'b' failed (edge: on failure)",
        ),
        (
            "either",
            {"a": task("success", 0, 2), "b": task("failed", 0, 9), "either": task("success", 3, 4)},
            {},
            "ran: 'a' succeeded (edge: on success)",
        ),
        (
            "either",
            {"a": "skipped", "b": "success", "either": BY_SCHEDULER},
            {},
            "did not run: 'a' was skipped (edge: on success), 'b' succeeded (edge: on failure)",
        ),
        # A condition, an empty result, an operator that skips itself.
        (
            "condition",
            {**ENDED, "condition": SKIPPED},
            {"xcoms": {"condition": {"reason": "the condition 'vars.n > 5' is false"}}},
            "did not run: the condition 'vars.n > 5' is false",
        ),
        (
            "condition",
            {**ENDED, "condition": SKIPPED},
            {},
            "did not run: its condition 'vars.n > 5' was false, or it skipped itself",
        ),
        ("sql_if", {**ENDED, "sql_if": SKIPPED}, {}, "did not run: its condition 'vars.n > 5' was false"),
        (
            "empty",
            {**ENDED, "empty": SKIPPED},
            {"xcoms": {"empty": {"reason": "the query returned no row (on_empty: skip)"}}},
            "did not run: the query returned no row (on_empty: skip)",
        ),
        ("empty", {**ENDED, "empty": SKIPPED}, {}, "skipped itself: its query returned no row (on_empty: skip)"),
        (
            "empty_if",
            {**ENDED, "empty_if": SKIPPED},
            {},
            "did not run: its condition 'vars.n > 5' was false, or its query returned no row (on_empty: skip)",
        ),
        ("a", {"a": task("skipped", 0, 1)}, {}, "skipped itself"),
        # What a skipped attempt has left does not speak for a later skip without an attempt.
        (
            "condition",
            {"a": "failed", "condition": task("skipped", 5, 5, tries=1)},
            {"xcoms": {"condition": {"reason": "old"}}},
            "did not run: 'a' failed (edge: on success)",
        ),
        # Decisions that are kept, or were not made.
        (
            "sql",
            {**ENDED, "sql": BY_SCHEDULER},
            {},
            (
                "did not run, though its edges would let it now ('a' succeeded (edge: on success)): "
                "an earlier decision is kept until it is cleared together with its sources"
            ),
        ),
        (
            "mixed",
            {"a": "success", "b": "failed", "mixed": "upstream_failed", "mixed.all": "failed"},
            {},
            "did not run: its constraint could not be decided, 'mixed.all' failed",
        ),
        (
            "both",
            {"a": "success", "b": "running", "both": "skipped"},
            {},
            "did not run: it was skipped before 'b' had settled",
        ),
        (
            "both",
            {"a": "running", "b": "success", "both": "success"},
            {},
            "ran, though its edges would not let it now: a source was cleared or set to another state since",
        ),
        # A person.
        ("a", {"a": "success"}, {"marked": {"a": Mark("success", at(5))}}, "a person set its state to success"),
        ("a", {"a": task("success", 6, 7)}, {"marked": {"a": Mark("success", at(5))}}, "ran: it has no edges"),
        ("a", {"a": "failed"}, {"marked": {"a": Mark("success", at(5))}}, "ran: it has no edges"),
        (
            "both",
            {"a": "success", "b": "failed", "either": None, "sql": "skipped"},
            {},
            "will not run: 'b' failed (edge: on success)",
        ),
        (
            "sql",
            {**ENDED, "sql": "skipped"},
            {"state": "failed", "marked": {"": Mark("failed", at(50))}},
            "did not run: a person ended the run before it could start",
        ),
        (
            "sql",
            {"a": "failed", "sql": "skipped"},
            {"state": "failed", "marked": {"": Mark("failed", at(50))}},
            "did not run: 'a' failed (edge: on success)",
        ),
    ],
)
def test_what_decided_about_a_task(
    plan: Plan, name: str, states: dict[str, Any], more: dict[str, Any], reason: str
) -> None:
    run = record(**{"state": "running", "tasks": states, **more})
    assert reasons(plan, run)[name] == reason


@pytest.mark.parametrize(
    ("name", "states", "status", "reason"),
    [
        ("both", {"a": "success", "b": "running"}, "waiting", "waits for 'b'"),
        ("both", {}, "waiting", "waits for 'a', 'b'"),
        ("either", {"a": "running", "b": "success"}, "waiting", "waits for 'a'"),
        ("a", {}, "waiting", "will start: it has no edges"),
        ("a", {"a": "queued"}, "queued", "is about to start: it has no edges"),
        (
            "both",
            {**ENDED, "both": "scheduled"},
            "queued",
            "is about to start: 'a' succeeded (edge: on success), 'b' succeeded (edge: on success)",
        ),
        ("a", {"a": "running"}, "running", "runs: it has no edges"),
        (
            "sql",
            {"a": "success", "sql": task("up_for_retry", 2, 3)},
            "retrying",
            "runs: 'a' succeeded (edge: on success); an attempt failed; it will be tried again",
        ),
        (
            "sql",
            {"a": "success", "sql": task("deferred", 2)},
            "deferred",
            "runs: 'a' succeeded (edge: on success); it waits in the triggerer",
        ),
    ],
)
def test_what_a_task_is_doing(plan: Plan, name: str, states: dict[str, Any], status: str, reason: str) -> None:
    explained = {each.name: each for each in explain_run(plan, record("running", states)).tasks}
    assert (explained[name].status, explained[name].reason) == (status, reason)
    assert explained[name].outcome is None


def test_a_task_that_has_not_started_when_the_run_ends_will_not(plan: Plan) -> None:
    explained = {each.name: each for each in explain_run(plan, record("failed", {"a": "failed"})).tasks}
    assert (explained["b"].status, explained["b"].reason) == ("not started", "the run ended before it could start")


def test_times_and_attempts_are_those_of_work_that_was_done(plan: Plan) -> None:
    states = {"a": task("success", 1, 3.5, tries=2), "b": task("running", 10), "both": BY_SCHEDULER}
    explained = {each.name: each for each in explain_run(plan, record("running", states)).tasks}
    assert (explained["a"].seconds, explained["a"].tries, explained["a"].end) == (2.5, 2, at(3.5))
    assert (explained["b"].seconds, explained["b"].tries, explained["b"].end) == (50, 1, None)
    assert (explained["both"].seconds, explained["both"].tries, explained["both"].start) == (None, 0, None)


def test_a_task_that_the_definition_lost_during_the_run_is_told(plan: Plan) -> None:
    run = record("success", {"a": "success", "old": "removed", "old.all": "removed"})
    assert reasons(plan, run)["old"] == "did not run: it was taken out of the workflow during the run"
    assert "old.all" not in reasons(plan, run)


# The run

HANDLED = f"""
workflow: w
outcome: MODE
tasks:
  a: {{{RUN}}}
  h: {{{RUN}, depends_on: {{a: failure}}}}
"""


@pytest.mark.parametrize(
    ("mode", "state", "more", "reason"),
    [
        ("strict", "failed", {}, "failed: 'a'; handled: 'a' by 'h'"),
        ("handled", "success", {}, "every failure was handled: 'a' by 'h'"),
        (
            "handled",
            "failed",
            {"marked": {"": Mark("failed", at(59))}},
            "a person set the run's state to failed; every failure was handled: 'a' by 'h'",
        ),
        ("handled", "success", {"marked": {"": Mark("success", at(-1))}}, "every failure was handled: 'a' by 'h'"),
        (
            "handled",
            "failed",
            {},
            (
                "every failure was handled: 'a' by 'h', yet Airflow ended the run as failed; "
                "a person or a limit of Airflow did that"
            ),
        ),
    ],
)
def test_why_a_run_ended(tmp_path: Path, mode: str, state: str, more: dict[str, Any], reason: str) -> None:
    plan = plan_of(tmp_path, HANDLED.replace("MODE", mode))
    run = record(state, {"a": "failed", "h": "success"}, **more)
    assert explain_run(plan, run).reason == reason


def test_the_node_of_the_outcome_has_the_last_word(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, HANDLED.replace("MODE", "strict"))
    xcoms = {"workflow.outcome": {"reason": "told", "broken_expectations": ["too short", "too few"]}}
    run = record("failed", {"a": "failed", "h": "success", "workflow.outcome": "failed"}, xcoms=xcoms)
    explained = explain_run(plan, run)
    assert (explained.reason, explained.broken) == ("told", ("too short", "too few"))
    # What it said before it was cleared is no longer so.
    cleared = replace(run, tasks={**run.tasks, "workflow.outcome": task("skipped")})
    assert explain_run(plan, cleared).reason == "failed: 'a'; handled: 'a' by 'h'"
    assert explain_run(plan, cleared).broken == ()


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ({}, "waiting: 'a', 'h'"),
        ({"a": "running"}, "running: 'a'; waiting: 'h'"),
        ({"a": "failed", "h": "queued"}, "queued: 'h'; failed: 'a'"),
        ({"a": "success", "h": "skipped"}, "every task has ended; the run's state is being decided"),
    ],
)
def test_what_a_run_is_doing(tmp_path: Path, states: dict[str, Any], reason: str) -> None:
    plan = plan_of(tmp_path, HANDLED.replace("MODE", "strict"))
    assert explain_run(plan, record("running", states)).reason == reason


SCHEDULES = f"""
workflow: w
start_date: 2026-01-01
schedules: [{{name: x, cron: "0 6 * * *"}}, {{name: y, cron: "0 7 * * *", timezone: Europe/Paris}}]
tasks: {{a: {{{RUN}}}}}
"""
MARK_OF_Y = marks(["x", "y"])["y"]
ONE_SCHEDULE = f"workflow: w\nstart_date: 2026-01-01\nschedule: '@daily'\ntasks: {{a: {{{RUN}}}}}"


@pytest.mark.parametrize(
    ("text", "run", "words"),
    [
        (ONE_SCHEDULE, {"run_type": "scheduled"}, "the schedule (@daily, UTC)"),
        (ONE_SCHEDULE, {"run_type": "backfill"}, "a backfill of the schedule (@daily, UTC)"),
        (SCHEDULES, {"run_type": "scheduled", "run_id": "scheduled__t__y"}, "schedule 'y' (0 7 * * *, Europe/Paris)"),
        (
            SCHEDULES,
            {
                "run_type": "backfill",
                "run_id": "backfill__t",
                "logical_date": at(0).replace(microsecond=marks(["x", "y"])["y"]),
            },
            "a backfill of schedule 'y' (0 7 * * *, Europe/Paris)",
        ),
        (SCHEDULES, {"run_type": "scheduled", "run_id": "scheduled__t__gone"}, "a schedule"),
        (SCHEDULES, {"run_type": "manual"}, "the UI (ada)"),
        (SCHEDULES, {"run_type": "manual", "triggered_by": "cli", "user": "root"}, "the command line (root)"),
        (SCHEDULES, {"run_type": "manual", "triggered_by": "rest_api", "user": None}, "the REST API"),
        (SCHEDULES, {"run_type": "asset_triggered", "user": None}, "asset triggered"),
        (
            SCHEDULES,
            {"conf": CHILD.conf({}), "run_id": CHILD.child_run_id},
            "task 'restock' of workflow 'launch', run manual__0",
        ),
        # Who starts a run with the conf of another one is a person; and a conf may hold anything.
        (SCHEDULES, {"conf": CHILD.conf({})}, "the UI (ada)"),
        (SCHEDULES, {"conf": {"started-by": ["hostile"]}}, "the UI (ada)"),
        (SCHEDULES, {"conf": {"started-by": dict.fromkeys(("workflow", "run_id", "task", "last"), 5)}}, "the UI (ada)"),
    ],
)
def test_what_started_a_run(tmp_path: Path, text: str, run: dict[str, Any], words: str) -> None:
    assert explain_run(plan_of(tmp_path, text), record(**run)).started_by == words
