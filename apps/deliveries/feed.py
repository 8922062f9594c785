"""The feed: all that is written into ledger and receipts, once, in the order in which transactions ended.

A reader keeps its position. Only what stands behind the oldest running transaction is given out, so nothing recorded
later can come to stand before a position; what is read late is late by that transaction (planning a large campaign).
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection

from apps.core.sql import Compiled, compiled, prepared_rows, rows

PAGES_AT_ONCE = 500
# Above it a page is read in parts, and no further page beside it.
LARGE_PAGE = 5_000
SMALL_DISPATCH = 2_000
RECEIPTS_FROM = 100


@dataclass(frozen=True, slots=True)
class Position:
    """The last page read; in a page read in parts, also the last customer and device of it."""

    xid: int
    page_id: int
    customer_id: int = 0
    device_id: int = 0

    @property
    def is_within(self) -> bool:
        """Whether a part of the next page has been read."""
        return bool(self.customer_id or self.device_id)


@dataclass(frozen=True, slots=True)
class Page:
    """What one transaction wrote about one dispatch. counts: as LedgerPage's."""

    xid: int
    page_id: int
    dispatch_id: int
    planned_on: date
    written_at: datetime
    counts: Sequence[Sequence[int]]
    app_id: int
    kind: str
    is_of_small: bool

    def count(self, measures: Collection[int]) -> int:
        """How many of its rows are of these measures."""
        return sum(entry[3] for entry in self.counts if entry[0] in measures)


class Row(NamedTuple):
    """One outcome or receipt by its key. measure: an outcome's number, or 100 + a receipt type's (customer_id is 0)."""

    at: datetime
    measure: int
    planned_on: date
    dispatch_id: int
    customer_id: int
    device_id: int


class Written(NamedTuple):
    """An outcome or receipt of one delivery, and the page that has it. measure: as Row's."""

    device_id: int
    measure: int
    at: datetime
    xid: int
    page_id: int


def end_of_feed() -> Position:
    """Where a reader begins who wants only what is recorded from now on."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return Position(int(cursor.fetchone()[0]), 0)


def newest_page() -> tuple[int, int]:
    """(xid, page_id) of the last page that is given out now: a reader who stands there need not ask for more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select xid::text::bigint, id from deliveries_ledgerpage"
            " where xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid desc, id desc limit 1"
        )
        found = cursor.fetchone()
    return (int(found[0]), int(found[1])) if found else (0, 0)


def pages_after(position: Position, *, most: int = PAGES_AT_ONCE, small: int = SMALL_DISPATCH) -> list[Page]:
    """The next pages, of every app. small: dispatches of at most so many are read by their key, others by time."""
    values = {"xid": str(position.xid), "page_id": position.page_id, "most": most, "small": small}
    return [_page(found) for found in prepared_rows("deliveries", "feed_pages", values)]


def pages_again(
    *, app_id: int, page_id: int, last_page_id: int, since: datetime, until: datetime, most: int = PAGES_AT_ONCE
) -> list[Page]:
    """An app's pages of a stretch of time, after page_id up to last_page_id."""
    values = {
        "page_id": page_id, "last_page_id": last_page_id, "since": since, "until": until, "app_id": app_id,
        "most": most, "small": SMALL_DISPATCH,
    }  # fmt: skip
    return [_page(found) for found in rows("deliveries", "feed_pages_again", values)]


def pages_between(*, since: datetime, until: datetime, position: Position) -> tuple[int, int]:
    """The numbers of the first and last page of a stretch of time that a reader has passed; (1, 0) = there is none."""
    values = {"since": since, "until": until, "xid": str(position.xid), "page_id": position.page_id}
    ((first, last),) = rows("deliveries", "feed_span", values)
    return (first, last) if first is not None else (1, 0)


def read_rows(pages: Sequence[Page], measures: Collection[int]) -> list[Row]:
    """All rows of these measures that the pages wrote, by time. Pages above LARGE_PAGE: see read_part."""
    found: list[Row] = []
    for name, chosen in (
        ("feed_few", [page for page in pages if page.is_of_small]),
        ("feed_many", [page for page in pages if not page.is_of_small]),
    ):
        if chosen:
            found += map(Row._make, rows("deliveries", name, _span(chosen, measures), page=_asked(chosen)))
    return sorted(found) if len(found) > 1 else found


def read_part(page: Page, position: Position, measures: Collection[int], *, most: int) -> tuple[list[Row], Position]:
    """The next part of a large page of outcomes, and the position behind it."""
    values = {
        "planned_on": page.planned_on, "dispatch_id": page.dispatch_id, "written_at": page.written_at,
        "xid": str(page.xid), "customer_id": position.customer_id, "device_id": position.device_id,
        "measures": list(measures), "most": most,
    }  # fmt: skip
    found = [Row._make(row) for row in rows("deliveries", "feed_page", values)]
    if len(found) < most:
        return found, behind(page)
    return found, replace(position, customer_id=found[-1].customer_id, device_id=found[-1].device_id)


def written_of(
    *, planned_on: date, dispatch_id: int, customer_ids: Collection[int], device_ids: Collection[int]
) -> list[Written]:
    """All that stands in the feed about these devices' deliveries, in its order. customer_ids: of one person."""
    values = {
        "planned_on": planned_on, "dispatch_id": dispatch_id, "customer_ids": list(customer_ids),
        "device_ids": list(device_ids),
    }  # fmt: skip
    return [Written._make(row) for row in rows("deliveries", "feed_delivery", values)]


def behind(page: Page) -> Position:
    """The position of who has read the page whole."""
    return Position(page.xid, page.page_id)


def _page(found: tuple[Any, ...]) -> Page:
    """counts come as the text of a JSON list: Django leaves JSON to its fields."""
    xid, page_id, dispatch_id, planned_on, written_at, counts, app_id, kind, is_of_small = found
    return Page(xid, page_id, dispatch_id, planned_on, written_at, json.loads(counts), app_id, kind, is_of_small)


def _asked(pages: Sequence[Page]) -> Compiled:
    values = {
        "dispatch_ids": [page.dispatch_id for page in pages],
        "days": [page.planned_on for page in pages],
        "written_at": [page.written_at for page in pages],
        "xids": [str(page.xid) for page in pages],
    }
    return compiled("deliveries", "feed_asked", values)


def _span(pages: Sequence[Page], measures: Collection[int]) -> dict[str, object]:
    days, times = [page.planned_on for page in pages], [page.written_at for page in pages]
    span = {"first_day": min(days), "last_day": max(days), "first": min(times), "last": max(times)}
    return {**span, "measures": list(measures)}
