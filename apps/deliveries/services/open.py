"""Open: the next slice of each held batch, committed as opened, its devices read anew.

What was true at planning may not be now: consent, the device, whose it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from apps.core.sql import prepared_rows, rows
from apps.deliveries.services.claim import Held
from apps.deliveries.services.contents import DispatchText
from apps.deliveries.services.pace import Wish
from apps.deliveries.services.personal import facts_given
from apps.deliveries.states import GATEWAY_NUMBERS, OUTCOMES
from apps.gateways.contract import PushMessage

_GATEWAYS = [word for word, number in sorted(GATEWAY_NUMBERS.items(), key=lambda pair: pair[1]) if number]
_ACCEPTED = OUTCOMES["accepted"]
_UNKNOWN = OUTCOMES["unknown_outcome"]


class Place(NamedTuple):
    """One device of a slice, and which content it gets."""

    device_id: int
    customer_id: int
    variant: int
    platform: int
    language: str


class OpenedDevice(NamedTuple):
    """A row of sql/open_slices.sql. columns: in the order of customers.queries.FACT_COLUMNS, None where not needed.

    merged_into: the person whose row this is by now; is_reached_elsewhere: who stands in the dispatch by another id.
    """

    batch_id: int
    device_id: int
    customer_id: int
    variant: int
    is_settled: bool
    is_erased: bool
    is_opted_out: bool
    is_theirs: bool
    state: str | None
    platform: str | None
    address: str
    address_kind: str
    environment: str
    webpush_p256dh: str
    webpush_auth: str
    language: str | None
    locale: str | None
    columns: list[str | None]
    traits: str
    merged_into: int | None
    is_reached_elsewhere: bool


class Settled(NamedTuple):
    """A device that has its outcome: one row of the ledger to be."""

    place: Place
    outcome: int
    code: str = ""
    vendor_message_id: str = ""


@dataclass(slots=True)
class Slice:
    """Positions first..last of a batch, opened. places and messages run in parallel; settled need no call.

    devices: what was read of them, until `prepare` has made places, messages and settled of them; personal: the facts
    given for one of them alone, by customer.
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
    devices: list[OpenedDevice] = field(default_factory=list)
    personal: dict[int, Mapping[str, Any]] = field(default_factory=dict)
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

    A suspect's wish is for one device. Touches batches; commit, then `prepare`. Cost: 9 us a device.
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
            "topics": [one.text.policy.topic for one in slices],
            "gateway_words": _GATEWAYS,
            "leased_until": now + lease,
            "now": now,
        },
    )
    opened = []
    for batch_id, devices in groupby(found, key=itemgetter(0)):
        plans[batch_id].devices = list(map(OpenedDevice._make, devices))
        opened.append(plans[batch_id])
    _mark_reached_elsewhere(opened)
    _add_personal_facts(opened)
    return opened


def _mark_reached_elsewhere(opened: Sequence[Slice]) -> None:
    """Nobody is reached twice because two rows became one person while a dispatch was under way."""
    merged = [
        (one.held.dispatch_id, device.customer_id, device.merged_into)
        for one in opened
        for device in one.devices
        if device.merged_into is not None and not device.is_settled
    ]
    if not merged:
        return
    dispatches, customers, people = map(list, zip(*merged, strict=True))
    parameters = {"dispatch_ids": dispatches, "customer_ids": customers, "person_ids": people}
    elsewhere = set(rows("deliveries", "open_merged", parameters))
    for one in opened:
        one.devices = [
            device._replace(is_reached_elsewhere=(one.held.dispatch_id, device.customer_id) in elsewhere)
            for device in one.devices
        ]


def _add_personal_facts(opened: Sequence[Slice]) -> None:
    """In a query of their own, which few dispatches need."""
    personal = [one for one in opened if one.text.policy.has_personal_facts]
    wanted = {(one.held.dispatch_id, device.customer_id) for one in personal for device in one.devices}
    known = facts_given(list(wanted))
    for one in personal:
        ids = {device.customer_id for device in one.devices}
        given = {customer_id: known.get((one.held.dispatch_id, customer_id)) for customer_id in ids}
        one.personal = {customer_id: facts for customer_id, facts in given.items() if facts}


def _slice(wish: Wish, text: DispatchText, now: datetime) -> Slice:
    held = wish.held
    may_have_arrived = held.may_have_arrived or held.is_suspect
    return Slice(held, text, held.recorded, held.recorded + wish.count, now, may_have_arrived, held.is_probe)
