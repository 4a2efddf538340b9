"""Several schedules in one DAG on a real Airflow: run ids, notes and the values that arrive in SQL."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from scripts.airflow_answers import DagRun
from scripts.airflow_api import wait_for
from scripts.local_airflow import LocalAirflow

Define = Callable[..., str]
BASH = "airflow.providers.standard.operators.bash.BashOperator"
DAY = timedelta(days=1)

# Both zones never change their clocks, so that these two always fall on the same minute.
DEFINITION = """
schedules:
  - {{name: nightly, cron: "0 {utc} * * *", variables: {{region: EU}}}}
  - {{name: tokyo, cron: "0 {tokyo} * * *", timezone: Asia/Tokyo, variables: {{region: JP, limit: 5}}}}
start_date: {start}
catchup: true
variables: {{region: none, limit: {{type: integer, default: 1}}}}
defaults: {{connection: test_db}}
tasks:
  log: {{sql: "INSERT INTO log VALUES (:run_id, :region || ' ' || :limit || ' ' || COALESCE(:logical_date, ''))"}}
"""


def lines(database: Path, run_id: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT line FROM log WHERE run_id = ?", [run_id])]


def ended(airflow: LocalAirflow, dag: str, count: int) -> Mapping[str, DagRun]:
    """The runs by their ids, when there are so many and all have succeeded."""

    def look() -> Mapping[str, DagRun] | None:
        runs = {run.run_id: run for run in airflow.runs(dag)}
        return runs if len(runs) == count and {run.state for run in runs.values()} == {"success"} else None

    return wait_for(look, f"{count} successful runs of {dag}")


def test_catchup_backfill_and_manual_runs(airflow: LocalAirflow, define: Define, database: Path) -> None:
    if airflow.metadata.startswith("sqlite"):
        pytest.skip("PostgreSQL does not answer, and SQLite has one writer: a backfill would be refused half-way")
    tick = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    dag = define(
        "schedules",
        DEFINITION.format(utc=tick.hour, tokyo=(tick.hour + 9) % 24, start=(tick - DAY).isoformat()),
    )
    assert airflow.dag_details(dag)["timetable_summary"] == (
        f"nightly: 0 {tick.hour} * * * UTC, tokyo: 0 {(tick.hour + 9) % 24} * * * Asia/Tokyo"
    )
    notes = {
        "nightly": f"schedule nightly: 0 {tick.hour} * * * UTC; region = EU",
        "tokyo": f"schedule tokyo: 0 {(tick.hour + 9) % 24} * * * Asia/Tokyo; limit = 5, region = JP",
    }
    values = {"nightly": "EU 1", "tokyo": "JP 5"}

    # Catchup: both schedules on both days.
    airflow.set_paused(dag, paused=False)
    runs = ended(airflow, dag, 4)
    caught_up = {
        f"scheduled__{at.isoformat()}__{name}": (notes[name], [f"{values[name]} {at:%Y-%m-%d %H:%M:%S}"])
        for at in (tick - DAY, tick)
        for name in values
    }
    assert {run.run_id: (run.note, clock(lines(database, run.run_id))) for run in runs.values()} == caught_up

    # A backfill of that window and a day more starts these runs again and makes the two of that day.
    airflow.backfill(dag, tick - 2 * DAY, tick, again=True)
    wait_for(lambda: all(len(lines(database, run)) == 2 for run in caught_up) or None, "the runs started again")
    runs = ended(airflow, dag, 6)
    for run_id, (note, values_then) in caught_up.items():
        assert clock(lines(database, run_id)) == values_then * 2
        assert runs[run_id].note == note
    made = [run for run in runs.values() if run.run_id.startswith("backfill__")]
    assert {run.note: clock(lines(database, run.run_id)) for run in made} == {
        notes[name]: [f"{values[name]} {tick - 2 * DAY:%Y-%m-%d %H:%M:%S}"] for name in values
    }

    # A value given to the run comes before that of its schedule, a run that nobody scheduled has the defaults.
    airflow.backfill(dag, tick - 4 * DAY, tick - 4 * DAY, {"region": "Mars"})
    given = [run for run in ended(airflow, dag, 8).values() if run.conf]
    assert {run.note: first_words(lines(database, run.run_id)) for run in given} == {
        notes["nightly"].partition(";")[0]: "Mars 1",
        notes["tokyo"].replace(", region = JP", ""): "Mars 5",
    }
    for logical_date in (None, marked(made[0].run_id) + DAY + timedelta(hours=1)):
        manual = airflow.trigger(dag, logical_date=logical_date)
        assert airflow.wait_for_run(dag, manual) == "success"
        assert (airflow.run(dag, manual).note, first_words(lines(database, manual))) == (None, "none 1")


def clock(texts: list[str]) -> list[str]:
    """The lines without the offset, and with the time as it is: no microseconds."""
    return [re.sub(r"(\+00:00|Z)$", "", text.replace("T", " ")) for text in texts]


def first_words(texts: list[str]) -> str:
    [text] = texts
    return " ".join(text.split()[:2])


def marked(run_id: str) -> datetime:
    """The logical date in a backfill's run id, which tells the schedule."""
    return datetime.fromisoformat(run_id.partition("__")[2])


def test_the_reason_is_in_the_note_of_a_run_that_failed_and_goes_when_it_is_mended(
    airflow: LocalAirflow, define: Define, tmp_path: Path
) -> None:
    door = tmp_path / "open"
    dag = define(
        "noted",
        f"""
outcome: handled
tasks:
  load: {{operator: {BASH}, arguments: {{bash_command: '[ -e {door} ]'}}}}
  tell: {{operator: {BASH}, arguments: {{bash_command: 'true'}}, depends_on: {{load: failure}}}}
  last: {{operator: {BASH}, arguments: {{bash_command: '[ -e {door} ]'}}, depends_on: {{load: [failure, skipped]}}}}
""",
    )
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "failed"
    assert airflow.run(dag, run).note == "failed: 'last'; handled: 'load' by 'tell', 'last'"
    door.touch()
    airflow.clear(dag, run, ["last"])
    assert airflow.wait_for_run(dag, run) == "success"
    assert airflow.run(dag, run).note == "every failure was handled: 'load' by 'tell', 'last'"
    airflow.clear(dag, run, ["load"])
    assert airflow.wait_for_run(dag, run) == "success"
    assert airflow.run(dag, run).note is None
