"""Several schedules in one timetable: every tick of each, once, in order, whatever the clocks do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count

import pendulum
import pytest
from airflow.sdk.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.types import DagRunType
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_workflow_provider.compiler.plan import PlannedSchedule
from airflow_workflow_provider.runs.schedule import marks, schedule_of_run
from airflow_workflow_provider.timetables.schedules import SchedulesTimetable
from tests.docs.pages import ROOT, table
from tests.timetables.oracle import Cron

Schedules = Sequence[tuple[str, Cron, str]]
PARIS, NEW_YORK, LORD_HOWE = "Europe/Paris", "America/New_York", "Australia/Lord_Howe"
ZONES = (PARIS, NEW_YORK, LORD_HOWE, "America/Santiago", "Asia/Tokyo", "UTC", "Antarctica/Troll")


def utc(text: str) -> pendulum.DateTime:
    return pendulum.instance(datetime.fromisoformat(text).replace(tzinfo=timezone.utc))


def timetable(schedules: Schedules) -> SchedulesTimetable:
    return SchedulesTimetable([(name, cron.text, zone) for name, cron, zone in schedules])


def reloaded(made: SchedulesTimetable) -> SchedulesTimetable:
    """As another process has it: through JSON."""
    return SchedulesTimetable.deserialize(json.loads(json.dumps(made.serialize())))


def between(
    made: SchedulesTimetable, start: datetime, end: datetime, last: DagRunInfo | None = None
) -> Iterator[DagRunInfo]:
    """The runs that catchup and backfill make, with a new process for every few of them."""
    restriction = TimeRestriction(pendulum.instance(start), pendulum.instance(end), catchup=True)
    for number in count():
        made = made if number % 7 else reloaded(made)
        info = made.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        if info is None:
            return
        yield info
        last = info


def started_by(made: SchedulesTimetable, info: DagRunInfo) -> tuple[datetime, str]:
    """Tick and schedule of a run, read the way that a running task reads them."""
    schedules = [PlannedSchedule(name, "") for name, *_ in made.serialize()["schedules"]]
    ids = {
        "scheduled": made.generate_run_id(
            run_type=DagRunType.SCHEDULED, run_after=info.run_after, data_interval=info.data_interval
        ),
        "backfill": DagRunType.BACKFILL_JOB.generate_run_id(suffix=info.run_after.isoformat()),
    }
    found = [schedule_of_run(kind, run_id, info.logical_date, schedules) for kind, run_id in ids.items()]
    schedule = found[0]
    assert schedule is not None
    assert found[1] == schedule
    assert ids["scheduled"] == f"scheduled__{info.run_after.replace(microsecond=0).isoformat()}__{schedule.name}"
    return info.run_after.replace(microsecond=0), schedule.name


def expected(schedules: Schedules, start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    order = marks([name for name, *_ in schedules])
    ticks = [(tick, name) for name, cron, zone in schedules for tick in cron.ticks(zone, start, end)]
    return sorted(ticks, key=lambda each: (each[0], order[each[1]]))


def assert_right(schedules: Schedules, start: datetime, end: datetime) -> list[DagRunInfo]:
    made = timetable(schedules)
    infos = list(between(made, start, end))
    assert [started_by(made, info) for info in infos] == expected(schedules, start, end)
    logical_dates = [info.logical_date for info in infos]
    assert len(set(logical_dates)) == len(infos)
    assert logical_dates == sorted(logical_dates)  # type: ignore[type-var]
    # Airflow makes a backfill's run ids of it, and its calendar stops where it does not grow.
    assert [info.run_after for info in infos] == logical_dates
    return infos


HOURS = st.frozensets(st.integers(0, 23), min_size=1, max_size=6)
NIGHT = st.frozensets(st.integers(0, 4), min_size=1, max_size=4)
CRONS = st.builds(
    Cron,
    st.frozensets(st.integers(0, 59), min_size=1, max_size=3),
    st.one_of(NIGHT, HOURS),
    st.one_of(st.none(), st.frozensets(st.integers(0, 6), min_size=1, max_size=6)),
)
HOURLY = st.builds(Cron, st.frozensets(st.integers(0, 59), min_size=1, max_size=3))
NAMES = ("nightly", "us", "third", "fourth")


@st.composite
def some_schedules(draw: st.DrawFn) -> Schedules:
    chosen = []
    for name in NAMES[: draw(st.integers(1, 4))]:
        zone = draw(st.sampled_from(ZONES))
        # Where the clock moves by half an hour, hourly ticks are Airflow's own matter: see below.
        crons = CRONS if zone == LORD_HOWE else st.one_of(CRONS, HOURLY)
        chosen.append((name, draw(crons), zone))
    return chosen


# Days on which one of the zones changes its clock, and an ordinary one.
CHANGES = (
    "2026-03-29",
    "2026-10-25",
    "2026-03-08",
    "2026-11-01",
    "2026-04-04",
    "2026-10-03",
    "2026-04-05",
    "2026-07-14",
)
INSTANTS = st.builds(
    lambda day, seconds: utc(day) + timedelta(seconds=seconds), st.sampled_from(CHANGES), st.integers(-43_200, 86_400)
)


@settings(max_examples=100)
@given(some_schedules(), INSTANTS, st.integers(0, 60 * 40))
def test_every_tick_of_every_schedule_once_and_in_order(schedules: Schedules, start: datetime, minutes: int) -> None:
    assert_right(schedules, start, start + timedelta(minutes=minutes))


@settings(max_examples=40)
@given(some_schedules(), INSTANTS, INSTANTS, st.integers(0, 999_999))
def test_a_last_run_of_other_schedules_neither_stops_nor_repeats(
    schedules: Schedules, last: datetime, other: datetime, microsecond: int
) -> None:
    made = timetable(schedules)
    if microsecond in made._marks.values():
        return
    at = pendulum.instance(last.replace(microsecond=microsecond))
    before = DagRunInfo(run_after=at, data_interval=DataInterval(min(at, pendulum.instance(other)), at))
    end = last + timedelta(hours=40)
    found = [started_by(made, info) for info in between(made, last - timedelta(days=9), end, before)]
    assert found == [each for each in expected(schedules, last, end) if each[0] > last]


@settings(max_examples=60)
@given(some_schedules(), INSTANTS, st.integers(-100_000, 100_000), st.one_of(st.none(), INSTANTS))
def test_without_catchup_each_schedule_makes_up_for_its_latest_tick_at_most(
    schedules: Schedules, now: datetime, seconds: int, previous: datetime | None
) -> None:
    schedules = [(name, Cron(cron.minutes, cron.hours), zone) for name, cron, zone in schedules]  # at least daily
    made = timetable(schedules)
    earliest = pendulum.instance(now + timedelta(seconds=seconds))
    last = DagRunInfo.exact(pendulum.instance(previous)) if previous else None
    with pytest.MonkeyPatch.context() as patch:
        for module in ("airflow.timetables.trigger", "airflow_workflow_provider.timetables.ticks"):
            patch.setattr(f"{module}.utcnow", lambda: now)
        found = []
        for _ in range(3):
            restriction = TimeRestriction(earliest, None, catchup=False)
            last = made.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
            assert last is not None
            found.append(started_by(made, last))
    since = max(earliest, previous + timedelta(seconds=1)) if previous else earliest
    wanted = []
    for schedule in schedules:
        latest = expected([schedule], now - timedelta(days=2), now)[-1]
        first = max(since, latest[0])
        wanted += expected([schedule], first, first + timedelta(days=4))
    order = marks(NAMES)
    assert found == sorted(wanted, key=lambda each: (each[0], order[each[1]]))[:3]


def test_without_catchup_no_tick_is_dropped_before_the_clock_is_put_back() -> None:
    """At 2:45, with 2:00 and 2:30 both ahead once more, Airflow's timetable alone goes on with 2:30."""
    half_hours = Cron(frozenset({0, 30}), frozenset({2}))
    made = timetable([("paris", half_hours, PARIS)])
    now = utc("2026-10-25T00:45")
    last = DagRunInfo.exact(utc("2026-10-24T00:30"))
    with pytest.MonkeyPatch.context() as patch:
        for module in ("airflow.timetables.trigger", "airflow_workflow_provider.timetables.ticks"):
            patch.setattr(f"{module}.utcnow", lambda: now)
        restriction = TimeRestriction(utc("2026-10-01"), None, catchup=False)
        info = made.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
    assert info is not None
    assert started_by(made, info) == (utc("2026-10-25T01:00"), "paris")


def test_a_whole_year() -> None:
    half_past, nights = frozenset({30}), frozenset({2, 3})
    schedules = [
        ("paris", Cron(half_past, nights), PARIS),
        ("new_york", Cron(half_past, nights), NEW_YORK),
        ("sunday", Cron(frozenset({30}), frozenset({2}), frozenset({0})), LORD_HOWE),
        ("tokyo", Cron(frozenset({30}), frozenset({2})), "Asia/Tokyo"),
    ]
    infos = assert_right(schedules, utc("2026-01-01"), utc("2026-12-31"))
    assert len(infos) > 1_800


SAME = [("nightly", Cron(frozenset({30}), frozenset({23})), PARIS), ("europe", Cron(frozenset({30})), PARIS)]


def test_two_schedules_on_the_same_minute_both_run() -> None:
    tick = utc("2026-07-01T21:30")
    infos = assert_right(SAME, tick, tick)
    assert {started_by(timetable(SAME), info) for info in infos} == {(tick, "nightly"), (tick, "europe")}


def wall(zone: str, cron: str, start: str, end: str) -> list[str]:
    """Ticks on the clock of the zone, with its offset."""
    made = SchedulesTimetable([("only", cron, zone)])
    infos = between(made, utc(start), utc(end))
    return [info.run_after.replace(microsecond=0).in_timezone(zone).strftime("%H:%M %z") for info in infos]


PAGE = (ROOT / "docs" / "schedules.md").read_text(encoding="utf-8")
NO_CHANGE = [
    ["Asia/Tokyo", "30 2 * * *", "2026-03-28 00:00", "2026-03-30 00:00", "02:30 +0900, 02:30 +0900"],
    ["Europe/Paris", "0 3 * * *", "2026-03-29 00:00", "2026-03-29 12:00", "03:00 +0200"],
    ["Australia/Lord_Howe", "45 1 * * *", "2026-04-04 12:00", "2026-04-05 00:00", "01:45 +1030"],
]


@pytest.mark.parametrize(
    ("zone", "cron", "start", "end", "ticks"),
    [[cell.strip("`") for cell in row] for row in (*table(PAGE, "Time zone"), *NO_CHANGE)],
)
def test_times_that_the_clock_skips_or_shows_twice(zone: str, cron: str, start: str, end: str, ticks: str) -> None:
    assert ", ".join(wall(zone, cron, start, end)) == ticks
    # The same as Airflow has for `schedule`, asked with its own ticks.
    alone = CronTriggerTimetable(cron, timezone=zone)
    last = alone.next_dagrun_info(
        last_automated_data_interval=DataInterval.exact(utc(start).subtract(days=2)),
        restriction=TimeRestriction(None, None, catchup=True),
    )
    seen = []
    while last and last.run_after <= utc(end):
        if last.run_after >= utc(start):
            seen.append(last.run_after.in_timezone(zone).strftime("%H:%M %z"))
        last = alone.next_dagrun_info(
            last_automated_data_interval=last.data_interval, restriction=TimeRestriction(None, None, catchup=True)
        )
    assert ", ".join(seen) == ticks


def test_another_schedule_in_the_hour_of_a_change_costs_no_tick() -> None:
    """Airflow's own cron timetable, asked at 03:15 for what follows, takes the skipped 02:30 (now 03:30) for past."""
    schedules = [
        ("daily", Cron(frozenset({30}), frozenset({2})), PARIS),
        ("often", Cron(frozenset({15, 45})), PARIS),
        ("lord_howe", Cron(frozenset({15}), frozenset({2})), LORD_HOWE),
        ("often_there", Cron(frozenset({35}), frozenset({1, 2})), LORD_HOWE),
    ]
    for day in ("2026-03-29", "2026-10-25", "2026-10-03", "2026-04-04"):
        assert_right(schedules, utc(day), utc(day).add(hours=24))


def test_minutes_of_a_minutely_schedule_through_a_change_of_the_clock() -> None:
    schedules = [
        ("minutely", Cron(frozenset(range(60))), PARIS),
        ("daily", Cron(frozenset({30}), frozenset({2})), PARIS),
    ]
    infos = assert_right(schedules, utc("2026-10-25T00:50"), utc("2026-10-25T01:40"))
    assert len(infos) == 52


def test_nothing_before_the_start_or_after_the_end() -> None:
    start, end = utc("2026-07-01T21:30"), utc("2026-07-02T21:30")
    assert len(assert_right(SAME, start, end)) == 25 + 2
    assert len(assert_right(SAME, start.add(seconds=1), end.subtract(seconds=1))) == 23
    assert len(assert_right(SAME, start.subtract(microseconds=1), end.add(microseconds=1))) == 25 + 2
    assert list(between(timetable(SAME), end, start)) == []


def test_a_start_date_that_moved_ahead_holds_for_catchup_too() -> None:
    made = timetable(SAME)
    last = next(between(made, utc("2026-07-01"), utc("2026-07-02")))
    moved = next(between(made, utc("2026-08-01"), utc("2026-08-02"), last))
    assert moved.run_after.replace(microsecond=0) == utc("2026-08-01T00:30")


def test_schedules_added_removed_or_moved_leave_old_runs_with_theirs() -> None:
    tick = utc("2026-07-01T21:30")
    old = {started_by(timetable(SAME), info)[1]: info for info in between(timetable(SAME), tick, tick)}
    more = [PlannedSchedule("first", ""), PlannedSchedule("europe", ""), PlannedSchedule("nightly", "")]
    for name, info in old.items():
        found = schedule_of_run("backfill", "backfill__2026", info.logical_date, more)
        assert found is not None
        assert found.name == name
    assert schedule_of_run("backfill", "backfill__2026", old["europe"].logical_date, more[::2]) is None
    assert schedule_of_run("backfill", "backfill__2026", tick, more) is None
    assert schedule_of_run("backfill", "backfill__2026", None, more) is None


def test_marks_of_names_that_would_have_the_same_one_differ() -> None:
    names = [f"n{number}" for number in range(3000)]
    found = marks(names)
    assert len({marks([name])[name] for name in names}) < len(names), "some are alike by themselves"
    assert len(set(found.values())) == len(names)
    assert all(1 <= mark <= 999_999 for mark in found.values())


def test_a_schedule_renamed_does_not_repeat_its_last_run() -> None:
    tick = utc("2026-07-01T21:30")
    for info in between(timetable(SAME), tick, tick):
        for number in range(20):
            renamed = timetable([(f"{name}{number}", cron, zone) for name, cron, zone in SAME])
            first = next(between(renamed, tick.subtract(days=1), tick.add(days=1), info))
            assert first.run_after > tick.add(minutes=1)


MANUAL = [kind for kind in DagRunType if kind not in (DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB)]


@pytest.mark.parametrize("kind", MANUAL)
def test_other_runs_have_airflows_run_id_and_no_schedule_whatever_their_date(kind: DagRunType) -> None:
    made = timetable(SAME)
    info = next(between(made, utc("2026-07-01"), utc("2026-07-02")))
    run_id = made.generate_run_id(run_type=kind, run_after=info.run_after, data_interval=info.data_interval)
    assert run_id == f"{kind.value}__{info.run_after.isoformat()}"
    assert schedule_of_run(kind.value, run_id, info.logical_date, [PlannedSchedule("nightly", "")]) is None
    chosen = utc("2026-07-01T00:00")
    assert made.infer_manual_data_interval(run_after=chosen) == DataInterval.exact(chosen)


def test_a_scheduled_run_of_before_keeps_airflows_run_id() -> None:
    tick = utc("2026-07-01T21:30")
    made = timetable(SAME)
    run_id = made.generate_run_id(run_type=DagRunType.SCHEDULED, run_after=tick, data_interval=DataInterval.exact(tick))
    assert run_id == "scheduled__2026-07-01T21:30:00+00:00"
    assert schedule_of_run("scheduled", run_id, tick, [PlannedSchedule("nightly", "")]) is None


def test_a_name_with_two_underscores() -> None:
    made = SchedulesTimetable([("a__b", "@daily", "UTC"), ("a", "@daily", "UTC")])
    names = {started_by(made, info)[1] for info in between(made, utc("2026-07-01"), utc("2026-07-01"))}
    assert names == {"a__b", "a"}


def test_what_the_ui_shows() -> None:
    made = reloaded(SchedulesTimetable([("nightly", "30 23 * * *", PARIS), ("us", "@daily", NEW_YORK)]))
    assert made.summary == "nightly: 30 23 * * * Europe/Paris, us: @daily America/New_York"
    assert made.description == "nightly: At 23:30 (Europe/Paris); us: At 00:00 (America/New_York)"
    many = reloaded(SchedulesTimetable([(f"number_{number}", "@daily", "UTC") for number in range(200)]))
    assert len(many.summary) == len(many.description) == 1000


def test_what_cannot_be_a_timetable_is_refused() -> None:
    with pytest.raises(AirflowTimetableInvalid, match="two schedules have the same name"):
        SchedulesTimetable([("a", "@daily", "UTC"), ("a", "@hourly", "UTC")]).validate()
    with pytest.raises(AirflowTimetableInvalid):
        SchedulesTimetable([("a", "@daily", "UTC"), ("b", "70 * * * *", "UTC")]).validate()
    SchedulesTimetable([("a", "@daily", "UTC"), ("b", "0 0 * * *", "UTC")]).validate()


def test_a_worker_that_builds_the_dag_loads_no_cron_timetable_of_the_core() -> None:
    program = """
import sys
from datetime import datetime
from airflow.sdk import DAG
from airflow_workflow_provider.timetables.schedules import SchedulesTimetable
DAG("x", schedule=SchedulesTimetable([("a", "@daily", "UTC")]), start_date=datetime(2026, 1, 1))
print("airflow.timetables.trigger" in sys.modules)
"""
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )
