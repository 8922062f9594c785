"""What goes out when: sent, set and repeating campaigns of an app by local day, and where they meet the same people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models.fields.json import KT

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services.local_time import FARTHEST_AHEAD, is_local
from apps.campaigns.services.occurrences import next_times
from apps.core.sql import rows
from apps.deliveries.models import Dispatch

PLANNED_STATES = ("scheduled", "awaiting_approval")
MOST_ENTRIES = 2000
COUNTING_MILLISECONDS = 5_000
# A push counts against the cap from when it was accepted, which may be days after its dispatch was planned.
CAP_LOOKS_BACK = timedelta(days=7)


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
    """people: of each campaign; capped: of them whom the frequency cap will leave out, as far as can be foreseen."""

    people: Mapping[int, int]
    meetings: Sequence[Meeting]
    capped: Mapping[int, int]


def entries_of(app: App, first: date, last: date, now: datetime) -> list[Entry]:
    """Every launch from the one local day to the other, in order. Triggers of the API are none: they have no time."""
    zone = ZoneInfo(app.time_zone)
    begin = datetime.combine(first, time(), zone)
    end = datetime.combine(last + timedelta(days=1), time(), zone)
    found = [*_sent(app, begin, end), *_planned(app, begin, end, now)]
    return sorted(found, key=lambda entry: (entry.at, entry.campaign_id))


def collisions(app: App, entries: Sequence[Entry], now: datetime) -> Collisions:
    """Of the launches of a day that are still to come. Raises OperationalError where counting takes over 5 s."""
    targets = {entry.campaign_id: entry.at for entry in entries if entry.dispatch_id is None}
    window = timedelta(days=app.cap_days)
    before = {pk: list(_before(app, pk, at, window, now)) for pk, at in targets.items()} if app.cap_count else {}
    asked = {*targets, *(entry.campaign_id for found in before.values() for entry in found)}
    segments = _segments_of(asked)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('statement_timeout', %s, true)", [str(COUNTING_MILLISECONDS)])
        met = rows("campaigns", "audiences_in_common", _segments_of(targets))
        capped = _capped(app, targets, before, segments, window) if before else {}
    people = {one: count for one, other, count in met if one == other}
    meetings = [Meeting(one, other, count) for one, other, count in met if one != other]
    return Collisions(people, sorted(meetings, key=lambda meeting: -meeting.people), capped)


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


def _segments_of(campaign_ids: Iterable[int]) -> dict[str, list[int]]:
    """Parallel arrays for the statements: who is in, who is not."""
    ids = list(campaign_ids)
    include = Campaign.include_segments.through.objects.filter(campaign__in=ids).values_list("campaign", "segment")
    exclude = Campaign.exclude_segments.through.objects.filter(campaign__in=ids).values_list("campaign", "segment")
    found = {"campaigns": list(include), "except_campaigns": list(exclude)}
    return {
        **{name: [pair[0] for pair in pairs] for name, pairs in found.items()},
        **{name.replace("campaigns", "segments"): [pair[1] for pair in pairs] for name, pairs in found.items()},
    }


def _capped(
    app: App,
    targets: Mapping[int, datetime],
    before: Mapping[int, Sequence[Entry]],
    segments: Mapping[str, list[int]],
    window: timedelta,
) -> dict[int, int]:
    capped = {pk: at for pk, at in targets.items() if pk in _capped_ids(targets)}
    times: dict[tuple[int, int], int] = {}
    for target in capped:
        for entry in before[target]:
            times[target, entry.campaign_id] = times.get((target, entry.campaign_id), 0) + 1
    values: dict[str, Any] = {
        **segments,
        "targets": list(capped),
        "sinces": [at - window for at in capped.values()],
        "before_targets": [target for target, _other in times],
        "before_campaigns": [other for _target, other in times],
        "before_times": list(times.values()),
        "app_id": app.pk,
        "planned_since": (min(targets.values()) - window - CAP_LOOKS_BACK).date(),
        "cap_count": app.cap_count,
    }
    return dict(rows("campaigns", "predicted_caps", values))


def _capped_ids(campaign_ids: Iterable[int]) -> set[int]:
    return set(Campaign.objects.filter(pk__in=list(campaign_ids), respects_cap=True).values_list("pk", flat=True))
