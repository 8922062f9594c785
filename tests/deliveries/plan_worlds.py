"""Random people, policies and changes for the dry run's property tests, and what each change may do to an outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from apps.accounts.models import App
from apps.core.sql import Compiled
from apps.customers.models import Customer
from apps.deliveries.models import Batch, Delivery, Dispatch, OpeningHour
from apps.deliveries.policy import Policy
from apps.deliveries.states import OUTCOME_WORDS
from apps.devices.models import Device
from apps.segments.models import Segment, SegmentMember
from tests.factories import NOW, make_app, make_customer, make_device, make_dispatch, make_segment

ZONES = ["", "UTC", "Europe/Warsaw", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati", "Pacific/Niue", "Mars/Sea"]
SEND = "send"
# What a change may turn an outcome into; "" = the row is gone. A time that passes moves only the hours.
BECOMES = {
    "opted_out": {"no_consent"},
    "erased": {"erased"},
    "capped": {"capped"},
    "left": {""},
    "joined": {SEND, "no_consent", "no_live_device", "capped", "holdout", "erased", "stale", *("missed_hour",)}
    | {"quiet_hours_past_expiry"},
    "device_gone": {"", "no_live_device"},
    "later": {SEND, "holdout", "missed_hour", "quiet_hours_past_expiry"},
}
_MISSED = {"missed_hour", "quiet_hours_past_expiry"}

type Key = tuple[int, int]
type Outcome = tuple[str, int, datetime | None]


@dataclass(frozen=True, slots=True)
class Phone:
    gateway: str
    state: str
    zone: str
    days_unseen: int


@dataclass(frozen=True, slots=True)
class Person:
    """pushes: campaign pushes had yesterday. hour: when they usually open."""

    zone: str
    consent: bool | None
    is_erased: bool
    topics: tuple[str, ...]
    phones: tuple[Phone, ...]
    pushes: int
    hour: int | None
    is_member: bool


@dataclass(slots=True)
class World:
    """The rows. changed: customer -> the words of BECOMES that happened to them since the dry run."""

    app: App
    segment: Segment
    people: list[Customer]
    changed: dict[int, set[str]] = field(default_factory=dict)

    @property
    def audience(self) -> Compiled:
        sql = "select customer_id from segments_segmentmember where segment_id = %(world)s and left_at is null"
        return Compiled(sql, {"world": self.segment.pk})

    def note(self, customer_id: int, word: str) -> None:
        self.changed.setdefault(customer_id, set()).add(word)


phones = st.builds(
    Phone,
    gateway=st.sampled_from(["fcm", "apns"]),
    state=st.sampled_from(["active", "active", "active", "stale", "dead"]),
    zone=st.sampled_from(ZONES),
    days_unseen=st.integers(0, 3),
)
people = st.builds(
    Person,
    zone=st.sampled_from(ZONES),
    consent=st.sampled_from([None, None, True, False]),
    is_erased=st.sampled_from([False] * 7 + [True]),
    topics=st.sampled_from([(), ("news",), ("news", "offers")]),
    phones=st.lists(phones, max_size=3).map(tuple),
    pushes=st.integers(0, 2),
    hour=st.one_of(st.none(), st.integers(0, 23)),
    is_member=st.sampled_from([True, True, True, False]),
)
policies = st.builds(
    Policy,
    topic=st.sampled_from(["", "", "news"]),
    platforms=st.sampled_from([(), (), ("android",)]),
    devices=st.sampled_from(["all", "latest"]),
    cap_count=st.sampled_from([None, 1, 2]),
    quiet_from=st.sampled_from(["", "22:00", "13:00"]),
    quiet_until=st.just("08:00"),
    default_time_zone=st.sampled_from(["UTC", "Europe/Warsaw"]),
    local_at=st.sampled_from(["", "2026-06-01T09:00", "2026-06-01T21:30", "2026-06-02T07:00"]),
    by_habit=st.booleans(),
    missed_hour=st.sampled_from(["skip", "next_day"]),
    shares=st.sampled_from([(100,), (50, 50), (10, 20)]),
    holdout_percent=st.sampled_from([0, 30]),
    salt=st.text("abc", max_size=3),
    excludes_stale=st.booleans(),
    expire_after_seconds=st.sampled_from([1800, 6 * 3600, 24 * 3600]),
)
# What happens, and to which of the people (modulo their number).
changes = st.lists(
    st.tuples(st.sampled_from(["opted_out", "erased", "capped", "left", "joined", "died", "moved"]), st.integers(0, 7)),
    max_size=6,
)
waits = st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(hours=7), timedelta(hours=30)])


def stored(persons: list[Person]) -> World:
    """The world in the database, in an app of its own."""
    app = make_app()
    customers = [_store(app, one) for one in persons]
    members = [customer for customer, one in zip(customers, persons, strict=True) if one.is_member]
    earlier = [make_dispatch(app, audience=_nobody()) for _ in range(2)]
    Dispatch.objects.filter(app=app).update(state="done", finished_at=NOW)
    for customer, person in zip(customers, persons, strict=True):
        for dispatch in earlier[: person.pushes]:
            _remember(dispatch, customer)
    return World(app, make_segment(app, members), customers)


def planned(dispatch: Dispatch) -> dict[Key, Outcome]:
    """Each person and device of a plan: left out and why, or sent to and when. Fails where one stands there twice."""
    found: dict[Key, Outcome] = {}
    for row in Delivery.objects.filter(dispatch_id=dispatch.pk):
        word = OUTCOME_WORDS[row.outcome].removeprefix("excluded:")
        found[row.customer_id, row.device_id] = (word, row.variant, None)
    for batch in Batch.objects.filter(dispatch=dispatch):
        assert batch.expires_at > batch.release_at
        for place in zip(batch.customer_ids, batch.device_ids, batch.variants, strict=True):
            assert place[:2] not in found
            found[place[0], place[1]] = (SEND, place[2], batch.release_at)
    return found


def happen(world: World, word: str, number: int) -> None:
    """One change, as its own room would write it, noted with whom it concerns."""
    customer = world.people[number % len(world.people)]
    row = Customer.objects.filter(pk=customer.pk)
    match word:
        case "opted_out":
            row.update(push_consent=False)
        case "erased":
            row.update(erased_at=NOW)
        case "capped":
            other = Compiled("select %(one)s::bigint as customer_id", {"one": customer.pk})
            make_dispatch(world.app, audience=other)
        case "left":
            SegmentMember.objects.filter(segment=world.segment, customer=customer).update(left_at=NOW)
        case "joined":
            key = {"segment": world.segment, "customer": customer}
            SegmentMember.objects.update_or_create(**key, defaults={"joined_at": NOW, "left_at": None})
        case "died" | "moved":
            _lose_device(world, customer, word, number)
            return
    world.note(customer.pk, word)


def causes(world: World, key: Key, before: Outcome | None, after: Outcome | None, *, is_later: bool) -> set[str]:
    """Which of the changes account for this difference; empty = nothing does."""
    was, word = (before[0] if before else ""), (after[0] if after else "")
    found = {one for one in world.changed.get(key[0], set()) if word in _results(one)}
    if is_later and ({was, word} <= _MISSED | {SEND} or {was, word} <= _MISSED | {"holdout"}):
        found.add("later")
    return found


def _results(word: str) -> set[str]:
    return BECOMES.get(word) or BECOMES["joined"] | {""}  # a device came to them: theirs are chosen anew


def _store(app: App, person: Person) -> Customer:
    fields: dict[str, Any] = {"time_zone": person.zone, "push_consent": person.consent, "topics": list(person.topics)}
    customer = make_customer(app, **fields, erased_at=NOW if person.is_erased else None)
    for phone in person.phones:
        seen = NOW - timedelta(days=phone.days_unseen)
        make_device(customer, gateway=phone.gateway, state=phone.state, time_zone=phone.zone, last_seen_at=seen)
    if person.hour is not None:
        OpeningHour.objects.create(customer_id=customer.pk, app_id=app.pk, hour=person.hour, opens=3, computed_at=NOW)
    return customer


def _remember(dispatch: Dispatch, customer: Customer) -> None:
    values: Mapping[str, Any] = {"outcome": 1, "gateway": 1, "platform": 1, "variant": 0, "attempt": 1}
    Delivery.objects.create(
        planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, customer_id=customer.pk, device_id=1,
        app_id=dispatch.app_id, recorded_at=NOW - timedelta(days=1), **values,
    )  # fmt: skip


def _lose_device(world: World, customer: Customer, word: str, number: int) -> None:
    device = Device.objects.filter(customer=customer).order_by("pk").first()
    if device is None:
        return
    world.note(customer.pk, "device_gone")
    world.note(customer.pk, "device_came")  # where only the latest counts, another takes its place
    if word == "died":
        Device.objects.filter(pk=device.pk).update(state="dead")
        return
    heir = world.people[(number + 1) % len(world.people)]
    Device.objects.filter(pk=device.pk).update(customer=heir)
    world.note(heir.pk, "device_came")


def _nobody() -> Compiled:
    return Compiled("select null::bigint as customer_id where false")
