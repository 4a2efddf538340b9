"""When a cron expression fires, worked out on the clock of its time zone, without cron libraries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Cron:
    """A cron expression as the minutes, hours and weekdays (0: Sunday) that it names; ``None``: every one."""

    minutes: frozenset[int]
    hours: frozenset[int] | None = None
    weekdays: frozenset[int] | None = None
    text: str = field(init=False)

    def __post_init__(self) -> None:
        fields = (self.minutes, self.hours, None, None, self.weekdays)
        text = " ".join("*" if each is None else ",".join(map(str, sorted(each))) for each in fields)
        object.__setattr__(self, "text", text)

    def ticks(self, zone: str, start: datetime, end: datetime) -> Iterator[datetime]:
        """The ticks from ``start`` to ``end``, both included, in UTC."""
        start, end = (datetime.fromisoformat(each.isoformat()) for each in (start, end))  # not pendulum's
        walk = self._every_hour if self.hours is None else self._by_the_clock
        return (tick for tick in walk(ZoneInfo(zone), start, end) if start <= tick <= end)

    def _every_hour(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
        """Time that passes counts: an hour that the clock shows twice has its ticks twice."""
        at = start.replace(second=0, microsecond=0)
        while at <= end:
            wall = at.astimezone(zone)
            if wall.minute in self.minutes and self._on(wall):
                yield at
            at += timedelta(minutes=1)

    def _by_the_clock(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
        """The clock counts: a time that it shows twice counts the second time.

        One that it skips counts as much later as it skips, and then the times before that are over.
        """
        over = datetime.min
        day = start.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0) - DAY
        while day <= end.replace(tzinfo=None) + 2 * DAY:
            for wall in self._times_of(day):
                if wall > over:
                    # A fold of 0 is the first of two; where the clock skips, it is what moves forward.
                    tick = max(wall.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
                    yield tick
                    over = tick.astimezone(zone).replace(tzinfo=None)
            day += DAY

    def _times_of(self, day: datetime) -> list[datetime]:
        if not self._on(day):
            return []
        return [
            day.replace(hour=hour, minute=minute)
            for hour in sorted(self.hours or ())
            for minute in sorted(self.minutes)
        ]

    def _on(self, day: datetime) -> bool:
        return self.weekdays is None or day.isoweekday() % 7 in self.weekdays
