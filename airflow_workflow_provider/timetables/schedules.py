"""Several schedules in one DAG, each with its own cron expression and time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from airflow_workflow_provider.runs.schedule import marks, named_run_id
from airflow_workflow_provider.timetables.ticks import Ticks

if TYPE_CHECKING:
    from airflow.utils.types import DagRunType
    from pendulum import DateTime

_SECOND: Final = timedelta(seconds=1)
_SHOWN: Final = 1000
"""Characters that Airflow's database has room for."""


class SchedulesTimetable(Timetable):
    """Start a run at every tick of every schedule, also when several fall on the same minute.

    A run's logical date, data interval and earliest start are its tick plus its schedule's mark (see
    ``runs.schedule``): Airflow needs distinct logical dates, and makes the run ids of a backfill of the earliest start.

    :param schedules: name, cron expression or preset, time zone of each; the names differ
    """

    def __init__(self, schedules: Sequence[tuple[str, str, str]]) -> None:
        self._schedules = [(name, cron, timezone) for name, cron, timezone in schedules]
        self._ticks = {name: Ticks(cron, timezone) for name, cron, timezone in self._schedules}
        self._marks = marks(list(self._ticks))

    def serialize(self) -> dict[str, Any]:
        """The schedules, as the serialized DAG keeps them."""
        return {"schedules": [list(schedule) for schedule in self._schedules]}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SchedulesTimetable:
        """The timetable that was serialized, with its description in words: Airflow takes it from here for the UI.

        Not in a DAG file: ``DAG`` reads every attribute, and a worker would load what knows the words.
        """
        made = cls([(name, cron, timezone) for name, cron, timezone in data["schedules"]])
        made.description = made._in_words()
        return made

    def validate(self) -> None:
        """Raise ``AirflowTimetableInvalid`` for a name that is not unique and for what is no cron expression."""
        # Every worker that builds the DAG does this: the class of the Task SDK is there already.
        from airflow.sdk import CronTriggerTimetable

        if len(self._ticks) < len(self._schedules):
            raise AirflowTimetableInvalid("two schedules have the same name")
        for _, cron, timezone in self._schedules:
            CronTriggerTimetable(cron, timezone).validate()

    @property
    def summary(self) -> str:
        """The schedules, for the lists of the UI."""
        return _cut(", ".join(f"{name}: {cron} {timezone}" for name, cron, timezone in self._schedules))

    def _in_words(self) -> str:
        words = (
            f"{name}: {self._ticks[name].timetable.description or cron} ({timezone})"
            for name, cron, timezone in self._schedules
        )
        return _cut("; ".join(words))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """The time itself: a run that no schedule started has no schedule's mark."""
        return DataInterval.exact(run_after)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Airflow's run id; that of a scheduled run bears the time of the tick and the schedule's name."""
        schedule = self._schedule_of(data_interval) if run_type.value == "scheduled" else None
        if schedule is None:
            return super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)
        tick = run_after.replace(microsecond=0)
        run_id = super().generate_run_id(run_type=run_type, run_after=tick, data_interval=data_interval, **extra)
        return named_run_id(run_id, schedule)

    def _schedule_of(self, interval: DataInterval | None) -> str | None:
        mark = interval.start.microsecond if interval else 0
        return next((name for name, other in self._marks.items() if other == mark), None)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run after the last one: of the next tick; of ticks at the same time, in the order of the marks.

        Without catchup every schedule makes up for its latest missed tick at most.
        """
        upcoming = [
            tick + timedelta(microseconds=self._marks[name])
            for name, ticks in self._ticks.items()
            if (tick := self._next_tick(name, ticks, last_automated_data_interval, restriction)) is not None
        ]
        return DagRunInfo.exact(min(upcoming)) if upcoming else None

    def _next_tick(
        self, name: str, ticks: Ticks, last: DataInterval | None, restriction: TimeRestriction
    ) -> DateTime | None:
        seen = [*self._seen_before(restriction.earliest), *self._seen_with(last, self._marks[name])]
        if not seen:
            return ticks.next_after(None, restriction)
        return ticks.next_after(max(seen), restriction._replace(earliest=None))

    def _seen_before(self, earliest: DateTime | None) -> Sequence[DateTime]:
        """The last second before the start date, if there is one: ticks are on whole seconds."""
        if earliest is None:
            return ()
        return (earliest.replace(microsecond=0) - (timedelta() if earliest.microsecond else _SECOND),)

    def _seen_with(self, last: DataInterval | None, mark: int) -> Sequence[DateTime]:
        """Until when the schedule of a mark has had its ticks when the last run was made.

        The schedules of higher marks have not had the tick of that time yet. A run that none of the schedules started
        (the DAG had others then) counts for all of them.
        """
        if last is None:
            return ()
        tick = last.end.replace(microsecond=0)
        is_ours = last.end.microsecond in self._marks.values()
        return (tick - _SECOND,) if is_ours and mark > last.end.microsecond else (tick,)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
