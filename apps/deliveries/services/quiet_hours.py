"""When a recipient's day begins and ends: quiet hours in their own zone, computed per zone, never per person.

A local time that does not exist (clocks forward) moves forward by the gap; one that comes twice means the first.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class SendingWindow:
    """May be sent from `opens_at` until `closes_at` (None = never closes)."""

    opens_at: datetime
    closes_at: datetime | None


def sending_window(
    *, quiet: tuple[time, time] | None, zone: str, default_zone: str, not_before: datetime
) -> SendingWindow:
    """The first window that is open at `not_before` or later. An unknown zone counts as the default one."""
    if quiet is None:
        return SendingWindow(not_before, None)
    nights = _nights(quiet, zone_named(zone, default_zone), not_before)
    opens_at = next((end for begin, end in nights if begin <= not_before < end), not_before)
    return SendingWindow(opens_at, next(begin for begin, _end in nights if begin > opens_at))


def _nights(quiet: tuple[time, time], zone: ZoneInfo, around: datetime) -> list[tuple[datetime, datetime]]:
    """Begin and end in UTC of the quiet hours from two days before to three days after."""
    begin, end = quiet
    today = around.astimezone(zone).date()
    nights = []
    for offset in range(-2, 4):
        day = today + timedelta(days=offset)
        last_day = day if begin < end else day + timedelta(days=1)
        nights.append(
            (
                datetime.combine(day, begin, tzinfo=zone).astimezone(UTC),
                datetime.combine(last_day, end, tzinfo=zone).astimezone(UTC),
            )
        )
    return nights


@cache
def zone_named(name: str, default: str) -> ZoneInfo:
    """The zone, else the default one, else UTC."""
    for candidate in (name, default):
        if candidate:
            try:
                return ZoneInfo(candidate)
            except (KeyError, ValueError, OSError):  # OSError: names such as "Europe" are folders
                continue
    return ZoneInfo("UTC")
