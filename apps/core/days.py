"""Daily counts: which days a table of days still lacks, so that a tick fills gaps and never counts twice.

A day is counted again and again until it is over, and once more after its end; then it stands. Days are UTC's.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

# A day whose first count comes later than this after its end was worked out from what the rows still tell.
FRESH_FOR = timedelta(days=1)
LOOKS_BACK_DAYS = 30
DAYS_AT_ONCE = 8
_DAY = timedelta(days=1)


def days_to_count(
    *, counted: Mapping[date, datetime], first: date | None, now: datetime, days_back: int = LOOKS_BACK_DAYS
) -> list[date]:
    """Today, and of the last days since `first` (the oldest row's day) those not counted after their end.

    counted: {day: when it was counted last}.
    """
    today = now.astimezone(UTC).date()
    begin = max(today - days_back * _DAY, first or today)
    days = [begin + index * _DAY for index in range((today - begin).days)]
    return [*(day for day in days if not _is_closed(day, counted)), today]


def end_of(day: date) -> datetime:
    """The moment the day is over."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY


def _is_closed(day: date, counted: Mapping[date, datetime]) -> bool:
    return day in counted and counted[day] >= end_of(day)
