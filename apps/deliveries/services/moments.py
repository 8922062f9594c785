"""When each zone's people get a dispatch: at one moment for all, or at a local time on their own clocks.

A local time that does not exist (clocks forward) moves forward by the gap; one that comes twice means the first, once.
All of it is computed per zone and hour, never per person.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.deliveries.policy import Policy
from apps.deliveries.services.quiet_hours import SendingWindow, sending_window, zone_named
from apps.deliveries.states import OUTCOMES

# The clocks of the world stand between UTC+14 and UTC-12.
EARLIEST_ZONE = timedelta(hours=14)
LATEST_ZONE = timedelta(hours=12)
# So late a local hour may begin and still count as that hour.
LATE = timedelta(hours=1)
ANY_HOUR = -1

_QUIET = OUTCOMES["excluded:quiet_hours_past_expiry"]
_MISSED = OUTCOMES["excluded:missed_hour"]


@dataclass(frozen=True, slots=True)
class Moment:
    """May be sent from `opens_at` until `closes_at` (None = no night ends it), and not after `expires_at`.

    reason: 0, or the number of the outcome that everybody of this zone and hour has instead.
    """

    opens_at: datetime
    closes_at: datetime | None
    expires_at: datetime
    reason: int = 0


def moment_of(*, policy: Policy, zone: str, hour: int = ANY_HOUR, begins_at: datetime, expires_at: datetime) -> Moment:
    """When people of this zone, and usual hour, get a dispatch that begins at `begins_at`.

    expires_at: of a dispatch with one moment for all; where the time is local, a push expires as long after its own.
    """
    if policy.wall is None:
        return _moment(_open_window(policy, zone, begins_at), expires_at)
    life = timedelta(seconds=policy.expire_after_seconds)
    clock, wall = zone_named(zone, policy.default_time_zone), usual_wall(policy.wall, hour)
    planned = instant_of(wall, clock)
    if _is_missed(planned, life, begins_at) and policy.missed_hour == "next_day":
        planned = instant_of(wall + timedelta(days=1), clock)
    if _is_missed(planned, life, begins_at):
        return Moment(planned, None, planned + life, _MISSED)
    return _moment(_open_window(policy, zone, max(planned, begins_at)), planned + life)


def next_moment(*, policy: Policy, zone: str, released_at: datetime, now: datetime) -> Moment:
    """The same local time on the first day on which it has not passed: for what waited for a decision meanwhile."""
    clock = zone_named(zone, policy.default_time_zone)
    wall, planned = released_at.astimezone(clock).replace(tzinfo=None), released_at
    while planned < now - LATE:
        wall += timedelta(days=1)
        planned = instant_of(wall, clock)
    life = timedelta(seconds=policy.expire_after_seconds)
    return _moment(_open_window(policy, zone, max(planned, now)), planned + life)


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """A local time in UTC; through a gap forward, of two the first."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def usual_wall(wall: datetime, hour: int) -> datetime:
    """The local time of a person whose usual hour this is."""
    return wall if hour == ANY_HOUR else wall.replace(hour=hour, minute=0)


def earliest_start(policy: Policy) -> datetime | None:
    """When it is that local time somewhere for the first time, so by when it must be planned; None = not local."""
    if policy.wall is None:
        return None
    first = policy.wall.replace(hour=0, minute=0) if policy.by_habit else policy.wall
    return first.replace(tzinfo=UTC) - EARLIEST_ZONE


def latest_start(policy: Policy) -> datetime | None:
    """When it is that local time for the last time, the next day included where it may be that; None = not local."""
    if policy.wall is None:
        return None
    last = max(policy.wall, policy.wall.replace(hour=23, minute=0)) if policy.by_habit else policy.wall
    days = timedelta(days=1 if policy.missed_hour == "next_day" else 0)
    return last.replace(tzinfo=UTC) + LATEST_ZONE + days


def _is_missed(planned: datetime, life: timedelta, begins_at: datetime) -> bool:
    return planned + min(LATE, life) <= begins_at


def _moment(window: SendingWindow, expires_at: datetime) -> Moment:
    reason = _QUIET if window.opens_at >= expires_at else 0
    return Moment(window.opens_at, window.closes_at, expires_at, reason)


def _open_window(policy: Policy, zone: str, not_before: datetime) -> SendingWindow:
    return sending_window(
        quiet=policy.quiet_hours, zone=zone, default_zone=policy.default_time_zone, not_before=not_before
    )
