"""Questions to the engine: reports, progress, the log, one delivery's story."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db.models.functions import Coalesce

from apps.core.sql import rows
from apps.customers.models import Customer
from apps.customers.queries import ids_of_people
from apps.deliveries.delivery_ids import make_delivery_id, read_delivery_id
from apps.deliveries.models import Batch, Delivery, Dispatch, LedgerPage, Receipt, Retry
from apps.deliveries.states import GATEWAY_WORDS, OUTCOME_WORDS, OUTCOMES, PLATFORM_WORDS, RECEIPT_WORDS
from apps.devices.models import Device

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
    counts = counts_of(dispatch)
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
        dispatch_id=dispatch.pk,
        state=dispatch.state,
        planned_people=dispatch.planned_people,
        planned_devices=dispatch.planned_devices,
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


@dataclass(frozen=True, slots=True)
class LogFilters:
    """What the delivery log is narrowed to; None and "" = any. address: the device's token or endpoint, exactly."""

    dispatch_id: int | None = None
    external_id: str = ""
    customer_id: int | None = None
    customer_external_id: str = ""
    address: str = ""
    outcomes: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogRow:
    """One delivery of the log."""

    delivery_id: str
    dispatch_id: int
    dispatch_name: str
    kind: str
    external_id: str
    customer_id: int
    customer_external_id: str
    device_id: int
    platform: str
    gateway: str
    outcome: str
    code: str
    variant: int
    language: str
    attempt: int
    vendor_message_id: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class LogPage:
    """Newest dispatch first. next_cursor None = the end."""

    rows: Sequence[LogRow]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ReceiptSeen:
    """A receipt as it is shown."""

    type: str
    at: datetime
    action: str


@dataclass(frozen=True, slots=True)
class Story:
    """All that happened to one delivery. status: "queued" while it has no outcome. retry_at: its next try, if any."""

    delivery_id: str
    dispatch: Dispatch
    device_id: int
    customer_id: int
    status: str
    code: str
    tries: int
    vendor_message_id: str
    recorded_at: datetime | None
    retry_at: datetime | None
    receipts: Sequence[ReceiptSeen]


class InvalidCursor(Exception):
    """The cursor is none that this log gave."""


def delivery_log(*, app_ids: Sequence[int], filters: LogFilters, cursor: str | None, limit: int) -> LogPage:
    """A page of the ledger, newest dispatch first, keyset-paged. Raises InvalidCursor.

    Cost: 1 ms by customer, address or dispatch; by outcome or time alone it walks the key backwards.
    """
    found, next_cursor = ledger_page(app_ids=app_ids, filters=filters, cursor=cursor, limit=limit)
    return LogPage(_log_rows(found), next_cursor)


def ledger_page(
    *, app_ids: Sequence[int], filters: LogFilters, cursor: str | None, limit: int
) -> tuple[list[Delivery], str | None]:
    """The rows behind `delivery_log`, as they stand in the ledger, and the next page's cursor."""
    found = Delivery.objects.filter(app_id__in=app_ids)
    if filters.dispatch_id is not None:
        found = found.filter(dispatch_id=filters.dispatch_id)
    if filters.external_id:
        named = Dispatch.objects.filter(app_id__in=app_ids, external_id=filters.external_id)
        found = found.filter(dispatch_id__in=list(named.values_list("id", flat=True)))
    if filters.customer_id is not None:
        found = found.filter(customer_id__in=ids_of_people([filters.customer_id]))
    if filters.customer_external_id:
        theirs = Customer.objects.filter(app_id__in=app_ids, external_id=filters.customer_external_id)
        told = theirs.values_list(Coalesce("merged_into", "id"), flat=True)
        found = found.filter(customer_id__in=ids_of_people(list(told)))
    if filters.address:
        digest = sha256(filters.address.encode()).digest()
        owners = Device.objects.filter(app_id__in=app_ids, address_hash=digest).values_list("id", "customer_id")
        people = ids_of_people([one for _, one in owners])
        found = found.filter(device_id__in=[device for device, _ in owners], customer_id__in=people)
    if filters.outcomes:
        found = found.filter(outcome__in=[OUTCOMES[word] for word in filters.outcomes])
    if filters.since:
        found = found.filter(recorded_at__gte=filters.since)
    if filters.until:
        found = found.filter(recorded_at__lt=filters.until, planned_on__lte=filters.until.date())
    if cursor:
        found = found.filter(pk__lt=_read_cursor(cursor))
    rows_ = list(found.order_by("-planned_on", "-dispatch_id", "-customer_id", "-device_id")[: limit + 1])
    more = rows_[limit - 1] if len(rows_) > limit else None
    return rows_[:limit], _make_cursor(more) if more else None


def delivery_story(*, app_ids: Sequence[int], delivery_id: str) -> Story | None:
    """Everything about one delivery; None where the id is not ours, or another app's."""
    key = read_delivery_id(delivery_id)
    dispatch = key and Dispatch.objects.filter(id=key.dispatch_id, app_id__in=app_ids).first()
    if not key or not dispatch:
        return None
    mine = {"dispatch_id": key.dispatch_id, "device_id": key.device_id}
    row = Delivery.objects.filter(planned_on=key.planned_on, **mine).first()
    retry = Retry.objects.filter(**mine).first()
    owner = row or retry or Device.objects.filter(id=key.device_id, app_id__in=app_ids).first()
    if owner is None:
        return None
    receipts = Receipt.objects.filter(planned_on=key.planned_on, **mine).order_by("at", "type")
    return Story(
        delivery_id=delivery_id,
        dispatch=dispatch,
        device_id=key.device_id,
        customer_id=owner.customer_id,
        status=OUTCOME_WORDS[row.outcome] if row else "queued",
        code=row.code if row else (retry.reason if retry else ""),
        tries=row.attempt if row else (retry.tries if retry else 0),
        vendor_message_id=row.vendor_message_id if row else "",
        recorded_at=row.recorded_at if row else None,
        retry_at=retry.due_at if retry else None,
        receipts=[ReceiptSeen(RECEIPT_WORDS[one.type], one.at, one.action) for one in receipts],
    )


def push_state(dispatch: Dispatch) -> dict[str, Any]:
    """The API's view of a transactional push: every device with its status and receipts."""
    return push_states([dispatch])[0]


def push_states(dispatches: Sequence[Dispatch]) -> list[dict[str, Any]]:
    """The same of many, in their order. Cost: four queries in all."""
    key = {"dispatch_id__in": [one.pk for one in dispatches], "planned_on__in": {one.planned_on for one in dispatches}}
    ledger = {(row.dispatch_id, row.device_id): row for row in Delivery.objects.filter(**key)}
    receipts: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for one in Receipt.objects.filter(**key).order_by("at", "type"):
        said = {"type": RECEIPT_WORDS[one.type], "at": one.at.isoformat()}
        receipts.setdefault((one.dispatch_id, one.device_id), []).append(said)
    planned: dict[int, set[int]] = {one.pk: set() for one in dispatches}
    begun = set()
    for batch in Batch.objects.filter(dispatch__in=dispatches).only("dispatch_id", "device_ids", "opened"):
        planned[batch.dispatch_id].update(batch.device_ids)
        if batch.opened:
            begun.add(batch.dispatch_id)
    for dispatch_id, device_id in ledger:
        planned[dispatch_id].add(device_id)
    addresses = dict(Device.objects.filter(id__in=set().union(*planned.values())).values_list("id", "address"))
    return [
        {
            "id": str(dispatch.pk),
            "state": _push_word(dispatch, dispatch.pk in begun),
            "external_id": dispatch.external_id or None,
            "created_at": dispatch.created_at.isoformat(),
            "deliveries": [
                _push_delivery(
                    dispatch,
                    device_id,
                    addresses.get(device_id),
                    ledger.get((dispatch.pk, device_id)),
                    receipts.get((dispatch.pk, device_id), []),
                )
                for device_id in sorted(planned[dispatch.pk])
            ],
        }
        for dispatch in dispatches
    ]


def _push_delivery(
    dispatch: Dispatch, device_id: int, address: str | None, row: Delivery | None, receipts: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "delivery_id": make_delivery_id(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, device_id=device_id),
        "device_token": address,
        "status": OUTCOME_WORDS[row.outcome] if row else "queued",
        "code": row.code or None if row else None,
        "at": row.recorded_at.isoformat() if row else None,
        "receipts": receipts,
    }


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


def _push_word(dispatch: Dispatch, has_begun: bool) -> str:
    if dispatch.state in ("done", "cancelled"):
        return dispatch.state
    return "sending" if has_begun else "queued"


def _log_rows(found: Sequence[Delivery]) -> list[LogRow]:
    dispatches = Dispatch.objects.in_bulk({row.dispatch_id for row in found})
    people = Customer.objects.filter(id__in={row.customer_id for row in found})
    names = dict(people.values_list("id", Coalesce("merged_into__external_id", "external_id")))
    return [_log_row(row, dispatches[row.dispatch_id], names.get(row.customer_id) or "") for row in found]


def _log_row(row: Delivery, dispatch: Dispatch, customer_external_id: str) -> LogRow:
    return LogRow(
        delivery_id=make_delivery_id(
            planned_on=row.planned_on, dispatch_id=row.dispatch_id, device_id=row.device_id, variant=row.variant
        ),
        dispatch_id=row.dispatch_id,
        dispatch_name=dispatch.name,
        kind=dispatch.kind,
        external_id=dispatch.external_id,
        customer_id=row.customer_id,
        customer_external_id=customer_external_id,
        device_id=row.device_id,
        platform=PLATFORM_WORDS[row.platform],
        gateway=GATEWAY_WORDS[row.gateway],
        outcome=OUTCOME_WORDS[row.outcome],
        code=row.code,
        variant=row.variant,
        language=row.language,
        attempt=row.attempt,
        vendor_message_id=row.vendor_message_id,
        recorded_at=row.recorded_at,
    )


def _make_cursor(row: Delivery) -> str:
    """The key of the page's last row."""
    text = f"{row.planned_on:%Y%m%d}.{row.dispatch_id}.{row.customer_id}.{row.device_id}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[date, int, int, int]:
    try:
        day, *numbers = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(".")
        dispatch_id, customer_id, device_id = (int(number) for number in numbers)
        return date.fromisoformat(day), dispatch_id, customer_id, device_id
    except ValueError as error:
        raise InvalidCursor(cursor) from error
