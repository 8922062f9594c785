"""Numbers beside campaigns on lists and the dashboard: a fixed count of queries however many rows are shown."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncDay
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign
from apps.core.templatetags.house import Column
from apps.customers.models import Customer
from apps.deliveries.models import Delivery, Dispatch, DispatchCount, HourCount, Receipt
from apps.deliveries.queries import RECEIPT_MEASURES, SMALL_DISPATCH, counts_of_origins
from apps.deliveries.states import OUTCOMES, RECEIPT_TYPES
from apps.devices.models import Channel, Device

SENT = OUTCOMES["accepted"]
OPENED = RECEIPT_MEASURES + RECEIPT_TYPES["opened"]
CAMPAIGN_KINDS = ("campaign", "transactional", "automation")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a campaign's row shows. done: devices with an outcome, excluded ones included."""

    planned: int = 0
    done: int = 0
    sent: int = 0
    opened: int = 0


def numbers_of(dispatches: Iterable[Dispatch]) -> dict[int, Numbers]:
    """Numbers by dispatch id, in three queries at most.

    Small dispatches keep no counts of their own: their ledger rows are counted.
    """
    by_id = {dispatch.pk: dispatch for dispatch in dispatches}
    small = [one for one in by_id.values() if one.planned_devices < SMALL_DISPATCH]
    counts = {**_folded_counts(by_id), **_ledger_counts(small)}
    return {pk: _as_numbers(dispatch, counts.get(pk, {})) for pk, dispatch in by_id.items()}


def _folded_counts(dispatch_ids: Collection[int]) -> dict[int, dict[int, int]]:
    rows = DispatchCount.objects.filter(dispatch_id__in=dispatch_ids).values_list("dispatch_id", "measure")
    return _by_dispatch(rows.annotate(total=Sum("count")))


def _ledger_counts(dispatches: Collection[Dispatch]) -> dict[int, dict[int, int]]:
    if not dispatches:
        return {}
    place = {
        "planned_on__in": {one.planned_on for one in dispatches},
        "dispatch_id__in": [one.pk for one in dispatches],
    }
    outcomes = Delivery.objects.filter(**place).values_list("dispatch_id", "outcome")
    receipts = Receipt.objects.filter(**place).values_list("dispatch_id", F("type") + RECEIPT_MEASURES)
    return _by_dispatch([*outcomes.annotate(total=Count("*")), *receipts.annotate(total=Count("*"))])


def _by_dispatch(rows: Iterable[tuple[int, int, int]]) -> dict[int, dict[int, int]]:
    counts: dict[int, dict[int, int]] = {}
    for dispatch_id, measure, total in rows:
        counts.setdefault(dispatch_id, {})[measure] = total
    return counts


def _as_numbers(dispatch: Dispatch, counts: Mapping[int, int]) -> Numbers:
    return Numbers(
        planned=dispatch.planned_devices,
        done=sum(count for measure, count in counts.items() if measure < RECEIPT_MEASURES),
        sent=counts.get(SENT, 0),
        opened=counts.get(OPENED, 0),
    )


def campaigns_on_screen(app_ids: Sequence[int]) -> QuerySet[Campaign]:
    """Campaigns with all that a row of a list shows."""
    rows = Campaign.objects.filter(app_id__in=app_ids).select_related("app", "dispatch")
    return rows.prefetch_related("include_segments")


def reachable_people(app_ids: Sequence[int]) -> int:
    """People with a device that may be sent to, who did not say no. Cost: 2 µs a person."""
    live = Device.objects.filter(customer_id=OuterRef("pk"), state__in=["active", "stale"])
    return Customer.objects.filter(Exists(live), app_id__in=app_ids).exclude(push_consent=False).count()


def known_people(app_ids: Sequence[int]) -> int:
    return Customer.objects.filter(app_id__in=app_ids, erased_at=None, merged_into=None).count()


def sent_and_opened(app_ids: Sequence[int], *, since: datetime, until: datetime | None = None) -> tuple[int, int]:
    """Pushes handed over and opened between two full hours."""
    hours = HourCount.objects.filter(app_id__in=app_ids, kind__in=CAMPAIGN_KINDS, hour__gte=since)
    if until:
        hours = hours.filter(hour__lt=until)
    total = hours.aggregate(sent=Sum("count", filter=Q(measure=SENT)), opened=Sum("count", filter=Q(measure=OPENED)))
    return total["sent"] or 0, total["opened"] or 0


def days_of_sending(app_ids: Sequence[int], *, now: datetime, zone: str, days: int = 14) -> list[Column]:
    """Sent and opened for each of the last `days` days on the clock of `zone`, quiet days included."""
    clock = ZoneInfo(zone)
    today = now.astimezone(clock).date()
    first = today - timedelta(days=days - 1)
    hours = HourCount.objects.filter(
        app_id__in=app_ids,
        kind__in=CAMPAIGN_KINDS,
        measure__in=[SENT, OPENED],
        hour__gte=datetime.combine(first, datetime.min.time(), clock),
    )
    rows = hours.annotate(day=TruncDay("hour", tzinfo=clock)).values_list("day", "measure").annotate(Sum("count"))
    found = {(day.date(), measure): total for day, measure, total in rows}
    return [_day(first + timedelta(days=index), found) for index in range(days)]


def _day(day: date, found: Mapping[tuple[date, int], int]) -> Column:
    values = (found.get((day, SENT), 0), found.get((day, OPENED), 0))
    return Column(date_format(day, "j M"), values)


def channels_of(app_ids: Sequence[int]) -> QuerySet[Channel]:
    return Channel.objects.filter(app_id__in=app_ids).select_related("app").order_by("app__name", "gateway")


def audience_words(campaign: Campaign) -> str:
    """The names of the included segments, as one line; the API names its people itself. Reads the prefetched rows."""
    if campaign.timing == "api":
        return _("whom each call names")
    return ", ".join(segment.name for segment in campaign.include_segments.all())


def attach_numbers(campaigns: Sequence[Any]) -> None:
    """Give every campaign of a page its `numbers`, and the best opened rate among them (the full length of a bar)."""
    lasting = [campaign for campaign in campaigns if campaign.is_lasting]
    found = numbers_of(one.dispatch for one in campaigns if one.dispatch and not one.is_lasting)
    summed = numbers_of_launches(lasting) if lasting else {}
    for campaign in campaigns:
        campaign.numbers = summed.get(campaign.pk) or found.get(campaign.dispatch_id, Numbers())
    best = max((one.numbers.opened / one.numbers.sent for one in campaigns if one.numbers.sent), default=0)
    for campaign in campaigns:
        campaign.best_rate = best


def numbers_of_launches(campaigns: Sequence[Campaign]) -> dict[int, Numbers]:
    """Numbers by campaign id, all launches of each together, in two queries."""
    origins = {campaign.origin: campaign.pk for campaign in campaigns}
    app_ids = sorted({campaign.app_id for campaign in campaigns})
    launches = Dispatch.objects.filter(app__in=app_ids, kind="campaign", origin__in=origins)
    planned = dict(launches.values_list("origin").annotate(Sum("planned_devices")))
    counted = counts_of_origins(app_ids=app_ids, origins=list(origins))
    return {
        pk: Numbers(
            planned=planned.get(origin, 0),
            done=sum(one.count for one in counted.get(origin, []) if not one.is_receipt),
            sent=sum(one.count for one in counted.get(origin, []) if one.word == "accepted"),
            opened=sum(one.count for one in counted.get(origin, []) if one.word == "opened"),
        )
        for origin, pk in origins.items()
    }
