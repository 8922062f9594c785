"""SQL and a plain-Python reading agree on random rules over random worlds."""

import hashlib
import json
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import App
from apps.customers.models import Customer, EventType, TraitType
from apps.deliveries.models import Delivery, Dispatch, Receipt
from apps.deliveries.states import OUTCOMES, RECEIPT_TYPES
from apps.devices.models import Device
from apps.segments.models import Segment, SegmentMember
from apps.segments.rules import compile_rule
from apps.segments.services.explanation import explain_member
from tests.factories import NOW, make_app, make_segment
from tests.segments import worlds
from tests.segments.worlds import Person

pytestmark = pytest.mark.django_db


def agree(world: list[Person], rule: dict[str, Any]) -> None:
    """Store the world, ask all three (the explanation of each person, too), and forget the world again."""
    with transaction.atomic():
        app = make_app(time_zone=worlds.ZONE)
        TraitType.objects.bulk_create(TraitType(app=app, name=name, type=kind) for name, kind in worlds.TRAITS.items())
        EventType.objects.bulk_create(
            EventType(app=app, name=name, properties=types) for name, types in worlds.EVENTS.items()
        )
        segments = [make_segment(app) for _ in range(worlds.SEGMENTS)]
        customers = _store(app, world, segments)
        asked = _with_ids(rule, segments)
        found = _selected(asked, app)
        expected = {
            customer.pk
            for customer, person in zip(customers, world, strict=True)
            if not person.is_erased and worlds.matches(rule, person)
        }
        assert found == expected
        explained = {one.pk for one in customers if explain_member(rule=asked, app=app, customer=one, now=NOW).holds}
        assert explained == expected
        transaction.set_rollback(True)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(world=st.lists(worlds.people, min_size=1, max_size=6), rule=worlds.rules)
def test_sql_and_python_agree(world: list[Person], rule: dict[str, Any]) -> None:
    agree(world, rule)


# No transaction around all of it: one that lasts an hour holds back the ledger's feed in every other test.
@pytest.mark.django_db(transaction=True)
@pytest.mark.long
@settings(
    max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(world=st.lists(worlds.people, min_size=1, max_size=6), rule=worlds.rules)
def test_sql_and_python_agree_for_long(world: list[Person], rule: dict[str, Any]) -> None:
    agree(world, rule)


def _selected(rule: dict[str, Any], app: App) -> set[int]:
    compiled = compile_rule(rule, app, NOW)
    with connection.cursor() as cursor:
        cursor.execute(compiled.sql, compiled.params)
        return {row[0] for row in cursor.fetchall()}


def _with_ids(rule: dict[str, Any], segments: list[Segment]) -> dict[str, Any]:
    if "rules" in rule:
        return {**rule, "rules": [_with_ids(child, segments) for child in rule["rules"]]}
    return {**rule, "value": segments[rule["value"]].pk} if rule["field"] == "segment" else rule


def _store(app: App, world: list[Person], segments: list[Segment]) -> list[Customer]:
    customers = Customer.objects.bulk_create(
        Customer(
            app=app,
            traits=person.traits,
            topics=list(person.topics),
            push_consent=person.push,
            created_at=worlds.at(person.created_hours_ago),
            updated_at=NOW,
            erased_at=NOW if person.is_erased else None,
            **person.columns,
        )
        for person in world
    )
    pairs = list(zip(customers, world, strict=True))
    Device.objects.bulk_create(
        Device(
            app=app,
            customer=customer,
            platform=phone.platform,
            gateway="fcm",
            address_hash=hashlib.sha256(f"{customer.pk}:{number}".encode()).digest(),
            state=phone.state,
            secret_hash=b"",
            app_version=phone.app_version,
            permission=phone.permission,
            created_at=NOW,
            registered_at=NOW,
            last_seen_at=worlds.at(phone.seen_hours_ago),
        )
        for customer, person in pairs
        for number, phone in enumerate(person.phones)
    )
    SegmentMember.objects.bulk_create(
        SegmentMember(segment=segments[number], customer=customer, joined_at=NOW)
        for customer, person in pairs
        for number in person.segments
    )
    _send(app, pairs)
    rows = [
        (app.pk, customer.pk, deed.name, worlds.at(deed.hours_ago), worlds.amount_of(deed), json.dumps(deed.properties))
        for customer, person in pairs
        for deed in person.deeds
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into customers_event (app_id, customer_id, name, occurred_at, amount, properties)"
            " values (%s, %s, %s, %s, %s, %s)",
            rows,
        )
    return customers


def _ended(launch: int, pairs: list[tuple[Customer, Person]]) -> datetime:
    """When the last of its messages got its outcome."""
    sent = [message.hours_ago for _customer, person in pairs for message in person.messages if message.launch == launch]
    return worlds.at(min(sent, default=worlds.PLANNED_HOURS_AGO))


def _send(app: App, pairs: list[tuple[Customer, Person]]) -> None:
    """The launches, with the ledger and the receipts of what they sent; each person's device has their id."""
    launches = Dispatch.objects.bulk_create(
        Dispatch(
            app=app,
            kind={"push": "transactional"}.get(origin, origin.partition(":")[0]),
            lane="bulk",
            origin=origin,
            occurrence="1",
            name=origin.title(),
            state="done",
            planned_on=worlds.at(worlds.PLANNED_HOURS_AGO).date(),
            created_at=worlds.at(worlds.PLANNED_HOURS_AGO),
            expires_at=NOW,
            finished_at=_ended(number, pairs) if number % 2 else None,
        )
        for number, origin in enumerate(worlds.LAUNCHES)
    )
    halves = _halves(app, pairs)
    sent = [
        (launches[message.launch], halves[customer.pk] if message.was_somebody_else else customer.pk, message)
        for customer, person in pairs
        for message in person.messages
    ]
    Delivery.objects.bulk_create(
        Delivery(
            planned_on=launch.planned_on,
            dispatch_id=launch.pk,
            customer_id=customer_id,
            device_id=customer_id,
            app_id=app.pk,
            outcome=OUTCOMES[message.outcome],
            gateway=1,
            platform=1,
            variant=0,
            attempt=1,
            recorded_at=worlds.at(message.hours_ago),
        )
        for launch, customer_id, message in sent
    )
    Receipt.objects.bulk_create(
        Receipt(
            planned_on=launch.planned_on,
            dispatch_id=launch.pk,
            device_id=customer_id,
            type=RECEIPT_TYPES[word],
            at=worlds.at(hours_ago),
            received_at=NOW,
        )
        for launch, customer_id, message in sent
        for word, hours_ago in message.answers
    )


def _halves(app: App, pairs: list[tuple[Customer, Person]]) -> dict[int, int]:
    """Of each person the id of a row that was merged into theirs."""
    made = Customer.objects.bulk_create(
        Customer(app=app, merged_into=customer, merged_at=NOW, created_at=NOW, updated_at=NOW) for customer, _ in pairs
    )
    return {half.merged_into_id: half.pk for half in made if half.merged_into_id is not None}
