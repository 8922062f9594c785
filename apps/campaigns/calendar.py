"""What goes out when: sent, set and repeating campaigns of an app by local day, and where they meet the same people."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import OperationalError, connection, transaction
from django.db.models.fields.json import KT

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services.local_time import FARTHEST_AHEAD, is_local
from apps.campaigns.services.occurrences import next_times
from apps.core.sql import Compiled, compiled, rows
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import CAP_LOOKS_BACK
from apps.segments.models import SegmentMember

PLANNED_STATES = ("scheduled", "awaiting_approval")
MOST_ENTRIES = 2000
COUNTING_SECONDS = 5.0
# As many as a mask has bits (sql/audience_masks.sql).
MOST_COUNTED = 256
MOST_READ = 200_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One launch. dispatch_id None: it is still to come; then `repeats` says whether it is one of many.

    is_local: `at` is read on each person's clock, and stands here as that time on the app's.
    """

    at: datetime
    campaign_id: int
    name: str
    dispatch_id: int | None = None
    repeats: bool = False
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two campaigns of a day, and how many people get both."""

    one: int
    other: int
    people: int


@dataclass(frozen=True, slots=True)
class Collisions:
    """people: of each campaign; capped: of them whom the frequency cap will leave out, as far as can be foreseen.

    capped None: it takes too long to say. every: the numbers are those of one person in so many, times so many.
    """

    people: Mapping[int, int]
    meetings: Sequence[Meeting]
    capped: Mapping[int, int] | None
    every: int = 1


def entries_of(app: App, first: date, last: date, now: datetime) -> list[Entry]:
    """Every launch from the one local day to the other, in order. Triggers of the API are none: they have no time."""
    zone = ZoneInfo(app.time_zone)
    begin = datetime.combine(first, time(), zone)
    end = datetime.combine(last + timedelta(days=1), time(), zone)
    found = [*_sent(app, begin, end), *_planned(app, begin, end, now)]
    return sorted(found, key=lambda entry: (entry.at, entry.campaign_id))


def collisions(
    app: App,
    entries: Sequence[Entry],
    now: datetime,
    *,
    limit_seconds: float = COUNTING_SECONDS,
    most_read: int = MOST_READ,
) -> Collisions:
    """Of the launches of a day that are still to come, the first MOST_COUNTED of them. Cost: see README.

    Raises OperationalError where even the people in common take longer than the limit.
    """
    targets = {entry.campaign_id: entry.at for entry in entries if entry.dispatch_id is None}
    targets = dict(islice(targets.items(), MOST_COUNTED))
    ids = list(targets)
    with _limit(limit_seconds):
        every = _sample(ids, most_read)
        met = rows("campaigns", "audiences_in_common", {"most": len(ids)}, people=_people_of(ids, every))
    people = {ids[one]: count * every for one, other, count in met if one == other}
    meetings = [Meeting(ids[one], ids[other], count * every) for one, other, count in met if one != other]
    capped: Mapping[int, int] | None = {}
    if app.cap_count:
        try:
            with _limit(limit_seconds):
                capped = _capped(app, targets, now, every)
        except OperationalError:
            capped = None
    return Collisions(people, sorted(meetings, key=lambda meeting: -meeting.people), capped, every)


def _sample(campaign_ids: Sequence[int], most: int) -> int:
    """One person in how many is counted: all while they have few memberships, else so that about `most` are."""
    asked = Campaign.include_segments.through.objects.filter(campaign__in=campaign_ids)
    found = SegmentMember.objects.filter(segment__in=asked.values("segment"), left_at=None).count()
    every = 1
    while found > most * every:
        every *= 2
    return every


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """A transaction whose statements are ended after so long (OperationalError)."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
        yield


def _sent(app: App, begin: datetime, end: datetime) -> Iterator[Entry]:
    by_origin = {one.origin: one for one in Campaign.objects.filter(app=app).exclude(timing="api").only("pk", "name")}
    # What goes by each person's clock is launched up to so long before its time.
    since, zone = begin - FARTHEST_AHEAD, ZoneInfo(app.time_zone)
    launches = Dispatch.objects.filter(app=app, kind="campaign", created_at__gte=since, created_at__lt=end)
    found = launches.filter(origin__in=by_origin).order_by("created_at")
    told = found.values_list("pk", "origin", "created_at", KT("policy__local_at"))
    for pk, origin, created_at, local_at in told[:MOST_ENTRIES]:
        at = datetime.fromisoformat(local_at).replace(tzinfo=zone) if local_at else created_at
        if begin <= at < end:
            one = by_origin[origin]
            yield Entry(at, one.pk, one.name, dispatch_id=pk, is_local=bool(local_at))


def _planned(app: App, begin: datetime, end: datetime, now: datetime) -> Iterator[Entry]:
    for campaign in Campaign.objects.filter(app=app, state__in=PLANNED_STATES).select_related("app"):
        for at in _times(campaign, max(begin, now), end):
            repeats = campaign.timing == "repeat"
            yield Entry(at, campaign.pk, campaign.name, repeats=repeats, is_local=is_local(campaign))


def _times(campaign: Campaign, begin: datetime, end: datetime) -> list[datetime]:
    if campaign.timing == "repeat":
        most = (end - begin).days + 2
        return [at for at in next_times(campaign, begin - timedelta(seconds=1), max(most, 0)) if at < end]
    at = campaign.scheduled_at if campaign.timing == "at" else None
    return [at] if at is not None and begin <= at < end else []


def _before(app: App, campaign_id: int, at: datetime, window: timedelta, now: datetime) -> Iterator[Entry]:
    """What is planned in its window before it."""
    for entry in _planned(app, max(at - window, now), at, now):
        if (entry.at, entry.campaign_id) < (at, campaign_id):
            yield entry


def _people_of(campaign_ids: Sequence[int], every: int) -> Compiled:
    """Who is in their audiences, as audience_masks has it; a campaign's place is its place here."""
    place = {campaign_id: number for number, campaign_id in enumerate(campaign_ids)}
    said = [
        (place[campaign_id], segment_id, is_refused)
        for through, is_refused in ((Campaign.include_segments, False), (Campaign.exclude_segments, True))
        for campaign_id, segment_id in through.through.objects.filter(campaign__in=campaign_ids).values_list(
            "campaign", "segment"
        )
    ]
    names = ("places", "segments", "refusals")
    lists = {name: [one[n] for one in said] for n, name in enumerate(names)}
    return compiled("campaigns", "audience_masks", {**lists, "every": every})


def _capped(app: App, targets: Mapping[int, datetime], now: datetime, every: int) -> dict[int, int]:
    """Of each that heeds the cap; what is planned before it counts as far as there are places."""
    window = timedelta(days=app.cap_days)
    capped_ids = _capped_ids(targets)
    heeding = {pk: at for pk, at in targets.items() if pk in capped_ids}
    if not heeding or app.cap_count is None:
        return {}
    times = Counter(
        (pk, entry.campaign_id) for pk, at in heeding.items() for entry in _before(app, pk, at, window, now)
    )
    ids = list(dict.fromkeys([*heeding, *(other for _target, other in times)]))[:MOST_COUNTED]
    place = {campaign_id: number for number, campaign_id in enumerate(ids)}
    before = [(place[target], place[other], count) for (target, other), count in times.items() if other in place]
    since = min(heeding.values()) - window
    values: dict[str, Any] = {
        "targets": [place[pk] for pk in heeding],
        "sinces": [at - window for at in heeding.values()],
        "before_targets": [one[0] for one in before],
        "before_places": [one[1] for one in before],
        "before_times": [one[2] for one in before],
        "app_id": app.pk,
        "since": since,
        "planned_since": (since - CAP_LOOKS_BACK).date(),
        "cap_count": app.cap_count,
    }
    found = rows("campaigns", "predicted_caps", values, people=_people_of(ids, every))
    return {ids[one]: people * every for one, people in found}


def _capped_ids(campaign_ids: Iterable[int]) -> set[int]:
    return set(Campaign.objects.filter(pk__in=list(campaign_ids), respects_cap=True).values_list("pk", flat=True))
