"""Questions to the engine: reports and progress. Single messages: log_queries.py and push_queries.py."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Max, Sum

from apps.core.sql import rows
from apps.deliveries.models import Dispatch, LedgerPage
from apps.deliveries.states import OUTCOME_WORDS, PLATFORM_WORDS, RECEIPT_WORDS

# A dispatch below this makes no counts of its own: its ledger rows are counted when somebody asks.
SMALL_DISPATCH = 100
RECEIPT_MEASURES = 100
FIRST_EXCLUSION = 20
RATE_WINDOW = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Count:
    """So many deliveries ended so, or so many receipts came. word: an outcome, or a receipt type."""

    word: str
    is_receipt: bool
    variant: int
    platform: str
    hour: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a dispatch. Breakdowns hold outcomes (exclusions included) and receipt types side by side."""

    dispatch_id: int
    state: str
    planned_people: int
    planned_devices: int
    outcomes: Mapping[str, int]
    excluded: Mapping[str, int]
    receipts: Mapping[str, int]
    by_platform: Mapping[str, Mapping[str, int]]
    by_variant: Mapping[str, Mapping[str, int]]
    by_hour: Mapping[str, Mapping[str, int]]

    def as_json(self) -> dict[str, Any]:
        """The shape of the API's reports."""
        return {
            "state": self.state,
            "dispatch_id": self.dispatch_id,
            "planned": {"people": self.planned_people, "devices": self.planned_devices},
            "outcomes": dict(self.outcomes),
            "excluded": dict(self.excluded),
            "receipts": dict(self.receipts),
            "by_platform": self.by_platform,
            "by_variant": self.by_variant,
            "by_hour": self.by_hour,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a dispatch is. done: devices with an outcome. rate_per_second: of the last 15 s, exclusions aside."""

    state: str
    reason: str
    planned: int
    done: int
    by_outcome: Mapping[str, int]
    rate_per_second: float
    eta_seconds: float | None


def report(dispatch: Dispatch) -> Report:
    """Exact at every moment: counts not folded yet are included. Cost: 1 ms, whatever the size."""
    planned = (dispatch.planned_people, dispatch.planned_devices)
    return _summed_up(counts_of(dispatch), dispatch.pk, dispatch.state, planned)


def report_of_all(*, app_id: int, origin: str, state: str) -> Report | None:
    """All launches of one maker together, as exact; None where there is none. People count once a launch.

    dispatch_id: the latest. Cost: 1 ms and, for each launch of under SMALL_DISPATCH devices, a walk over its rows.
    """
    launches = Dispatch.objects.filter(app=app_id, origin=origin, kind__in=["campaign", "automation"])
    total = launches.aggregate(latest=Max("id"), people=Sum("planned_people"), devices=Sum("planned_devices"))
    if total["latest"] is None:
        return None
    counts = counts_of_origins(app_ids=[app_id], origins=[origin]).get(origin, [])
    return _summed_up(counts, total["latest"], state, (total["people"], total["devices"]))


def counts_of_origins(*, app_ids: Sequence[int], origins: Sequence[str]) -> dict[str, list[Count]]:
    """The counts of all launches of each of these makers."""
    found: dict[str, list[Count]] = {}
    params = {"app_ids": list(app_ids), "origins": list(origins), "small": SMALL_DISPATCH}
    for origin, *row in rows("deliveries", "counts_of_origins", params):
        found.setdefault(origin, []).append(_count(*row))
    return found


def _summed_up(counts: Sequence[Count], dispatch_id: int, state: str, planned: tuple[int, int]) -> Report:
    outcomes = Counter[str]()
    excluded = Counter[str]()
    receipts = Counter[str]()
    for one in counts:
        if one.is_receipt:
            receipts[one.word] += one.count
        elif one.word.startswith("excluded:"):
            excluded[one.word.removeprefix("excluded:")] += one.count
        else:
            outcomes[one.word] += one.count
    return Report(
        dispatch_id=dispatch_id,
        state=state,
        planned_people=planned[0],
        planned_devices=planned[1],
        outcomes=outcomes,
        excluded=excluded,
        receipts=receipts,
        by_platform=_broken_down(counts, [one.platform for one in counts]),
        by_variant=_broken_down(counts, [str(one.variant) for one in counts]),
        by_hour=_broken_down(counts, [f"{one.hour.astimezone(UTC):%Y-%m-%dT%H:00:00Z}" for one in counts]),
    )


def counts_of(dispatch: Dispatch) -> list[Count]:
    """All counts of a dispatch, by outcome or receipt type, variant, platform and hour."""
    if dispatch.planned_devices < SMALL_DISPATCH:
        return recount(dispatch)
    return [_count(*row) for row in rows("deliveries", "counts", {"dispatch_id": dispatch.pk})]


def recount(dispatch: Dispatch) -> list[Count]:
    """The same, counted afresh from ledger and receipts. Cost: a scan of the dispatch's rows."""
    found = rows("deliveries", "recount", {"dispatch_id": dispatch.pk, "planned_on": dispatch.planned_on})
    return [_count(*row) for row in found]


@dataclass(frozen=True, slots=True)
class ZoneTurn:
    """The devices of one zone that are sent to from `at` on. done: of so many it is known what became of them."""

    at: datetime
    time_zone: str
    devices: int
    done: int


def turns_by_zone(dispatch: Dispatch) -> list[ZoneTurn]:
    """In order; who was left out at planning is in none."""
    return [ZoneTurn(*row) for row in rows("deliveries", "turns", {"dispatch_id": dispatch.pk})]


def progress(dispatch: Dispatch, *, now: datetime) -> Progress:
    """For the live page: where it stands, how fast it goes, when it will be done (None = not moving)."""
    by_outcome = Counter[str]()
    for one in counts_of(dispatch):
        if not one.is_receipt:
            by_outcome[one.word] += one.count
    done = by_outcome.total()
    rate = _rate(dispatch, now)
    left = dispatch.planned_devices - done
    eta = left / rate if rate and left and dispatch.state == "sending" else None
    return Progress(dispatch.state, dispatch.reason, dispatch.planned_devices, done, by_outcome, rate, eta)


def _rate(dispatch: Dispatch, now: datetime) -> float:
    since = max(now - RATE_WINDOW, dispatch.created_at)
    pages = LedgerPage.objects.filter(dispatch_id=dispatch.pk, written_at__gt=since)
    sent = sum(row[3] for page in pages for row in page.counts if row[0] < FIRST_EXCLUSION)
    return sent / max((now - since).total_seconds(), 1.0)


def _count(measure: int, variant: int, platform: int, hour: datetime, count: int) -> Count:
    is_receipt = measure > RECEIPT_MEASURES
    word = RECEIPT_WORDS[measure - RECEIPT_MEASURES] if is_receipt else OUTCOME_WORDS[measure]
    return Count(word, is_receipt, variant, PLATFORM_WORDS[platform], hour, count)


def _broken_down(counts: Sequence[Count], keys: Sequence[str]) -> dict[str, dict[str, int]]:
    """{key: {word: n}}; device 0 has no platform and stands under ""."""
    table: dict[str, Counter[str]] = {}
    for key, one in zip(keys, counts, strict=True):
        table.setdefault(key, Counter())[one.word] += one.count
    return {key: dict(table[key]) for key in sorted(table)}
