"""The six segments of the demo world: five rules and one list."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.segments.models import Segment
from apps.segments.services.lists import add_to_list
from apps.segments.services.refresh import refresh_segment

TESTERS = "Beta testers"
TESTER_COUNT = 200


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "rules": list(rules)}


def _did(name: str, *, days: int, op: str = "did", **more: Any) -> dict[str, Any]:
    return {"field": "event", "op": op, "value": {"name": name, "days": days, **more}}


# name -> (what a marketer reads, rule)
SEGMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Newsletter readers": (
        "Everybody who signed up for the newsletter.",
        _all({"field": "trait.newsletter", "op": "is_true"}),
    ),
    "Bought in the last 30 days": ("At least one purchase in 30 days.", _all(_did("purchase", days=30))),
    "Left something in the cart": (
        "Put something in the cart this week and did not buy since.",
        _all(_did("added_to_cart", days=7), _did("purchase", days=7, op="did_not")),
    ),
    "Best customers": (
        "Two purchases or more in 90 days, worth at least 80 together.",
        _all(_did("purchase", days=90, times={"op": "at_least", "count": 2}, sum={"op": "at_least", "amount": 80})),
    ),
    "Gone quiet": (
        "Have not used the app for three weeks.",
        _all({"field": "device.last_seen", "op": "more_than_days_ago", "value": 21}),
    ),
}


def load_segments(*, app: App, now: datetime, advance: Callable[[int], None]) -> None:
    """Create the segments and compute their members."""
    for name, (description, rule) in SEGMENTS.items():
        segment = Segment.objects.create(app=app, name=name, description=description, rule=rule)
        refresh_segment(segment_id=segment.pk, now=now)
        advance(1)
    testers = Segment.objects.create(
        app=app, name=TESTERS, description="People who offered to try new things.", kind="static", state="fresh"
    )
    people = Customer.objects.filter(app=app).exclude(external_id=None).order_by("id")[:TESTER_COUNT]
    add_to_list(segment=testers, external_ids=[str(person.external_id) for person in people], now=now)
    advance(1)
