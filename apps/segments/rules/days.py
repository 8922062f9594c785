"""What operators on dates mean in days: each is a span, and the span is what SQL compares."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.segments.rules.tree import Value


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` on and before `after`; None = open on that side."""

    first: date | None
    after: date | None


def span_of(operator: str, value: Value, today: date) -> Span:
    """The days that an operator of the types date and moment asks for. `today` is that of the app's time zone."""
    one = timedelta(days=1)
    if isinstance(value, int):
        some = timedelta(days=value)
        if operator == "in_next_days":
            return Span(today, today + some + one)
        return Span(today - some, today + one) if operator == "in_last_days" else Span(None, today - some)
    if isinstance(value, tuple):
        first, last = (date.fromisoformat(str(day)) for day in value)
        return Span(first, _after(last))
    day = date.fromisoformat(str(value))
    if operator == "on":
        return Span(day, _after(day))
    return Span(None, day) if operator == "before" else Span(_after(day), None)


def midnight(day: date, zone: str) -> datetime:
    """When the day begins there."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def _after(day: date) -> date | None:
    return day + timedelta(days=1) if day < date.max else None
