"""The truth, computed anew from what the gateways took, what the API answered and what stands in the ledger.

Each check yields the promises it finds broken, in words; none of them believes a count that the product keeps.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cached_property
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from apps.api.soak.check_automations import Arrived, broken_automations
from apps.api.soak.check_caps import broken_caps
from apps.api.soak.check_texts import Text, broken_texts, texts_in
from apps.api.soak.check_webhooks import broken_webhooks, lost_receipts
from apps.api.soak.house import House
from apps.api.soak.journal import Ban, Journal, ban_at, owned_at
from apps.api.soak.listener import Endpoint
from apps.api.soak.world import World
from apps.campaigns.models import AutomationRun, Campaign
from apps.deliveries.delivery_ids import read_delivery_id
from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.queries import report
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.work import IN_FLIGHT
from apps.deliveries.states import OUTCOME_WORDS

# A call that starts within 2 s of a commit may still arrive; the rest is its way on a busy machine.
HOLDS_WITHIN = 2.0
ON_THE_WAY = 0.5
GRACE = HOLDS_WITHIN + ON_THE_WAY
# Of each kind of broken promise so many are told.
TOLD_OF_EACH = 5
_COMPARED_COPIES = 200
# What must be alike in two copies of one message, so that the second takes the place of the first.
_IDENTITY = ("apns-id", "apns-collapse-id", "topic")

type Device = tuple[int, int]
"""Dispatch and device: what a delivery is of."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that a gateway took. at: Unix seconds."""

    id: str
    token: str
    at: float


@dataclass(frozen=True, slots=True)
class Row:
    """What the ledger says of one device."""

    customer_id: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. broken: the promises, in the order of their weight. told: events, to all webhooks; told_twice:
    requests that came once more under an id that had been taken. runs: people who entered automations. texts: SMS
    that the provider took. capped: devices left out by a cap.
    """

    broken: Sequence[str]
    inbox: int
    distinct: int
    duplicates: int
    bound: int
    dispatches: int
    deliveries: int
    outcomes: Mapping[str, int]
    told: int
    told_twice: int
    runs: int
    texts: int
    capped: int


class Checker:
    """Use it once, when nothing moves any more. Cost: about 30 us a delivery."""

    def __init__(
        self, house: House, world: World, journal: Journal, endpoints: Mapping[str, Endpoint], *, crashes: int
    ) -> None:
        self._house, self._world, self._journal, self._endpoints = house, world, journal, endpoints
        self._bound = crashes * IN_FLIGHT + journal.broken_off

    def verdict(self) -> Verdict:
        checks = (
            self._answers(),
            self._ends(),
            self._sums(),
            self._promised(),
            self._subsets(),
            self._duplicates(),
            self._people(),
            self._stops(),
            self._quiet_hours(),
            self._reports(),
            broken_automations(self._journal, self._pushes_at, GRACE),
            broken_texts(self._journal, self._texts, timezone.now(), GRACE),
            broken_caps(),
            lost_receipts(self._journal.opened),
            broken_webhooks(self._endpoints, self._journal, GRACE),
        )
        return Verdict(
            broken=[text for check in checks for text in islice(check, TOLD_OF_EACH)],
            inbox=len(self._arrivals),
            distinct=len(self._copies),
            duplicates=self._copies.total() - len(self._copies),
            bound=self._bound,
            dispatches=len(self._dispatches),
            deliveries=len(self._ledger),
            outcomes=dict(Counter(row.outcome for row in self._ledger.values())),
            told=sum(one.told.total() for one in self._endpoints.values()),
            told_twice=sum(one.repeats for one in self._endpoints.values()),
            runs=AutomationRun.objects.count(),
            texts=len(self._texts),
            capped=sum(row.outcome == "excluded:capped" for row in self._ledger.values()),
        )

    def _answers(self) -> Iterator[str]:
        yield from self._journal.wrong

    def _ends(self) -> Iterator[str]:
        for dispatch in self._dispatches.values():
            if dispatch.finished_at is None:
                yield f"dispatch {dispatch.pk} ({dispatch.kind}) has not ended: {dispatch.state} {dispatch.reason}"
            elif dispatch.state == "failed":
                yield f"dispatch {dispatch.pk} failed: {dispatch.reason}"

    def _sums(self) -> Iterator[str]:
        yield from map(str, check_ledger())

    def _promised(self) -> Iterator[str]:
        """Whoever was told 202 finds every device with an outcome (and one alone: the ledger's key sees to that)."""
        for push in self._journal.promised:
            for delivery_id in push.delivery_ids:
                device = _device_of(delivery_id)
                if device not in self._ledger:
                    yield f"push {push.push_id} was answered 202, but {device} has no outcome"

    def _subsets(self) -> Iterator[str]:
        """accepted <= inbox <= accepted + unknown_outcome."""
        taken = {_device_of(arrival.id) for arrival in self._arrivals}
        for device, row in self._ledger.items():
            if row.outcome == "accepted" and device not in taken:
                yield f"{device} is accepted, but never arrived"
            if device in taken and row.outcome not in ("accepted", "unknown_outcome"):
                yield f"{device} arrived, but is called {row.outcome}"
        for device in taken - self._ledger.keys():
            yield f"{device} arrived, but is not in the ledger"

    def _duplicates(self) -> Iterator[str]:
        repeated = self._copies.total() - len(self._copies)
        if repeated > self._bound:
            yield f"{repeated} duplicates, bound is {self._bound}"
        phones = {(arrival.id, arrival.token) for arrival in self._arrivals}
        if len(phones) != len(self._copies):
            yield f"{len(phones) - len(self._copies)} ids went to two phones"
        twice = [delivery_id for delivery_id, count in self._copies.items() if count > 1]
        for delivery_id in twice[:_COMPARED_COPIES]:
            found = self._house.ask_sandbox("GET", f"/_inbox?notification_id={delivery_id}")["messages"]
            if len({_identity(message) for message in found}) != 1:
                yield f"copies of {delivery_id} differ in what replaces the first: {found}"

    def _people(self) -> Iterator[str]:
        """Nothing for who had opted out, was erased, or had passed the device on."""
        for arrival in self._arrivals:
            device = _device_of(arrival.id)
            row = self._ledger.get(device)
            if row is None:
                continue
            for bans in (self._journal.opted_out, self._journal.erased):
                if ban := ban_at(bans.get(row.customer_id, ()), arrival.at, GRACE):
                    yield _late(device, arrival, ban)
            owners = self._journal.owners.get(device[1], ())
            if owners and not owned_at(owners, row.customer_id, arrival.at, GRACE):
                yield f"{device} arrived at {_shown(arrival.at)} for {row.customer_id}, whose device it was no more"

    def _stops(self) -> Iterator[str]:
        """Nothing while paused, nothing after a cancel."""
        dispatch_of = dict(Campaign.objects.values_list("dispatch_id", "id"))
        for arrival in self._arrivals:
            device = _device_of(arrival.id)
            campaign_id = dispatch_of.get(device[0])
            if campaign_id and (ban := ban_at(self._journal.stopped.get(campaign_id, ()), arrival.at, GRACE)):
                yield _late(device, arrival, ban)

    def _quiet_hours(self) -> Iterator[str]:
        """By the person's zone, else the phone's (which it keeps when it is passed on), else the app's."""
        policies = {key: Policy.from_json(dispatch.policy) for key, dispatch in self._dispatches.items()}
        quiet = {key: one for key, one in policies.items() if one.quiet_hours}
        phones = {one.pk: one.time_zone for one in self._world.devices}
        for arrival in self._arrivals:
            device = _device_of(arrival.id)
            row = self._ledger.get(device)
            if row is None or device[0] not in quiet:
                continue
            policy = quiet[device[0]]
            person, phone = self._world.zones[row.customer_id], phones.get(device[1], "")
            zone = ZoneInfo(person or phone or policy.default_time_zone)
            if _is_quiet(policy, arrival.at, zone) and _is_quiet(policy, arrival.at - GRACE, zone):
                yield f"{device} arrived at {_shown(arrival.at)}, in the quiet hours of {zone}"

    def _reports(self) -> Iterator[str]:
        """What the reports show is what a recount finds."""
        counted: dict[int, Counter[str]] = {}
        for (dispatch_id, _device), row in self._ledger.items():
            counted.setdefault(dispatch_id, Counter())[row.outcome] += 1
        # Device 0 stands for people without one, so the map above has it once a dispatch.
        for dispatch in self._dispatches.values():
            if dispatch.kind != "campaign":
                continue
            shown = report(dispatch)
            told = Counter(shown.outcomes) + Counter({f"excluded:{why}": n for why, n in shown.excluded.items()})
            found = counted.get(dispatch.pk, Counter()) + self._without_device(dispatch)
            if told != found:
                yield f"the report of dispatch {dispatch.pk} says {dict(told)}, its rows {dict(found)}"

    def _without_device(self, dispatch: Dispatch) -> Counter[str]:
        rows = Delivery.objects.filter(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, device_id=0)
        return Counter(OUTCOME_WORDS[one] for one in rows.values_list("outcome", flat=True))

    @cached_property
    def _arrivals(self) -> list[Arrival]:
        fields = "gateway,notification_id,token,received_at"
        told = self._house.ask_sandbox("GET", f"/_inbox?limit=1000000&fields={fields}")
        if told["count"] != len(told["messages"]):
            raise RuntimeError(f"the inbox kept {len(told['messages'])} of {told['count']} messages: soak shorter")
        return [
            Arrival(one["notification_id"], one["token"], datetime.fromisoformat(one["received_at"]).timestamp())
            for one in told["messages"]
            if one["gateway"] != "sms"
        ]

    @cached_property
    def _pushes_at(self) -> list[Arrived]:
        return [(_device_of(arrival.id)[0], arrival.at) for arrival in self._arrivals]

    @cached_property
    def _texts(self) -> list[Text]:
        told = self._house.ask_sandbox("GET", "/_inbox?limit=1000000&gateway=sms&fields=payload,received_at")
        return texts_in(told["messages"])

    @cached_property
    def _copies(self) -> Counter[str]:
        return Counter(arrival.id for arrival in self._arrivals)

    @cached_property
    def _ledger(self) -> dict[Device, Row]:
        rows = Delivery.objects.exclude(device_id=0).values_list("dispatch_id", "device_id", "customer_id", "outcome")
        return {(one[0], one[1]): Row(one[2], OUTCOME_WORDS[one[3]]) for one in rows.iterator(chunk_size=10_000)}

    @cached_property
    def _dispatches(self) -> dict[int, Dispatch]:
        return Dispatch.objects.in_bulk()


def _device_of(delivery_id: str) -> Device:
    key = read_delivery_id(delivery_id)
    return (key.dispatch_id, key.device_id) if key else (0, 0)


def _identity(message: Mapping[str, Any]) -> tuple[Any, ...]:
    headers = {name.lower(): value for name, value in message["headers"].items()}
    return (message["token"], message["gateway"], *(headers.get(name) for name in _IDENTITY))


def _is_quiet(policy: Policy, at: float, zone: ZoneInfo) -> bool:
    assert policy.quiet_hours is not None  # noqa: S101 - asked of those alone
    begin, end = policy.quiet_hours
    local: time = datetime.fromtimestamp(at, zone).time()
    return begin <= local < end if begin < end else local >= begin or local < end


def _late(device: Device, arrival: Arrival, ban: Ban) -> str:
    later = arrival.at - ban.begins
    return f"{device} arrived at {_shown(arrival.at)}, {later:.1f} s after: {ban.why} ({_shown(ban.begins)})"


def _shown(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3]
