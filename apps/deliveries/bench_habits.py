"""`bench habits`: learning everybody's usual hour, and planning a campaign by it, zone by zone."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.accounts.models import App
from apps.core.bench import Measured, timed
from apps.core.sql import Compiled, execute
from apps.customers.models import Customer
from apps.deliveries.bench import make_bench_world
from apps.deliveries.models import Batch, OpeningHour, Receipt
from apps.deliveries.policy import Policy
from apps.deliveries.services.habits import learn_hours
from apps.deliveries.services.partitions import ensure_partitions
from apps.deliveries.services.plan import ContentDraft, plan_dispatch

WEEKS = 12
ZONES = [
    "Europe/Warsaw", "Europe/London", "Europe/Lisbon", "Europe/Kyiv", "America/New_York", "America/Chicago",
    "America/Los_Angeles", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney", "Pacific/Auckland",
]  # fmt: skip
_EVERYBODY = "select id as customer_id from customers_customer where app_id = %(bench_app)s"

Say = Callable[[str], None]


def habits(options: dict[str, Any], say: Say) -> Measured:
    """Learn all hours at once. Extra: again_seconds (six hours later), plan_seconds by clock, batches by habit."""
    now = timezone.now()
    say(f"making {options['devices']:,} people and twelve weeks of openings")
    app = _world(options["devices"], now)
    with timed() as watch:
        learn_hours(now=now)
    later = now + timedelta(hours=6)
    execute("deliveries", "bench_openings_of_a_run", {"app_id": app.pk, "now": later})
    started = time.perf_counter()
    learn_hours(now=later)
    again = time.perf_counter() - started
    say("planning three campaigns")
    tomorrow = (now + timedelta(days=2)).strftime("%Y-%m-%dT09:00")
    clocks = {
        "app": Policy(salt="b"),
        "each": Policy(salt="b", local_at=tomorrow),
        "habit": Policy(salt="b", local_at=tomorrow, by_habit=True),
    }
    seconds = {name: _planned(app, name, policy, now) for name, policy in clocks.items()}
    return watch.measured(
        "habits",
        unit="openings",
        rows=Receipt.objects.count(),
        habits=OpeningHour.objects.count(),
        again_seconds=round(again, 2),
        plan_seconds=seconds,
        batches=Batch.objects.filter(dispatch__occurrence="habit").count(),
        leaves_out="building the world",
    )


def _planned(app: App, name: str, policy: Policy, now: datetime) -> float:
    started = time.perf_counter()
    plan_dispatch(
        app=app,
        kind="campaign",
        origin="bench",
        occurrence=name,
        name=name,
        audience=Compiled(_EVERYBODY, {"bench_app": app.pk}),
        contents=[ContentDraft(0, "", {"title": "Hello", "body": "News"})],
        policy=policy,
        now=now,
    )
    return round(time.perf_counter() - started, 2)


def _world(devices: int, now: datetime) -> App:
    app = make_bench_world(devices=devices, gateway="fcm", now=now)
    ensure_partitions(now=now, weeks_back=WEEKS + 1)
    # Whose profile was written lately is learnt anew, and nobody's was.
    Customer.objects.filter(app=app).update(updated_at=now - timedelta(days=2))
    execute("deliveries", "bench_zones", {"app_id": app.pk, "zones": ZONES})
    execute("deliveries", "bench_openings", {"app_id": app.pk, "weeks": WEEKS, "now": now})
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("checkpoint")
    return app
