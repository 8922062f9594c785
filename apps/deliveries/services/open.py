"""Open: the next slice of each held batch, checked once more just before it is sent, and committed as opened.

What was true at planning may not be now: consent, the device, whose it is. Whoever may not be sent to any more is
decided here, with the reason; the rest becomes messages.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from apps.core.sql import prepared_rows
from apps.customers.queries import facts as facts_from
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.rendering import RenderFailed
from apps.deliveries.services.claim import Held
from apps.deliveries.services.contents import DispatchText, Text
from apps.deliveries.services.pace import Wish
from apps.deliveries.states import GATEWAY_NUMBERS, OUTCOMES, PLATFORM_NUMBERS
from apps.gateways.contract import PushMessage

# A device that was in flight alone each time its worker died is not tried a fourth time.
MOST_CRASHES = 3

_GATEWAYS = [word for word, number in sorted(GATEWAY_NUMBERS.items(), key=lambda pair: pair[1]) if number]
_ACCEPTED = OUTCOMES["accepted"]
_UNKNOWN = OUTCOMES["unknown_outcome"]
_MESSAGE_BAD = OUTCOMES["message_bad"]


@dataclass(frozen=True, slots=True)
class Place:
    """One device of a slice, and which content it gets."""

    device_id: int
    customer_id: int
    variant: int
    platform: int
    language: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A device that has its outcome: one row of the ledger to be."""

    place: Place
    outcome: int
    code: str = ""
    vendor_message_id: str = ""


@dataclass(slots=True)
class Slice:
    """Positions first..last of a batch, opened. places and messages run in parallel; settled need no call.

    may_have_arrived: an earlier call for these devices went without an answer, so they can end only accepted or
    unknown_outcome.
    """

    held: Held
    text: DispatchText
    first: int
    last: int
    opened_at: datetime
    may_have_arrived: bool
    is_probe: bool
    places: list[Place] = field(default_factory=list)
    messages: list[PushMessage] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)

    def outcome_of(self, place: Place, outcome: int, code: str = "", vendor_message_id: str = "") -> Settled:
        """A device's row; where it may already have arrived, nothing but accepted can be claimed any more."""
        if self.may_have_arrived and outcome != _ACCEPTED:
            outcome, code = _UNKNOWN, code or "may_have_arrived"
        return Settled(place, outcome, storable(code)[:60], storable(vendor_message_id))

    def settle(self, place: Place, outcome: int, code: str = "") -> None:
        """Decide a device without a call."""
        self.settled.append(self.outcome_of(place, outcome, code))


def storable(text: str) -> str:
    """A vendor's word without what PostgreSQL cannot store: NUL, and halves of characters."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def open_slices(
    *, wishes: Sequence[Wish], texts: Mapping[int, DispatchText], lease: timedelta, now: datetime
) -> list[Slice]:
    """Open as much of each batch as wished; batches that may not be sent now are missing in the answer.

    A suspect's wish is for one device. Touches batches; commit before sending. Cost: 9 us a device.
    """
    plans = {wish.held.batch_id: _slice(wish, texts[wish.held.dispatch_id], now) for wish in wishes}
    if not plans:
        return []
    slices = list(plans.values())
    found = prepared_rows(
        "deliveries",
        "open_slices",
        {
            "batch_ids": [one.held.batch_id for one in slices],
            "fences": [one.held.fence for one in slices],
            "firsts": [one.first for one in slices],
            "lasts": [one.last for one in slices],
            "is_probe": [one.held.is_probe for one in slices],
            "needs_facts": [one.text.needs_facts for one in slices],
            "gateway_words": _GATEWAYS,
            "leased_until": now + lease,
            "now": now,
        },
    )
    opened = []
    for batch_id, devices in groupby(found, key=lambda row: row[0]):
        slice_ = plans[batch_id]
        for row in devices:
            _place(slice_, row)
        opened.append(slice_)
    return opened


def _slice(wish: Wish, text: DispatchText, now: datetime) -> Slice:
    held = wish.held
    may_have_arrived = held.may_have_arrived or held.is_suspect
    return Slice(held, text, held.recorded, held.recorded + wish.count, now, may_have_arrived, held.is_probe)


def _place(slice_: Slice, row: tuple[Any, ...]) -> None:
    (_batch, device_id, customer_id, variant, is_settled, is_erased, is_opted_out, is_theirs, state, platform) = row[
        :10
    ]
    if is_settled:
        return
    number = PLATFORM_NUMBERS.get(platform, 0)
    language, locale = row[15] or "", row[16] or ""
    text = slice_.text.text_for(variant, language, locale)
    place = Place(device_id, customer_id, variant, number, text.language if text else "")
    if is_erased:
        slice_.settle(place, OUTCOMES["excluded:erased"])
    elif is_opted_out:
        slice_.settle(place, OUTCOMES["excluded:no_consent"])
    elif not is_theirs:
        slice_.settle(place, OUTCOMES["excluded:moved"])
    elif state == "dead":
        slice_.settle(place, OUTCOMES["token_dead"], "retired_before")
    elif state == "quarantined":
        slice_.settle(place, OUTCOMES["excluded:no_live_device"], "quarantined")
    elif slice_.held.crashes >= MOST_CRASHES:
        slice_.settle(place, _UNKNOWN, "crashed")
    elif text is None:
        slice_.settle(place, _MESSAGE_BAD, "no_content")
    else:
        _render(slice_, place, text, row)


def _render(slice_: Slice, place: Place, text: Text, row: tuple[Any, ...]) -> None:
    """Render for one person; a text that fails costs its own recipient alone."""
    body = text.body
    known = {} if body.is_static else {**facts_from(row[17], json.loads(row[18])), **slice_.text.facts}
    try:
        content = body.render(known)
    except RenderFailed as failure:
        slice_.settle(place, _MESSAGE_BAD, failure.code)
        return
    slice_.places.append(place)
    slice_.messages.append(
        PushMessage(
            notification_id=make_delivery_id(
                planned_on=slice_.text.planned_on,
                dispatch_id=slice_.held.dispatch_id,
                device_id=place.device_id,
                variant=place.variant,
            ),
            address=row[10],
            content=content,
            expires_at=slice_.held.expires_at.timestamp(),
            address_kind=row[11],
            environment=row[12],
            webpush_p256dh=row[13],
            webpush_auth=row[14],
        )
    )
