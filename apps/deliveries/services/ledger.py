"""The ledger's pen: terminal outcomes are appended, and each writing adds a page a dispatch to the feed."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection

from apps.core.sql import rows
from apps.deliveries.models import LedgerPage

# Below this a COPY's extra round trips cost more than it saves.
COPY_FROM_ROWS = 20

_COPY = """copy deliveries_delivery (
    planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
    code, vendor_message_id, recorded_at
) from stdin"""
# What COPY's text format escapes; NUL cannot be stored at all.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})

type _Counts = Counter[tuple[int, date, int, int, int]]


class LedgerRow(NamedTuple):
    """One terminal outcome, in the order of the columns. A plain tuple: a million of them are made."""

    planned_on: date
    dispatch_id: int
    customer_id: int
    device_id: int
    app_id: int
    outcome: int
    gateway: int
    platform: int
    variant: int
    attempt: int
    language: str
    code: str
    vendor_message_id: str


def append_outcomes(*, outcomes: Sequence[LedgerRow], now: datetime, may_repeat: bool) -> None:
    """Append rows and their pages, in the caller's transaction. recorded_at and written_at are `now`.

    may_repeat: some may be there already; those are left as they are. Else a repeat raises IntegrityError.
    Cost: 5 us a row.
    """
    if not outcomes:
        return
    write = _insert if may_repeat or len(outcomes) < COPY_FROM_ROWS else _copy
    _write_pages(write(outcomes, now), now)


def _copy(outcomes: Sequence[LedgerRow], now: datetime) -> _Counts:
    at = now.isoformat()
    lines = [
        f"{row.planned_on}\t{row.dispatch_id}\t{row.customer_id}\t{row.device_id}\t{row.app_id}\t{row.outcome}"
        f"\t{row.gateway}\t{row.platform}\t{row.variant}\t{row.attempt}\t{row.language.translate(_ESCAPES)}"
        f"\t{row.code.translate(_ESCAPES)}\t{row.vendor_message_id.translate(_ESCAPES)}\t{at}\n"
        for row in outcomes
    ]
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.cursor.copy(_COPY) as copy:
        copy.write("".join(lines))
    return Counter((row.dispatch_id, row.planned_on, row.outcome, row.variant, row.platform) for row in outcomes)


def _insert(outcomes: Sequence[LedgerRow], now: datetime) -> _Counts:
    columns = [list(column) for column in zip(*outcomes, strict=True)]
    names = (
        *("planned_on", "dispatch_ids", "customer_ids", "device_ids", "app_ids", "outcomes", "gateways", "platforms"),
        *("variants", "attempts", "languages", "codes", "vendor_message_ids"),
    )
    counted = rows("deliveries", "record_deliveries", {**dict(zip(names, columns, strict=True)), "now": now})
    return Counter({(*key,): count for *key, count in counted})


def _write_pages(counts: _Counts, now: datetime) -> None:
    pages: dict[tuple[int, date], list[list[int]]] = defaultdict(list)
    for (dispatch_id, planned_on, *measure), count in counts.items():
        pages[dispatch_id, planned_on].append([*measure, count])
    LedgerPage.objects.bulk_create(
        LedgerPage(dispatch_id=dispatch_id, planned_on=planned_on, counts=counted, written_at=now)
        for (dispatch_id, planned_on), counted in pages.items()
    )
