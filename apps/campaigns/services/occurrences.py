"""A repeating campaign: each of its times once. One that was missed is written down, never made up for in a burst.

The campaign stays `scheduled`, with its next time in scheduled_at, until its last one is launched.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from apps.campaigns.models import Campaign, Occurrence
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.moments import earliest_start

# An app that was away for longer has more to do than to list what it missed.
MOST_MISSED = 400


def next_time(campaign: Campaign, after: datetime, *, past: date = date.min) -> datetime | None:
    """Its first time after `after` on a day it has not gone out on yet; None = it has come to its end.

    past: a day that has been dealt with before its time, which came for the first zones only.
    """
    days = (day for day in _days_left(campaign, after) if day > past)
    return next((campaign.recurrence.moment(day) for day in days), None)


def next_times(campaign: Campaign, after: datetime, most: int) -> list[datetime]:
    return [campaign.recurrence.moment(day) for day in islice(_days_left(campaign, after), most)]


def days_due(campaign: Campaign, now: datetime) -> list[date]:
    """Its local days whose time has come since scheduled_at, that time included; the last is the one to launch."""
    if campaign.scheduled_at is None:
        return []
    rule = campaign.recurrence
    first = rule.local_day(campaign.scheduled_at)
    come = takewhile(lambda day: begins_on(campaign, day) <= now, rule.days_from(first))
    return [first, *islice((day for day in come if day != first), MOST_MISSED)]


def begins_on(campaign: Campaign, day: date) -> datetime:
    """When that day's launch begins: at its time, or, on each person's clock, as the first zone has it."""
    moment = campaign.recurrence.moment(day)
    if campaign.clock == "app":
        return moment
    wall = datetime.combine(day, campaign.repeat_time)
    return earliest_start(Policy(**local_policy(campaign, wall))) or moment


def local_policy(campaign: Campaign, wall: datetime) -> dict[str, Any]:
    """The fields of Policy for this time on each person's clock."""
    return {"local_at": wall.isoformat(timespec="minutes"), "by_habit": campaign.clock == "habit"}


def note_occurrence(
    campaign: Campaign, day: date, outcome: str, now: datetime, *, reason: str = "", dispatch: Dispatch | None = None
) -> None:
    """Write down what became of one day, for a caller that holds the campaign. A launch is never unsaid."""
    if Occurrence.objects.filter(campaign=campaign, on_day=day, outcome="launched").exists():
        return
    said = {
        "planned_at": campaign.recurrence.moment(day),
        "outcome": outcome,
        "reason": reason[:300],
        "dispatch": dispatch,
        "created_at": now,
    }
    Occurrence.objects.update_or_create(campaign=campaign, on_day=day, defaults=said)


def go_on(campaign: Campaign, now: datetime, *, past: date) -> bool:
    """Set scheduled_at to its next time after this day; False = there is none, and scheduled_at is as it was."""
    after = next_time(campaign, now, past=past)
    if after is not None:
        Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=after, launching_until=None)
        campaign.scheduled_at = after
    return after is not None


def last_time(campaign: Campaign, now: datetime, *, within: timedelta) -> datetime:
    """Its last time before now + within; now where there is none."""
    end = now + within
    times = (campaign.recurrence.moment(day) for day in _days_left(campaign, now))
    return max(takewhile(lambda at: at < end, times), default=now)


def _days_left(campaign: Campaign, after: datetime) -> Iterator[date]:
    """A day it went out on is no day for it again, also when it was edited since."""
    gone = set(campaign.occurrences.filter(outcome="launched").values_list("on_day", flat=True))
    days = (day for day in campaign.recurrence.days_after(after) if day not in gone)
    return days if campaign.repeat_times is None else islice(days, max(0, campaign.repeat_times - len(gone)))
