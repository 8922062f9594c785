"""`python -m tests.faults.hosts_steps STEP ...`: what the hosts test does inside a host; tells JSON."""

import json
import os
import sys
import time
from datetime import timedelta
from hashlib import sha256
from typing import Any


def prepare(service_account: str, people: str) -> dict[str, Any]:
    """An app with its channel and people, a campaign ready to launch, and a key."""
    from apps.api.scopes import SCOPES
    from tests.factories import make_app, make_campaign, make_channel, make_segment
    from tests.factories.api import make_key

    app = make_app(slug="hosts", confirm_above=10**6)
    make_channel(app, "fcm", credentials={"service_account": json.loads(service_account)})
    now = timezone.now()
    everybody = Customer.objects.bulk_create(
        Customer(app=app, external_id=f"p{number}", created_at=now, updated_at=now) for number in range(int(people))
    )
    Device.objects.bulk_create(
        Device(
            app=app,
            customer=one,
            platform="android",
            gateway="fcm",
            address=f"ok-{one.external_id}",
            address_hash=sha256(f"ok-{one.external_id}".encode()).digest(),
            secret_hash=bytes(32),
            created_at=now,
            registered_at=now - timedelta(days=1),
            last_seen_at=now,
        )
        for one in everybody
    )
    segment = make_segment(app, everybody)
    campaigns = []
    for _ in range(2):
        campaign = make_campaign(app, throttle_per_second=300, respects_quiet_hours=False)
        campaign.include_segments.add(segment)
        campaigns.append(campaign.pk)
    return {"key": make_key(app, *SCOPES), "campaigns": campaigns}


def truth() -> dict[str, Any]:
    """What is wrong with the sums, and every delivery id by outcome."""
    by_outcome: dict[str, list[str]] = {}
    for row in Delivery.objects.all():
        nid = make_delivery_id(
            planned_on=row.planned_on, dispatch_id=row.dispatch_id, device_id=row.device_id, variant=row.variant
        )
        by_outcome.setdefault(OUTCOME_WORDS[row.outcome], []).append(nid)
    return {"differences": [str(one) for one in check_ledger()], "outcomes": by_outcome}


def hold(dispatch: str) -> None:
    """Lock what paces this dispatch, and think about it for longer than any test."""
    with transaction.atomic():
        PaceBucket.objects.select_for_update().get(owner=f"dispatch:{dispatch}")
        time.sleep(3600)


def is_held(dispatch: str) -> bool:
    """For as long as we look; a worker takes it for a moment only."""
    for _ in range(20):
        with transaction.atomic():
            if PaceBucket.objects.select_for_update(skip_locked=True).filter(owner=f"dispatch:{dispatch}").first():
                return False
        time.sleep(0.05)
    return True


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()

    from django.db import transaction
    from django.utils import timezone

    from apps.customers.models import Customer
    from apps.deliveries.delivery_ids import make_delivery_id
    from apps.deliveries.models import Delivery, PaceBucket
    from apps.deliveries.services.checks import check_ledger
    from apps.deliveries.states import OUTCOME_WORDS
    from apps.devices.models import Device

    step = {"prepare": prepare, "truth": truth, "hold": hold, "is_held": is_held}[sys.argv[1]]
    print(json.dumps(step(*sys.argv[2:])))
