"""Limits on the runs and attempts that a definition from the store may make the scheduler start."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_workflow_provider.definitions.document import parse
from airflow_workflow_provider.definitions.given import GivenSources
from airflow_workflow_provider.definitions.reader import Reading, read_document
from airflow_workflow_provider.definitions.stored.trust import Limits, Trust

USUAL = Limits()
TWO_A_DAY = "{name: a, cron: '0 9 * * *', timezone: UTC}, {name: b, cron: '@daily', timezone: UTC}"
AT = datetime(2026, 6, 1, tzinfo=timezone.utc)


def read(head: str, limits: Limits = USUAL, task: str = "") -> Reading:
    text = f"workflow: w\n{head}\ntasks: {{a: {{sql: SELECT 1, connection: c{task}}}}}\n"
    return read_document(parse(text, "w.workflow.yaml"), GivenSources(), Trust(connections=("*",), limits=limits), AT)


@pytest.mark.parametrize(
    ("head", "task", "said"),
    [
        ("max_active_runs: 33", "", "2:18: error: max_active_runs: * 32 runs at the same time * most_active_runs)"),
        ("", ", retries: 51", "tasks.a.retries: * 50 retries at most ([workflows] most_retries)"),
        ("defaults: {retries: 51}", "", "defaults.retries: *"),
        ("schedule: '* * * * * *'", "", "schedule: * every 60 seconds at most ([workflows] shortest_interval)"),
        ("schedule: '0 12 * * * 0,59'", "", "schedule: * every 60 seconds at most *"),
        ("schedule: '59,0 23,0 * * * 30,31'", "", "schedule: * every 60 seconds at most *"),
        ("schedules: [{name: a, cron: '* * * * * */30', timezone: UTC}]", "", "schedules[0].cron: *"),
        ("start_date: 1970-01-01\ncatchup: true\nschedule: '@daily'", "", "start_date: * 5000 missed runs at most; *"),
        ("start_date: 2026-05-01\ncatchup: true\nschedule: '* * * * *'", "", "start_date: *"),
        (f"start_date: 2018-06-01\ncatchup: true\nschedules: [{TWO_A_DAY}]", "", "start_date: * 5000 missed runs *"),
        ("start_date: 2025-01-01T10:00:00+02:00\ncatchup: true\nschedule: '@hourly'", "", "start_date: *"),
    ],
)
def test_what_is_too_much_is_refused_with_its_setting(head: str, task: str, said: str) -> None:
    (error,) = read(head, task=task).errors
    place = 0
    for part in said.split("*"):
        place = str(error).index(part, place)
    assert error.rule == "stored_limits"


@pytest.mark.parametrize(
    ("head", "task"),
    [
        ("max_active_runs: 32", ", retries: 50"),
        ("schedule: '* * * * *'", ""),
        ("schedule: '* * * * * 30'", ""),
        ("schedule: '0 0 29 2 * 5'", ""),
        ("schedule: '@continuous'\nmax_active_runs: 1", ""),
        ("start_date: 2015-01-01\ncatchup: true\nschedule: '@daily'", ""),
        ("start_date: 1970-01-01\nschedule: '* * * * *'", ""),
        ("start_date: 2027-01-01\ncatchup: true\nschedule: '* * * * *'", ""),
        ("start_date: 1970-01-01\ncatchup: true\nschedule: '0 0 29 2 *'", ""),
        (f"start_date: 2020-06-01\ncatchup: true\nschedules: [{TWO_A_DAY}]", ""),
        ("start_date: 1970-01-01\ncatchup: true", ""),
    ],
)
def test_what_people_write_is_not_too_much(head: str, task: str) -> None:
    assert not read(head, task=task).errors


def test_the_limits_are_settings() -> None:
    wide = Limits(active_runs=100, retries=100, interval=1, missed_runs=100_000)
    head = "max_active_runs: 100\nstart_date: 1970-01-01\ncatchup: true\nschedule: '@daily'"
    assert not read(head, wide, ", retries: 100").errors
    assert not read("schedule: '* * * * * *'", wide).errors
    assert read("schedule: '*/10 * * * *'", Limits(interval=900)).errors
    assert read("schedule: '@hourly'", Limits(interval=7200)).errors
    assert not read("schedule: '*/15 * * * *'", Limits(interval=900)).errors


def test_a_file_of_the_dag_folder_has_none() -> None:
    text = "workflow: w\nmax_active_runs: 1000\nschedule: '* * * * * *'\ntasks: {a: {sql: SELECT 1, connection: c}}\n"
    assert not read_document(parse(text, "w.workflow.yaml"), GivenSources()).errors
