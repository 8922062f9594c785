"""When a repeating campaign goes out: days by a rule, each at one time on the clock of one zone. Pure."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Recurrence:
    """every: "daily", "weekly" (on `weekdays`, Monday = 0) or "monthly" (on `day`; a month without it: its last day).

    first, until: the first and the last day it may go out on; None = no such limit.
    """

    every: str
    at: time
    zone: ZoneInfo
    weekdays: frozenset[int] = frozenset()
    day: int = 1
    first: date | None = None
    until: date | None = None

    def days_from(self, day: date) -> Iterator[date]:
        """Its days from this one on. Ends only where `until` ends it, or where it has no day at all."""
        at = max(day, self.first) if self.first else day
        if self.every == "weekly" and not self.weekdays & set(range(7)):
            return
        while at < date.max and (self.until is None or at <= self.until):
            if self._is_on(at):
                yield at
            at += timedelta(days=1)

    def moment(self, day: date) -> datetime:
        """The instant of that day. An hour that the clocks skip is as much later, one they repeat is its first."""
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)

    def next_after(self, moment: datetime) -> date | None:
        """The first of its days whose instant comes after this one."""
        return next(self.days_after(moment), None)

    def days_after(self, moment: datetime) -> Iterator[date]:
        return (day for day in self.days_from(self.local_day(moment)) if self.moment(day) > moment)

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _is_on(self, day: date) -> bool:
        if self.every == "weekly":
            return day.weekday() in self.weekdays
        if self.every == "monthly":
            _first, last = calendar.monthrange(day.year, day.month)
            return day.day == min(self.day, last)
        return True
