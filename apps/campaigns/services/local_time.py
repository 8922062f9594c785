"""A campaign's set time on each person's own clock: when it must be launched for that, and until when it makes sense.

The set time is kept as an instant on the project's clock; what everybody reads on their own is the same wall time.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign
from apps.core.problems import FieldProblem
from apps.deliveries.policy import Policy
from apps.deliveries.services.moments import LATE, earliest_start, latest_start

# A local time may begin so long before it comes on the project's clock: 26 hours, and with usual hours a day more.
FARTHEST_AHEAD = timedelta(hours=50)
IS_LOCAL = Q(timing="at") & ~Q(clock="app")


def is_local(campaign: Campaign) -> bool:
    """Whether its time is read on each person's clock."""
    return campaign.timing == "at" and campaign.clock != "app" and campaign.scheduled_at is not None


def wall_of(campaign: Campaign) -> datetime | None:
    """The set time as it stands on the project's clock, without a zone."""
    if campaign.scheduled_at is None:
        return None
    return campaign.scheduled_at.astimezone(ZoneInfo(campaign.app.time_zone)).replace(tzinfo=None)


def local_fields(campaign: Campaign) -> dict[str, Any]:
    """The fields of Policy that say so; none where it goes out at one moment for all."""
    wall = wall_of(campaign)
    if wall is None or not is_local(campaign):
        return {}
    local_at = wall.isoformat(timespec="minutes")
    return {"local_at": local_at, "by_habit": campaign.clock == "habit", "missed_hour": campaign.missed_hour}


def begins_at(campaign: Campaign) -> datetime | None:
    """When it launches by itself: local times as soon as the first zone has them. None where no time is set."""
    if campaign.timing != "at":
        return None
    return earliest_start(Policy(**local_fields(campaign))) or campaign.scheduled_at


def is_time_to_launch(campaign: Campaign, now: datetime) -> bool:
    """Whether its time has come, anywhere."""
    begins = begins_at(campaign)
    return begins is not None and begins <= now


def last_call_at(campaign: Campaign) -> datetime | None:
    """Until when setting it up still reaches somebody: its time, or, where it is local, the last zone's."""
    last = latest_start(Policy(**local_fields(campaign)))
    return last + _grace(campaign) if last else campaign.scheduled_at


def ends_at(campaign: Campaign) -> datetime | None:
    """From when on launching it would reach nobody: everything of it has expired, or every local hour has passed."""
    if campaign.scheduled_at is None:
        return None
    if is_local(campaign):
        return last_call_at(campaign)
    return campaign.scheduled_at + timedelta(minutes=campaign.expire_after_minutes)


def local_warnings(campaign: Campaign) -> Iterator[FieldProblem]:
    """A local hour in the quiet hours is no mistake, but rarely meant."""
    wall, app = wall_of(campaign), campaign.app
    if wall is None or not is_local(campaign) or not campaign.respects_quiet_hours:
        return
    begin, end = app.quiet_from, app.quiet_until
    if begin and end and _is_within(wall, begin, end):
        words = {"at": f"{wall:%H:%M}", "from": f"{begin:%H:%M}", "until": f"{end:%H:%M}"}
        message = _("%(at)s lies in the quiet hours (%(from)s to %(until)s): everybody gets it at %(until)s") % words
        yield FieldProblem("/scheduled_at", "in_quiet_hours", message)


def _is_within(wall: datetime, begin: Any, end: Any) -> bool:
    at = wall.time()
    return begin <= at < end if begin < end else at >= begin or at < end


def _grace(campaign: Campaign) -> timedelta:
    return min(LATE, timedelta(minutes=campaign.expire_after_minutes))
