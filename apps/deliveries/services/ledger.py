"""The ledger's pen: terminal outcomes are appended, and each writing adds a page a dispatch to the feed."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import NamedTuple

from django.db import connection

from apps.core.sql import execute_prepared, prepared_rows

# Below this a COPY's extra round trips cost more than it saves.
COPY_FROM_ROWS = 20

_COPY = """copy deliveries_delivery (
    planned_on, dispatch_id, customer_id, device_id, app_id, outcome, gateway, platform, variant, attempt, language,
    code, vendor_message_id, recorded_at
) from stdin"""
# What COPY's text format escapes; NUL cannot be stored at all.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})
_LINE = "%s\t" * 13
# A row's part in LedgerPage: dispatch, day, outcome, variant, platform.
_measure = itemgetter(1, 0, 5, 8, 7)

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
    Cost: 1.5 us a row, and 4 us of PostgreSQL.
    """
    if not outcomes:
        return
    write = _insert if may_repeat or len(outcomes) < COPY_FROM_ROWS else _copy
    _write_pages(write(outcomes, now), now)


def _copy(outcomes: Sequence[LedgerRow], now: datetime) -> _Counts:
    lines = _lines(outcomes, now.isoformat())
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.cursor.copy(_COPY) as copy:
        copy.write(lines)
    return Counter(map(_measure, outcomes))


def _lines(outcomes: Sequence[LedgerRow], at: str) -> str:
    """COPY's text. Words are escaped only where any of them needs it: looking at each would cost more than all else."""
    line = f"{_LINE}{at}\n"
    text = "".join([line % row for row in outcomes])
    is_clean = text.count("\t") == len(outcomes) * 13 and text.count("\n") == len(outcomes)
    if is_clean and not any(mark in text for mark in "\\\r\0"):
        return text
    return "".join([line % (*row[:10], *(word.translate(_ESCAPES) for word in row[10:])) for row in outcomes])


def _insert(outcomes: Sequence[LedgerRow], now: datetime) -> _Counts:
    columns = [list(column) for column in zip(*outcomes, strict=True)]
    names = (
        *("planned_on", "dispatch_ids", "customer_ids", "device_ids", "app_ids", "outcomes", "gateways", "platforms"),
        *("variants", "attempts", "languages", "codes", "vendor_message_ids"),
    )
    counted = prepared_rows("deliveries", "record_deliveries", {**dict(zip(names, columns, strict=True)), "now": now})
    return Counter({(*key,): count for *key, count in counted})


def _write_pages(counts: _Counts, now: datetime) -> None:
    if not counts:
        return
    pages: dict[tuple[int, date], list[list[int]]] = defaultdict(list)
    for (dispatch_id, planned_on, *measure), count in counts.items():
        pages[dispatch_id, planned_on].append([*measure, count])
    dispatch_ids, days = zip(*pages, strict=True)
    columns = {"dispatch_ids": list(dispatch_ids), "days": list(days), "counts": list(map(json.dumps, pages.values()))}
    execute_prepared("deliveries", "append_pages", {**columns, "now": now})
