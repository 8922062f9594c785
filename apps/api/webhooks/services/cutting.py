"""Cutting: what the feed holds for an endpoint becomes messages, and the endpoint's position moves, in one transaction.

So a process killed at any moment loses no event and makes none twice. While an endpoint fails its feed is not read:
what happens meanwhile costs nothing and waits in the ledger.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import uuid_utils
from django.db import transaction

from apps.api.states import WEBHOOK_REPLAY_STATES
from apps.api.webhooks.event_types import EVENT_TYPES, TEST_KIND, TYPE_OF_MEASURE, measures_of
from apps.api.webhooks.models import WebhookEndpoint, WebhookMessage, WebhookReplay
from apps.api.webhooks.services.bodies import Event, EventKey, cut, events_of
from apps.deliveries.feed import (
    LARGE_PAGE,
    RECEIPTS_FROM,
    Page,
    Position,
    Row,
    behind,
    newest_page,
    pages_after,
    pages_again,
    read_part,
    read_rows,
)

# So many messages that could be sent now are enough; so many that wait for another try are too many.
MOST_DUE, MOST_WAITING = 64, 10_000
REACHES_BACK = timedelta(days=30)
# So many times it is read on where nothing of it was theirs: other apps' pages may not hold an endpoint up.
_READINGS = 20
_READING = ("active", "failing")
_PLACE = ("state", "feed_xid", "feed_page")

type Bodies = dict[int, bytes]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one reading takes: about so many events, and a page above large_page in parts."""

    events: int = 4_000
    large_page: int = LARGE_PAGE


BOUNDS = Bounds()


def cut_due(*, now: datetime, bounds: Bounds = BOUNDS) -> Bodies:
    """Read the feed for every endpoint that is behind it. Returns the new messages' bodies by row id.

    Touches WebhookMessage, WebhookEndpoint, WebhookReplay. Cost: three queries when no endpoint is behind.
    """
    bodies: Bodies = {}
    reading = list(WebhookEndpoint.objects.filter(state__in=_READING, app__is_active=True).only(*_PLACE))
    newest = newest_page() if reading else (0, 0)
    for endpoint in reading:
        if (endpoint.feed_xid, endpoint.feed_page) < newest and _has_room(endpoint.pk, endpoint.state, now):
            bodies |= _cut_feed(endpoint.pk, now, bounds)
    running = WebhookReplay.objects.filter(state="running", endpoint__state="active", endpoint__app__is_active=True)
    for replay_id, endpoint_id in running.order_by("pk").values_list("pk", "endpoint_id"):
        if _has_room(endpoint_id, "active", now):
            bodies |= _cut_replay(endpoint_id, replay_id, now, bounds)
    return bodies


def _has_room(endpoint_id: int, state: str, now: datetime) -> bool:
    """A failing endpoint gets new messages only where it has none to be tried with."""
    waiting = WebhookMessage.objects.filter(endpoint=endpoint_id, state="waiting")
    if state == "failing":
        return not waiting.exists()
    return (
        waiting.filter(due_at__lte=now)[:MOST_DUE].count() < MOST_DUE and waiting[:MOST_WAITING].count() < MOST_WAITING
    )


@transaction.atomic
def _cut_feed(endpoint_id: int, now: datetime, bounds: Bounds) -> Bodies:
    endpoint = _locked(endpoint_id)
    if endpoint is None:
        return {}
    position = Position(endpoint.feed_xid, endpoint.feed_page, endpoint.feed_customer, endpoint.feed_device)
    found, reached = _read(pages_after, position, endpoint, now, bounds)
    if reached == position:
        return {}
    bodies = _messages(endpoint, found, now, is_replay=False)
    endpoint.feed_xid, endpoint.feed_page = reached.xid, reached.page_id
    endpoint.feed_customer, endpoint.feed_device = reached.customer_id, reached.device_id
    endpoint.read_at = now
    fields = ["feed_xid", "feed_page", "feed_customer", "feed_device", "read_at", "sequence"]
    endpoint.save(update_fields=fields)
    return bodies


@transaction.atomic
def _cut_replay(endpoint_id: int, replay_id: int, now: datetime, bounds: Bounds) -> Bodies:
    endpoint = _locked(endpoint_id)
    replay = WebhookReplay.objects.filter(pk=replay_id, state="running").first()
    if endpoint is None or replay is None:
        return {}
    position = Position(0, replay.next_page, replay.next_customer, replay.next_device)

    def pages_of_span(after: Position) -> list[Page]:
        return pages_again(
            app_id=endpoint.app_id,
            page_id=after.page_id,
            last_page_id=replay.last_page,
            since=replay.since,
            until=replay.until,
        )

    found, reached = _read(pages_of_span, position, endpoint, now, bounds)
    if reached == position:
        WEBHOOK_REPLAY_STATES.move(WebhookReplay.objects.filter(pk=replay_id), "done", finished_at=now)
        return {}
    bodies = _messages(endpoint, found, now, is_replay=True)
    endpoint.save(update_fields=["sequence"])
    WebhookReplay.objects.filter(pk=replay_id).update(
        next_page=reached.page_id,
        next_customer=reached.customer_id,
        next_device=reached.device_id,
        events=replay.events + len(found),
    )
    return bodies


def _locked(endpoint_id: int) -> WebhookEndpoint | None:
    """The endpoint, ours until the transaction ends; None while another process has it, or where it is disabled."""
    ours = WebhookEndpoint.objects.select_for_update(skip_locked=True, of=("self",))
    return ours.filter(pk=endpoint_id, state__in=_READING).first()


def _read(
    pages_behind: Callable[[Position], list[Page]],
    position: Position,
    endpoint: WebhookEndpoint,
    now: datetime,
    bounds: Bounds,
) -> tuple[list[Row], Position]:
    """The next rows that are theirs, and the position behind them; the same position where nothing more stands."""
    found: list[Row] = []
    for _ in range(_READINGS):
        pages = pages_behind(position)
        if not pages:
            break
        found, position = _taken(pages, position, endpoint, now, bounds)
        if found:
            break
    return found, position


def _taken(
    pages: Sequence[Page], position: Position, endpoint: WebhookEndpoint, now: datetime, bounds: Bounds
) -> tuple[list[Row], Position]:
    """The rows of as many pages as the bounds allow, and the position behind them."""
    measures, oldest = measures_of(endpoint.types), now - REACHES_BACK
    chosen: list[Page] = []
    count, last = 0, position
    for page in pages:
        is_theirs = page.app_id == endpoint.app_id and page.kind != TEST_KIND and page.written_at >= oldest
        wanted = page.count(measures) if is_theirs else 0
        if wanted > bounds.large_page or (wanted and position.is_within and not chosen and last == position):
            if chosen:
                break
            return read_part(page, last, measures, most=bounds.events)
        if chosen and count + wanted > bounds.events:
            break
        if wanted:
            chosen.append(page)
            count += wanted
        last = behind(page)
    return read_rows(chosen, measures), last


def _messages(endpoint: WebhookEndpoint, found: Sequence[Row], now: datetime, *, is_replay: bool) -> Bodies:
    """Write the messages of these rows, each of one type. Moves the endpoint's sequence."""
    keys = [EventKey(*row[2:], row.measure if row.measure >= RECEIPTS_FROM else 0) for row in found]
    by_type: dict[str, list[tuple[EventKey, Event]]] = {}
    for row, key, event in zip(found, keys, events_of(keys), strict=True):
        if event is not None:
            by_type.setdefault(TYPE_OF_MEASURE[row.measure], []).append((key, event))
    made: list[tuple[WebhookMessage, bytes]] = []
    for type_ in EVENT_TYPES:
        made += _messages_of_type(endpoint, type_, by_type.get(type_, []), now, is_replay=is_replay)
    WebhookMessage.objects.bulk_create([message for message, _ in made])
    return {message.pk: body for message, body in made}


def _messages_of_type(
    endpoint: WebhookEndpoint,
    type_: str,
    events: Sequence[tuple[EventKey, Event]],
    now: datetime,
    *,
    is_replay: bool,
) -> list[tuple[WebhookMessage, bytes]]:
    made, place = [], 0
    for count, body in cut(type_, [event for _, event in events], first_sequence=endpoint.sequence + 1):
        days, dispatch_ids, customer_ids, device_ids, _receipts = zip(
            *(key for key, _ in events[place : place + count]), strict=True
        )
        message = WebhookMessage(
            endpoint=endpoint,
            message_id=f"msg_{uuid_utils.uuid7().hex}",
            type=type_,
            days=list(days),
            dispatch_ids=list(dispatch_ids),
            customer_ids=list(customer_ids),
            device_ids=list(device_ids),
            first_sequence=endpoint.sequence + 1,
            is_replay=is_replay,
            created_at=now,
            due_at=now,
        )
        made.append((message, body))
        endpoint.sequence += count
        place += count
    return made
