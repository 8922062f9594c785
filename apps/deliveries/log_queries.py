"""Questions about single messages: the log, and one delivery's story."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db.models.functions import Coalesce

from apps.customers.models import Customer
from apps.deliveries.delivery_ids import DeliveryKey, make_delivery_id, read_delivery_id
from apps.deliveries.log_search import LogFilters, ledger_page
from apps.deliveries.models import Delivery, Dispatch, Receipt, Retry
from apps.deliveries.states import GATEWAY_WORDS, OUTCOME_WORDS, PLATFORM_WORDS, RECEIPT_WORDS
from apps.devices.models import Device
from apps.devices.queries import owners_of_devices


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
    """Newest first. next_cursor None = the end."""

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


def delivery_log(*, app_ids: Sequence[int], filters: LogFilters, cursor: str | None, limit: int) -> LogPage:
    """A page of the log: what `ledger_page` finds, with the names of people and messages. Raises InvalidCursor."""
    found, next_cursor = ledger_page(app_ids=app_ids, filters=filters, cursor=cursor, limit=limit)
    return LogPage(_log_rows(found), next_cursor)


def kind_of_name(*, app_ids: Sequence[int], name: str) -> str:
    """What somebody typed: delivery, customer, external, token or push, as the log is searched; "" = nothing we know.

    In this order, where it is several of them.
    """
    if read_delivery_id(name):
        return "delivery"
    if Customer.objects.filter(app_id__in=app_ids, external_id=name).exists():
        return "customer"
    if Dispatch.objects.filter(app_id__in=app_ids, external_id=name).exists():
        return "external"
    if Device.objects.filter(app_id__in=app_ids, address_hash=sha256(name.encode()).digest()).exists():
        return "token"
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 19 else 0
    return "push" if number and Dispatch.objects.filter(app_id__in=app_ids, pk=number).exists() else ""


def delivery_story(*, app_ids: Sequence[int], delivery_id: str, customer_id: int | None = None) -> Story | None:
    """Everything about one delivery; None where the id is not ours, or another app's.

    customer_id: whose, where an older id does not say it: many people without a device shared one.
    """
    key = read_delivery_id(delivery_id)
    dispatch = key and Dispatch.objects.filter(id=key.dispatch_id, app_id__in=app_ids).first()
    if not key or not dispatch:
        return None
    mine = {"dispatch_id": key.dispatch_id, "device_id": key.device_id}
    device = Device.objects.filter(id=key.device_id, app_id__in=app_ids).first()
    retry = Retry.objects.filter(**mine).first()  # before the ledger: that is where a device goes from here
    row = _ledger_row(key, device, retry, customer_id if customer_id is not None else key.customer_id or None)
    owner = row or retry or device
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
        retry_at=retry.due_at if retry and not row else None,
        receipts=[ReceiptSeen(RECEIPT_WORDS[one.type], one.at, one.action) for one in receipts],
    )


def _ledger_row(
    key: DeliveryKey, device: Device | None, retry: Retry | None, customer_id: int | None
) -> Delivery | None:
    """By its key, which has the person before the device: whose it can be is asked elsewhere."""
    rows = Delivery.objects.filter(planned_on=key.planned_on, dispatch_id=key.dispatch_id, device_id=key.device_id)
    if customer_id is not None:
        return rows.filter(customer_id=customer_id).first()
    people = [*(owners_of_devices([device]) if device else []), *([retry.customer_id] if retry else [])]
    return rows.filter(customer_id__in=people).first() if key.device_id else None


def _log_rows(found: Sequence[Delivery]) -> list[LogRow]:
    dispatches = Dispatch.objects.in_bulk({row.dispatch_id for row in found})
    people = Customer.objects.filter(id__in={row.customer_id for row in found})
    names = dict(people.values_list("id", Coalesce("merged_into__external_id", "external_id")))
    return [_log_row(row, dispatches[row.dispatch_id], names.get(row.customer_id) or "") for row in found]


def _log_row(row: Delivery, dispatch: Dispatch, customer_external_id: str) -> LogRow:
    return LogRow(
        delivery_id=make_delivery_id(
            planned_on=row.planned_on,
            dispatch_id=row.dispatch_id,
            device_id=row.device_id,
            variant=row.variant,
            customer_id=row.customer_id,
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
