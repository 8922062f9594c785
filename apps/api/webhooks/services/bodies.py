"""Bodies: keys of the ledger and of receipts become events, and events the JSON of a message.

A body is made anew for every try, from the rows as they stand: nobody's name or token is kept in a queue, and who was
erased meanwhile is not named any more.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from apps.api.webhooks.event_types import TEST, TYPE_OF_MEASURE
from apps.core.sql import rows
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.feed import RECEIPTS_FROM
from apps.deliveries.services.alerts import COPY
from apps.deliveries.states import OUTCOME_WORDS

MOST_BYTES = 20_000
# A token that is longer by the time of a second try may still fit.
ROOM = 500


class EventKey(NamedTuple):
    """What a message keeps of an event. receipt: 100 + the receipt's type, 0 for an outcome."""

    planned_on: date
    dispatch_id: int
    customer_id: int
    device_id: int
    receipt: int


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of `data`, but for its sequence."""

    at: datetime
    item: dict[str, Any]


class _Found(NamedTuple):
    """A row of webhook_events.sql."""

    place: int
    variant: int
    outcome: int | None
    code: str | None
    recorded_at: datetime | None
    received_at: datetime | None
    action: str | None
    seen_at: datetime | None
    kind: str
    origin: str
    external_id: str
    customer: str | None
    address: str | None


def events_of(keys: Sequence[EventKey]) -> list[Event | None]:
    """The events in the keys' order; None where the row is gone, or an alert's copy. Cost: 15 us an event."""
    columns = list(zip(*keys, strict=True)) or [(), (), (), (), ()]
    names = ("days", "dispatch_ids", "customer_ids", "device_ids", "receipts")
    found: list[Event | None] = [None] * len(keys)
    for row in rows("api", "webhook_events", dict(zip(names, map(list, columns), strict=True))):
        one = _Found(*row)
        found[one.place - 1] = _event(keys[one.place - 1], one)
    return found


def body_of(type_: str, events: Iterable[tuple[int, Event]], *, at: datetime) -> bytes:
    """A message's body. events: with their sequence. at: the time it carries when it holds no event."""
    told = list(events)
    return _joined(type_, max((event.at for _, event in told), default=at), [_encoded(*one) for one in told])


def test_body(*, at: datetime) -> bytes:
    """What the test button sends."""
    item = {"message": "This is a test of Heliograph. Nothing happened."}
    return _joined(TEST, at, [json.dumps(item, separators=(",", ":")).encode()])


def cut(type_: str, events: Sequence[Event], *, first_sequence: int) -> Iterable[tuple[int, bytes]]:
    """(how many events, body) of one message after the other, each below MOST_BYTES."""
    items: list[bytes] = []
    size, at = 0, datetime.min.replace(tzinfo=UTC)
    for sequence, event in enumerate(events, start=first_sequence):
        item = _encoded(sequence, event)
        if items and size + len(item) > MOST_BYTES - ROOM:
            yield len(items), _joined(type_, at, items)
            items, size = [], 0
        items.append(item)
        size, at = size + len(item) + 1, event.at if not size else max(at, event.at)
    if items:
        yield len(items), _joined(type_, at, items)


def _event(key: EventKey, one: _Found) -> Event | None:
    at = one.received_at if key.receipt else one.recorded_at
    maker, _, number = one.origin.partition(":")
    # What became of the alert itself was told when it happened; its copies are the same delivery.
    if at is None or maker == COPY:
        return None
    is_push = one.kind == "transactional"
    item: dict[str, Any] = {
        "delivery_id": make_delivery_id(
            planned_on=key.planned_on,
            dispatch_id=key.dispatch_id,
            device_id=key.device_id,
            variant=one.variant,
            customer_id=key.customer_id,
        ),
        "push_id": str(key.dispatch_id) if is_push else None,
        "campaign_id": int(number) if maker == "campaign" and number.isdigit() else None,
        "dispatch_id": key.dispatch_id,
        "external_id": one.external_id or None,
        "customer": one.customer,
        "device_token": one.address or None,
        "outcome": OUTCOME_WORDS.get(one.outcome or 0),
        "code": one.code or None,
        "at": _told(at),
    }
    if key.receipt:
        item |= {
            "receipt": TYPE_OF_MEASURE[key.receipt].partition(".")[2],
            "action": one.action or None,
            "at": _told(one.seen_at or at),
        }
    return Event(at, item)


def _encoded(sequence: int, event: Event) -> bytes:
    return json.dumps({**event.item, "sequence": sequence}, ensure_ascii=False, separators=(",", ":")).encode()


def _joined(type_: str, at: datetime, items: Iterable[bytes]) -> bytes:
    return b'{"type":"%b","timestamp":"%b","data":[%b]}' % (type_.encode(), _told(at).encode(), b",".join(items))


def _told(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def receipt_of(type_: str) -> int:
    """The receipt's measure of a message's type; 0 for outcomes."""
    return next((m for m, word in TYPE_OF_MEASURE.items() if word == type_ and m >= RECEIPTS_FROM), 0)
