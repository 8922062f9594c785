"""Why somebody is in or not: each clause with the fact found, and what would have to change."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import App
from apps.customers.models import Customer, EventType, TraitType
from apps.deliveries.models import Delivery, Receipt
from apps.segments.models import SegmentMember
from apps.segments.rules.clauses import Clause
from apps.segments.services.explanation import explain_member
from tests.factories import NOW, make_app, make_customer, make_device, make_dispatch, make_event, make_segment

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    app = make_app(time_zone="Europe/Warsaw")
    traits = {"city": "text", "points": "number", "vip": "boolean", "tags": "list"}
    TraitType.objects.bulk_create(TraitType(app=app, name=name, type=kind) for name, kind in traits.items())
    EventType.objects.create(app=app, name="purchase", properties={"category": "text", "amount": "number"})
    return app


def group(*rules: Any, match: str = "all") -> dict[str, Any]:
    return {"match": match, "rules": list(rules)}


def asked(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def did(op: str = "did", **value: Any) -> dict[str, Any]:
    return asked("event", op, {"name": "purchase", **value})


def why(person: Customer, *rules: Any, match: str = "all", **options: Any) -> Clause:
    return explain_member(rule=group(*rules, match=match), app=person.app, customer=person, now=NOW, **options)


KNOWN = [
    (asked("trait.city", "is", "Rome"), "no", "city is “Paris”"),
    (asked("trait.points", "at_least", 5), "yes", "points is 7.5"),
    (asked("trait.vip", "is_true"), "yes", "vip is yes"),
    (asked("trait.tags", "contains", "z"), "no", "tags is “a”, “b”"),
    (asked("language", "is_known"), "yes", "language is “pl”"),
    (asked("country", "is_not", "PL"), "unknown", "country is not known"),
    (asked("email", "is_known"), "yes", "e-mail is “a•••@example.com”"),
    (asked("consent.push", "is_any_of", ["yes"]), "no", "refused"),
    (asked("topics", "contains", "news"), "yes", "topics is “news”"),
    (asked("created_at", "before", "2026-05-01"), "no", "first seen on 1 Jun 2026"),
    (asked("device.platform", "is_any_of", ["ios"]), "no", "Android"),
    (asked("device.app_version", "at_least", "4.2"), "yes", "4.10"),
    (asked("device.permission", "is_none_of", ["denied"]), "unknown", "permission to notify is not known"),
    (asked("device.last_seen", "in_last_days", 1), "yes", "last used on 1 Jun 2026"),
    (asked("device.count", "at_least", 2), "no", "1 device"),
    (did(), "yes", "3 times, last on 30 May 2026"),
    (did(days=7), "yes", "2 times in the last 7 days, last on 30 May 2026"),
    (did(days=1), "no", "not in the last 1 day; 3 times in all, last on 30 May 2026"),
    (did(sum={"op": "at_least", "amount": 50}), "no", "3 times, last on 30 May 2026, 40 in sum"),
    (did(days=3, which="first"), "no", "the first time was on 2 May 2026"),
    (did(where=[asked("", "is", "hats") | {"property": "category"}]), "no", "never did so, as far as is known"),
]


@pytest.mark.parametrize(("rule", "verdict", "fact"), KNOWN, ids=[fact for _rule, _verdict, fact in KNOWN])
def test_a_clause_tells_what_was_found(app: App, rule: dict[str, Any], verdict: str, fact: str) -> None:
    traits = {"city": "Paris", "points": 7.5, "vip": True, "tags": ["a", "b"]}
    anna = make_customer(
        app, traits=traits, language="pl", country="", email="anna@example.com", push_consent=False, topics=["news"]
    )
    make_device(anna, app_version="4.10")
    for days_ago, amount in [(30, 10), (4, None), (2, 30)]:
        make_event(anna, "purchase", days_ago=days_ago, amount=amount)
    found = why(anna, rule)
    assert (found.verdict, found.fact) == (verdict, fact)


def test_contacts_are_shown_in_full_only_where_they_may(app: App) -> None:
    anna = make_customer(app, email="anna@example.com")
    assert why(anna, asked("email", "is_known"), reveals=True).fact == "e-mail is “anna@example.com”"


def test_memberships_of_other_segments_are_told_with_their_days(app: App) -> None:
    anna = make_customer(app)
    left, never, stays = (make_segment(app) for _ in range(3))
    SegmentMember.objects.create(segment=left, customer=anna, joined_at=NOW - timedelta(days=9), left_at=NOW)
    SegmentMember.objects.create(segment=stays, customer=anna, joined_at=NOW - timedelta(days=9))
    facts = [
        clause.fact for clause in why(anna, *(asked("segment", "in", one.pk) for one in (left, never, stays))).children
    ]
    assert facts == ["left it on 1 Jun 2026", "was never in it", "in it since 23 May 2026"]


def test_messages_are_told_with_what_became_of_them(app: App) -> None:
    anna = make_customer(app)
    spring = make_dispatch(app, origin="campaign:1", name="Spring", now=NOW - timedelta(days=9))
    make_dispatch(app, origin="campaign:2", name="Autumn")
    Delivery.objects.filter(customer_id=anna.pk).delete()
    keys = {"planned_on": spring.planned_on, "dispatch_id": spring.pk, "device_id": 5}
    numbers = {"app_id": app.pk, "outcome": 1, "gateway": 1, "platform": 1, "variant": 0, "attempt": 1}
    Delivery.objects.create(**keys, **numbers, customer_id=anna.pk, recorded_at=NOW - timedelta(days=9))
    Receipt.objects.create(**keys, type=2, at=NOW - timedelta(days=8), received_at=NOW)
    rules = [
        asked("message", "was_sent", {"campaign": "campaign:1", "days": 7}),
        asked("message", "displayed", {"campaign": ""}),
        asked("message", "did_not_open", {"campaign": "campaign:1"}),
        asked("message", "opened", {"campaign": "campaign:2"}),
    ]
    assert [(clause.verdict, clause.fact) for clause in why(anna, *rules).children] == [
        ("no", "not sent in the last 7 days; last sent on 23 May 2026"),
        ("yes", "1 message sent, last on 23 May 2026; seen: 24 May 2026"),
        ("yes", "1 message sent, last on 23 May 2026; not opened"),
        ("no", "was never sent it; not opened"),
    ]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (did(days=30, times={"op": "at_least", "count": 4}), "it takes “purchase” 3 more times in the last 30 days"),
        (did("did_not", days=30), "by itself after 30 Jun 2026, unless it is done again"),
        (did(where=[{"property": "category", "op": "is", "value": "hats"}]), "it takes “purchase” 1 more time"),
        (asked("trait.city", "is", "Rome"), "it takes: city is “Rome”"),
        (group(did(days=7), match="none"), "by itself after 7 Jun 2026, unless it is done again"),
        (group(asked("trait.city", "is", "Paris"), match="none"), "this must no longer hold: city is “Paris”"),
        (did(), ""),
    ],
)
def test_a_clause_in_the_way_says_what_would_have_to_change(app: App, rule: dict[str, Any], change: str) -> None:
    anna = make_customer(app, traits={"city": "Paris"})
    make_event(anna, "purchase", days_ago=1)
    found = why(anna, rule)
    assert (found.children[0] if found.children else found).change == change


def test_what_does_not_stand_in_the_way_need_not_change(app: App) -> None:
    anna = make_customer(app, traits={"city": "Paris"})
    paris, rome, oslo = (asked("trait.city", "is", city) for city in ("Paris", "Rome", "Oslo"))
    found = why(anna, group(paris, rome, match="any"), group(rome, oslo, match="any"))
    assert [clause.change for clause in found.children] == ["", "one of these is enough"]
    assert [clause.change for clause in found.children[0].children] == ["", ""]
    assert [clause.verdict for clause in (found, *found.children)] == ["no", "yes", "no"]


def test_unknown_is_passed_up_as_long_as_nothing_decides(app: App) -> None:
    anna = make_customer(app, traits={"points": 1})
    city, points = asked("trait.city", "is", "Rome"), asked("trait.points", "at_least", 5)
    assert why(anna, city, city).verdict == "unknown"
    assert why(anna, city, points).verdict == "no"
    assert why(anna, city, city, match="none").verdict == "yes"


def test_the_erased_and_foreign_are_never_in(app: App) -> None:
    gone, foreign = make_customer(app, erased_at=NOW), make_customer(make_app())
    verdicts = [explain_member(rule=group(), app=app, customer=one, now=NOW).holds for one in (gone, foreign)]
    assert verdicts == [False, False]


def test_fifty_questions_cost_as_many_queries_as_one(app: App) -> None:
    anna = make_customer(app)
    with CaptureQueriesContext(connection) as one:
        why(anna, did(days=1))
    with CaptureQueriesContext(connection) as fifty:
        why(anna, *(did(days=number + 1) for number in range(50)))
    assert len(one) == len(fifty) == 6
