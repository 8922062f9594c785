"""`bench automations`: people enter by an event and go through a wait and a condition to a push, all at once."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import App
from apps.campaigns.models import Automation, AutomationRun
from apps.campaigns.services.automations.entering import take_arrivals
from apps.campaigns.services.automations.lifecycle import StepDraft, activate, create_automation
from apps.campaigns.services.automations.moving import move_due, move_step
from apps.core.bench import Measured, timed
from apps.core.cpu import database_cpu_seconds
from apps.core.sql import rows
from apps.customers.models import Customer, EventType
from apps.customers.services.partitions import ensure_partitions
from apps.deliveries.bench import make_bench_world, wal_position
from apps.deliveries.models import Dispatch

_EVENT = "cart_updated"
_TEXT = {"title": "Hello {{ first_name | default: 'you' }}", "body": '{{ event.product | default: "It" }} waits.'}
# Half of the people, none of whom has bought.
_RULE = {
    "match": "all",
    "rules": [
        {"field": "language", "op": "is", "value": "en"},
        {"field": "event", "op": "did_not", "value": {"name": "purchase", "days": 30}},
    ],
}
_STEPS = [
    StepDraft("wait", {"minutes": 60, "until": ""}),
    StepDraft("condition", {"ask": "rule", "rule": _RULE, "otherwise": "leave"}),
    StepDraft("push", {"texts": {"en": _TEXT}}),
]
_EVENTS_AT_ONCE = 5_000
_LONGEST_SECONDS = 3_600.0

Say = Callable[[str], None]


def automations(options: dict[str, Any], say: Say) -> Measured:
    """rows: moves, from entering to the push planned. Extra: phase_seconds, idle_ms (a tick with nobody due)."""
    now = timezone.now()
    say(f"making {options['people']:,} people, each with something in the cart")
    automation = _world(options["people"], now)
    cpu, wal, phases = database_cpu_seconds(), wal_position(), dict[str, float]()
    later = now + timedelta(hours=2)
    with timed() as watch:
        phases["enter"] = _seconds(lambda: take_arrivals(now, seconds=_LONGEST_SECONDS))
        for position, name in enumerate(("to_wait", "wait", "condition", "push"), start=-1):
            at = now if position < 0 else later
            phases[name] = _seconds(partial(_move_all, automation, position, at))
    cpu, wal = database_cpu_seconds() - cpu, wal_position() - wal
    entered, passed = AutomationRun.objects.count(), AutomationRun.objects.filter(state="done").count()
    moves = entered * 4 + passed
    return watch.measured(
        "automations",
        unit="moves",
        rows=moves,
        people=entered,
        people_per_second=round(entered / watch.seconds, 1),
        passed=passed,
        planned=sum(Dispatch.objects.values_list("planned_people", flat=True)),
        phase_seconds=phases,
        idle_ms=round(_seconds(lambda: move_due(later)) * 1000, 1),
        database_us_per_item=round(cpu * 1e6 / moves, 2),
        wal_bytes_per_item=round(wal / moves, 1),
        leaves_out="storing the events (see `events`), sending the pushes (see `campaign`), building the world",
    )


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def _move_all(automation: Automation, position: int, now: datetime) -> None:
    while move_step(automation_id=automation.pk, position=position, now=now):
        pass


def _world(people: int, now: datetime) -> Automation:
    app = make_bench_world(devices=people, gateway="fcm", now=now)
    Customer.objects.alias(half=F("id") % 2).filter(app=app, half=1).update(language="pl")
    for name in (_EVENT, "purchase"):
        EventType.objects.create(app=app, name=name, properties={"product": "text"})
    ensure_partitions(now=now)
    draft = create_automation(app=app, name="bench", author=None, now=now, steps=_STEPS, trigger_event=_EVENT)
    automation = activate(automation=draft, version=draft.version, actor="bench", now=now)
    ids = Customer.objects.filter(app=app).order_by("pk").values_list("pk", flat=True)
    for some in batched(ids.iterator(chunk_size=_EVENTS_AT_ONCE), _EVENTS_AT_ONCE):
        rows("customers", "insert_events", _events(app, some, now))
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("checkpoint")
    return automation


def _events(app: App, customer_ids: Iterable[int], now: datetime) -> Mapping[str, Any]:
    """As the door of events hands them to the statement that stores them."""
    ids = list(customer_ids)
    return {
        "app_id": app.pk,
        "customer_ids": ids,
        "names": [_EVENT] * len(ids),
        "times": [now] * len(ids),
        "amounts": [None] * len(ids),
        "properties": [json.dumps({"product": f"Lamp {customer_id}"}) for customer_id in ids],
    }
