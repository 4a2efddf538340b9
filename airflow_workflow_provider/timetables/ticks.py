"""The times at which one cron expression fires, as Airflow's own cron timetable has them."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from airflow.timetables.base import DataInterval, TimeRestriction

if TYPE_CHECKING:
    from airflow.timetables.trigger import CronTriggerTimetable
    from pendulum import DateTime

# No zone moves its clock by more than two hours.
_AROUND_A_CHANGE: Final = timedelta(hours=3)
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
        last = None if instant is None else DataInterval.exact(self._settled(instant))
        info = self.timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        return info.run_after if info else None

    def _settled(self, instant: DateTime) -> DateTime:
        """An instant from which Airflow's timetable finds the first tick after the given one.

        It is made to be asked with its own ticks. Asked in between while the clock changes, it forgets ticks: a time
        that the clock shows twice or skips counts as past already. So around a change its ticks are walked along.
        """
        zone = ZoneInfo(self._timezone)
        around = (instant - _AROUND_A_CHANGE, instant, instant + _AROUND_A_CHANGE)
        if len({at.astimezone(zone).utcoffset() for at in around}) == 1:
            return instant
        at = around[0]
        while (tick := self._next(at)) <= instant:
            at = tick
        return at

    def _next(self, instant: DateTime) -> DateTime:
        info = self.timetable.next_dagrun_info(
            last_automated_data_interval=DataInterval.exact(instant), restriction=_ANY_TIME
        )
        assert info is not None, "there is no latest date"
        return info.run_after
