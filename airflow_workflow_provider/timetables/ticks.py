"""The times at which one cron expression fires, as Airflow's own cron timetable has them."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from airflow.sdk.timezone import coerce_datetime, utcnow
from airflow.timetables.base import DataInterval, TimeRestriction

if TYPE_CHECKING:
    from airflow.timetables.trigger import CronTriggerTimetable
    from pendulum import DateTime

# No zone moves its clock by more than two hours.
_AROUND_A_CHANGE: Final = timedelta(hours=3)
# How far back the latest tick is looked for; leap years make the 29th of February rare, and no cron tick is rarer.
_LOOKS_BACK: Final = (_AROUND_A_CHANGE, *(timedelta(days=days) for days in (1, 7, 31, 366, 8 * 366)))
_ANY_TIME: Final = TimeRestriction(earliest=None, latest=None, catchup=True)


class Ticks:
    """The ticks of a cron expression or preset in a time zone."""

    def __init__(self, cron: str, timezone: str) -> None:
        self._cron = cron
        self._timezone = timezone

    @cached_property
    def timetable(self) -> CronTriggerTimetable:
        """Airflow's timetable, made when it is first asked: a worker never asks."""
        from airflow.timetables.trigger import CronTriggerTimetable

        return CronTriggerTimetable(self._cron, timezone=self._timezone)

    def next_after(self, instant: DateTime | None, restriction: TimeRestriction) -> DateTime | None:
        """The first tick after an instant (``None``: the first at all) within the restriction.

        Without catchup it is not earlier than the latest tick before now, as in Airflow.
        """
        now = coerce_datetime(utcnow())
        if not restriction.catchup and self._changes_around(now):
            return self._not_before_latest(now, instant, restriction)
        last = None if instant is None else DataInterval.exact(self._settled(instant))
        info = self.timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        return info.run_after if info else None

    def _not_before_latest(
        self, now: DateTime, instant: DateTime | None, restriction: TimeRestriction
    ) -> DateTime | None:
        """Without catchup, around a change: Airflow would take a tick that is ahead for the latest, and drop others."""
        starts = [] if restriction.earliest is None else [restriction.earliest - timedelta(microseconds=1)]
        starts += [] if instant is None else [instant]
        found = [self._next(self._settled(max(starts)))] if starts else []
        latest = self._latest(now)
        found += [latest] if latest else []
        tick = max(found) if found else self._next(now)
        return None if restriction.latest and tick > restriction.latest else tick

    def _latest(self, now: DateTime) -> DateTime | None:
        """The latest tick that is not after now."""
        for back in _LOOKS_BACK:
            tick = self._next(self._settled(now - back))
            if tick <= now:
                return self._last_until(now, tick)
        return None

    def _settled(self, instant: DateTime) -> DateTime:
        """An instant from which Airflow's timetable finds the first tick after the given one.

        It is made to be asked with its own ticks. Asked in between while the clock changes, it forgets ticks: a time
        that the clock shows twice or skips counts as past already. So around a change its ticks are walked along.
        """
        if not self._changes_around(instant):
            return instant
        return self._last_until(instant, instant - _AROUND_A_CHANGE)

    def _changes_around(self, instant: DateTime) -> bool:
        zone = ZoneInfo(self._timezone)
        around = (instant - _AROUND_A_CHANGE, instant, instant + _AROUND_A_CHANGE)
        return len({at.astimezone(zone).utcoffset() for at in around}) > 1

    def _last_until(self, instant: DateTime, at: DateTime) -> DateTime:
        """The last tick that is not after an instant, walking from ``at``; ``at`` itself if there is none."""
        while (tick := self._next(at)) <= instant:
            at = tick
        return at

    def _next(self, instant: DateTime) -> DateTime:
        info = self.timetable.next_dagrun_info(
            last_automated_data_interval=DataInterval.exact(instant), restriction=_ANY_TIME
        )
        assert info is not None, "there is no latest date"
        return info.run_after
