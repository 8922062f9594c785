"""What is found out about one person for the questions of a rule: one query answers them all.

Whether a question holds is asked with the very SQL that selects members (compile.Compiler), so that an explanation can
never say other than the segment.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.devices.models import Device
from apps.segments.models import SegmentMember
from apps.segments.rules.catalogue import TRAIT, Field
from apps.segments.rules.compile import Compiler
from apps.segments.rules.messages import message_tally
from apps.segments.rules.tree import EventLeaf, Group, Leaf, MessageLeaf, Question, leaves, segments_in

LIVE_STATES = ("active", "stale")


@dataclass(frozen=True, slots=True)
class Person:
    """One customer with what questions look at beside events and messages.

    devices: the live ones, latest used first; memberships: segment id -> the latest, open or over.
    """

    customer: Customer
    devices: tuple[Device, ...]
    memberships: Mapping[int, SegmentMember]


@dataclass(frozen=True, slots=True)
class Tally:
    """Events, or messages sent, that a question is about. `count`, `total`, `last_at` of its window, `all_*` of ever.

    answered_*: the receipts the question asks for; of events there are none.
    """

    count: int = 0
    last_at: datetime | None = None
    total: float | None = None
    all_count: int = 0
    all_first_at: datetime | None = None
    all_last_at: datetime | None = None
    answered_count: int = 0
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question. is_known: whether anything is known that it could be judged by."""

    holds: bool
    is_known: bool
    tally: Tally


def person_of(customer: Customer, root: Group) -> Person:
    """Cost: two queries by index."""
    devices = Device.objects.filter(app=customer.app_id, customer=customer, state__in=LIVE_STATES)
    memberships = SegmentMember.objects.filter(customer=customer, segment__in=segments_in(root)).order_by(
        "joined_at", "id"
    )
    return Person(
        customer,
        tuple(devices.order_by("-last_seen_at")),
        {membership.segment_id: membership for membership in memberships.order_by("joined_at", "id")},
    )


def findings_of(person: Person, root: Group, *, app: App, now: datetime) -> dict[Question, Finding]:
    """The answers of this person, who is of `app`. Cost: one query by index."""
    questions = list(dict.fromkeys(leaves(root)))
    if not questions:
        return {}
    compiler = Compiler(app, now, only=[person.customer.pk])
    columns = [column for question in questions for column in _columns(question, compiler)]
    query = f"select {', '.join(columns)} from customers_customer as customer where customer.id = {compiler.people}"
    with connection.cursor() as cursor:
        cursor.execute(query, compiler.params)
        row = cursor.fetchone()
    answers = zip(questions, row[::3], row[1::3], row[2::3], strict=True)
    return {
        question: Finding(bool(holds), _is_known(question, bool(known), person), _read(tally))
        for question, holds, known, tally in answers
    }


def _columns(question: Question, compiler: Compiler) -> tuple[str, str, str]:
    """Whether it holds, whether a trait or column has a value of its type, and the figures behind it."""
    holds = compiler.node(question)
    if isinstance(question, EventLeaf):
        return holds, "true", _event_tally(question, compiler)
    if isinstance(question, MessageLeaf):
        since = None if question.days is None else compiler.now - timedelta(days=question.days)
        whose = compiler.only_theirs("delivery.customer_id")
        tally = message_tally(question, app_id=compiler.app_id, since=since, bind=compiler.bind, whose=whose)
        return holds, "true", tally
    known = question.field.operator("is_known")
    return holds, compiler.node(Leaf(question.field, known, None)) if known else "true", "null"


def _event_tally(leaf: EventLeaf, compiler: Compiler) -> str:
    tests = compiler.event_tests(leaf)
    inside = " and ".join(compiler.within("event.occurred_at", leaf.window)) or "true"
    return (
        "(select jsonb_build_object("
        f"'count', count(*) filter (where {inside}), 'last_at', max(event.occurred_at) filter (where {inside}),"
        f" 'total', sum(event.amount) filter (where {inside}), 'all_count', count(*),"
        " 'all_first_at', min(event.occurred_at), 'all_last_at', max(event.occurred_at))"
        f" from customers_event as event where {' and '.join(tests)})"
    )


def _is_known(question: Question, known: bool, person: Person) -> bool:
    field = question.field if isinstance(question, Leaf) else None
    return known if field is None else known and _is_told(field, person)


def _is_told(field: Field, person: Person) -> bool:
    """Traits and columns have said so themselves; everything of devices wants one."""
    if field.key.startswith(TRAIT) or not field.key.startswith("device.") or field.key == "device.count":
        return True
    if field.key == "device.permission":
        return any(device.permission for device in person.devices)
    if field.key == "device.app_version":
        return any(device.app_version[:1].isdigit() for device in person.devices)
    return bool(person.devices)


def _read(tally: Any) -> Tally:
    """From the JSON of the query; Django's cursors hand jsonb out as text."""
    if not tally:
        return Tally()
    values = json.loads(tally) if isinstance(tally, str) else tally
    times = {key: datetime.fromisoformat(value) for key, value in values.items() if key.endswith("_at") and value}
    return Tally(**{key: value for key, value in values.items() if value is not None} | times)
