"""`bench calendar`: a day on which five campaigns meet the same people, after two that went to everybody."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.accounts.models import App
from apps.campaigns.calendar import collisions, entries_of
from apps.campaigns.models import Campaign
from apps.core.bench import Measured, timed
from apps.core.cpu import database_cpu_seconds
from apps.core.sql import execute
from apps.deliveries.bench import make_bench_world
from apps.deliveries.models import Dispatch
from apps.deliveries.services.partitions import ensure_partitions
from apps.segments.models import Segment

# Everybody, and every second, third, fourth and fifth.
_EVERY = (1, 2, 3, 4, 5)
_SENT = 2
_LONGEST_SECONDS = 600.0

Say = Callable[[str], None]


def calendar(options: dict[str, Any], say: Say) -> Measured:
    """rows: people in the five audiences together. Extra: meetings, capped (of all five), every (the sample)."""
    now = timezone.now()
    say(f"making {options['people']:,} people, five audiences, and what two campaigns sent")
    app = _world(options["people"], now)
    tomorrow = (now + timedelta(days=1)).date()
    cpu = database_cpu_seconds()
    with timed() as watch:
        entries = entries_of(app, tomorrow, tomorrow, now)
        found = collisions(app, entries, now, limit_seconds=_LONGEST_SECONDS)
    cpu = database_cpu_seconds() - cpu
    return watch.measured(
        "calendar",
        unit="people",
        rows=sum(found.people.values()),
        meetings=sum(one.people for one in found.meetings),
        capped=sum((found.capped or {}).values()),
        every=found.every,
        database_cpu_seconds=round(cpu, 2),
        leaves_out="building the world, drawing the page",
    )


def _world(people: int, now: datetime) -> App:
    app = make_bench_world(devices=people, gateway="fcm", now=now)
    App.objects.filter(pk=app.pk).update(cap_count=_SENT + 1)
    app.refresh_from_db()
    ensure_partitions(now=now, weeks_back=2)
    for number in range(_SENT):
        at = now - timedelta(days=number + 1)
        sent = Dispatch.objects.create(
            app=app, kind="campaign", lane="bulk", origin="bench", occurrence=str(number), state="done",
            planned_on=at.date(), created_at=at, finished_at=at, expires_at=now,
        )  # fmt: skip
        execute("deliveries", "bench_log_campaign", {"dispatch_id": sent.pk, "seconds": 60})
    for every in _EVERY:
        _planned(app, every, now)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    return app


def _planned(app: App, every: int, now: datetime) -> None:
    segment = Segment.objects.create(app=app, name=f"every {every}", kind="static", state="fresh", refreshed_at=now)
    execute("campaigns", "bench_members", {"segment_id": segment.pk, "app_id": app.pk, "every": every, "now": now})
    at = now + timedelta(days=1, minutes=every)
    campaign = Campaign.objects.create(app=app, name=f"to {every}", state="scheduled", timing="at", scheduled_at=at)
    campaign.include_segments.add(segment)
