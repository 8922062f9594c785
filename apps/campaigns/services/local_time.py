"""A campaign's time on each person's own clock: when it must be launched for that, and until when it makes sense.

The time is kept as an instant on the project's clock; what everybody reads on their own is the same wall time. What
repeats has such a time of every one of its days.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign
from apps.campaigns.services.occurrences import local_policy, next_time
from apps.core.problems import FieldProblem
from apps.deliveries.policy import Policy
from apps.deliveries.services.moments import LATE, earliest_start, latest_start

# A local time may begin so long before it comes on the project's clock: 26 hours, and with usual hours a day more.
FARTHEST_AHEAD = timedelta(hours=50)
TIMED = ("at", "repeat")
IS_LOCAL = Q(timing__in=TIMED) & ~Q(clock="app")
_BEING_WRITTEN = ("draft", "awaiting_approval")


def is_local(campaign: Campaign) -> bool:
    """Whether its time is read on each person's clock."""
    return campaign.timing in TIMED and campaign.clock != "app"


def time_of(campaign: Campaign, now: datetime) -> datetime | None:
    """Its time on the project's clock; of what repeats the next one, also while it is written. None = it has none."""
    if campaign.timing == "repeat" and campaign.state in _BEING_WRITTEN:
        return next_time(campaign, now)
    return campaign.scheduled_at if campaign.timing in TIMED else None


def wall_of(campaign: Campaign, now: datetime) -> datetime | None:
    """That time as it stands on the project's clock, without a zone."""
    at = time_of(campaign, now)
    if at is None:
        return None
    local = at.astimezone(ZoneInfo(campaign.app.time_zone)).replace(tzinfo=None)
    # What repeats is typed as an hour of every day: one that a clock change skips here exists elsewhere.
    return datetime.combine(local.date(), campaign.repeat_time) if campaign.timing == "repeat" else local


def local_fields(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """The fields of Policy that say so; none where it goes out at one moment for all.

    Who has the hour of a repeating campaign behind them waits for its next day, which comes by itself.
    """
    wall = wall_of(campaign, now)
    if wall is None or not is_local(campaign):
        return {}
    missed = "skip" if campaign.timing == "repeat" else campaign.missed_hour
    return {**local_policy(campaign, wall), "missed_hour": missed}


def begins_at(campaign: Campaign, now: datetime) -> datetime | None:
    """When it launches by itself: local times as soon as the first zone has them. None where no time is set."""
    return earliest_start(Policy(**local_fields(campaign, now))) or time_of(campaign, now)


def is_time_to_launch(campaign: Campaign, now: datetime) -> bool:
    """Whether its time has come, anywhere."""
    begins = begins_at(campaign, now)
    return begins is not None and begins <= now


def last_call_at(campaign: Campaign, now: datetime) -> datetime | None:
    """Until when setting it up still reaches somebody: its time, or, where it is local, the last zone's."""
    last = latest_start(Policy(**local_fields(campaign, now)))
    return last + _grace(campaign) if last else time_of(campaign, now)


def ends_at(campaign: Campaign, now: datetime) -> datetime | None:
    """From when on launching it would reach nobody: everything of it has expired, or every local hour has passed."""
    if campaign.scheduled_at is None:
        return None
    if is_local(campaign):
        return last_call_at(campaign, now)
    return campaign.scheduled_at + timedelta(minutes=campaign.expire_after_minutes)


def local_warnings(campaign: Campaign) -> Iterator[FieldProblem]:
    """A local hour in the quiet hours is no mistake, but rarely meant."""
    at, app = _hour_of(campaign), campaign.app
    if at is None or not is_local(campaign) or not campaign.respects_quiet_hours:
        return
    begin, end = app.quiet_from, app.quiet_until
    if begin and end and _is_within(at, begin, end):
        words = {"at": f"{at:%H:%M}", "from": f"{begin:%H:%M}", "until": f"{end:%H:%M}"}
        message = _("%(at)s lies in the quiet hours (%(from)s to %(until)s): everybody gets it at %(until)s") % words
        pointer = "/repeat_time" if campaign.timing == "repeat" else "/scheduled_at"
        yield FieldProblem(pointer, "in_quiet_hours", message)


def _hour_of(campaign: Campaign) -> time | None:
    if campaign.timing == "repeat":
        return campaign.repeat_time
    at = campaign.scheduled_at
    return at.astimezone(ZoneInfo(campaign.app.time_zone)).time() if at else None


def _is_within(at: time, begin: time, end: time) -> bool:
    return begin <= at < end if begin < end else at >= begin or at < end


def _grace(campaign: Campaign) -> timedelta:
    return min(LATE, timedelta(minutes=campaign.expire_after_minutes))
