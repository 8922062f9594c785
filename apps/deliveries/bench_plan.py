"""`bench plan`: how long it takes to freeze an audience into batches and exclusions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import App
from apps.core.bench import Measured, timed
from apps.core.cpu import database_cpu_seconds
from apps.core.sql import Compiled, execute
from apps.deliveries.bench import make_bench_world, wal_position
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.queries import report
from apps.deliveries.services.plan import ContentDraft, plan_dispatch
from apps.devices.models import Device

_EVERYBODY = "select id as customer_id from customers_customer where app_id = %(bench_app)s"
_TEXT = {"title": "{{ first_name | default: 'Hello' }}, a word", "body": "News from {{ city | default: 'town' }}."}
# One in so many people: had a second campaign yesterday (so the cap is used up), has lost the only device.
_CAPPED, _WITHOUT_DEVICE = 10, 50

Say = Callable[[str], None]


def plan(options: dict[str, Any], say: Say) -> Measured:
    """One campaign through plan_dispatch: consent, frequency cap, hold-out, two variants, people without a device.

    Everybody got a campaign yesterday, so the cap is counted from a ledger as large as the audience. Extra fields:
    database_us_per_item (CPU of all its processes), wal_bytes_per_item, excluded.
    """
    say(f"making {options['devices']:,} people with a history")
    app = _world_with_history(options["devices"], timezone.now())
    cpu, wal = database_cpu_seconds(), wal_position()
    with timed() as watch:
        dispatch = plan_dispatch(
            app=app,
            kind="campaign",
            origin="bench",
            occurrence="1",
            name="bench",
            audience=Compiled(_EVERYBODY, {"bench_app": app.pk}),
            contents=[ContentDraft(variant, "", _TEXT) for variant in (0, 1)],
            policy=Policy(cap_count=2, shares=(50, 50), holdout_percent=10, salt="bench"),
            now=timezone.now(),
        )
    wal, cpu = wal_position() - wal, database_cpu_seconds() - cpu
    people = dispatch.planned_devices
    return watch.measured(
        "plan",
        unit="people",
        rows=people,
        database_us_per_item=round(cpu * 1e6 / people, 2),
        wal_bytes_per_item=round(wal / people, 1),
        excluded=dict(report(dispatch).excluded),
        leaves_out="the segment's own rule (everybody is asked for); building the world",
    )


def _world_with_history(devices: int, now: datetime) -> App:
    """Two campaigns ago; tidied as autovacuum would have long done."""
    app = make_bench_world(devices=devices, gateway="fcm", now=now)
    for occurrence, each in (("1", 1), ("2", _CAPPED)):
        _remember_campaign(app, occurrence=occurrence, each=each, sent_at=now - timedelta(days=1))
    Device.objects.alias(turn=F("customer_id") % _WITHOUT_DEVICE).filter(app=app, turn=1).update(state="dead")
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("checkpoint")
    return app


def _remember_campaign(app: App, *, occurrence: str, each: int, sent_at: datetime) -> None:
    """A finished campaign to one in `each` people."""
    dispatch = Dispatch.objects.create(
        app=app,
        kind="campaign",
        lane="bulk",
        origin="bench history",
        occurrence=occurrence,
        state="done",
        planned_on=sent_at.date(),
        created_at=sent_at,
        expires_at=sent_at + timedelta(days=1),
        finished_at=sent_at,
    )
    execute("deliveries", "bench_history", {"dispatch_id": dispatch.pk, "each": each, "recorded_at": sent_at})
