"""Webhook endpoints, pushes for them to be told of, and a courier whose clock is the test's."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import App
from apps.api.webhooks.event_types import EVENT_TYPES
from apps.api.webhooks.models import WebhookEndpoint
from apps.api.webhooks.services.courier import Courier
from apps.api.webhooks.services.endpoints import create_endpoint
from apps.deliveries.models import Dispatch
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.devices.models import Device
from tests.factories.deliveries import wait_for_feed
from tests.factories.people import NOW

_numbers = count(1)


def make_endpoint(app: App, url: str, types: Sequence[str] = EVENT_TYPES, **fields: Any) -> WebhookEndpoint:
    """An endpoint on this machine that is told what is recorded from now on; `fields` change its row."""
    endpoint, _secret = create_endpoint(
        app=app, url=url, types=types, description="", actor="test", allows_loopback=True, now=NOW
    )
    if fields:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
        endpoint.refresh_from_db()
    return endpoint


def make_outcomes(
    app: App, devices: Sequence[Device], *, now: datetime = NOW, outcome: int = 1, **fields: Any
) -> Dispatch:
    """A push to these devices whose outcomes are recorded, as the engine records a slice."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "kind": "transactional", "lane": "urgent", "origin": "push", "occurrence": f"{number}", "state": "done",
        "external_id": f"order-{number}", "planned_on": now.date(), "planned_devices": len(devices),
        "created_at": now, "expires_at": now + timedelta(days=1),
    }  # fmt: skip
    dispatch = Dispatch.objects.create(app=app, **{**defaults, **fields})
    rows = [
        LedgerRow(
            dispatch.planned_on, dispatch.pk, one.customer_id, one.pk, app.pk, outcome, 1, 1, 0, 1, "en",
            "UNREGISTERED" if outcome == 2 else "", "",
        )
        for one in devices
    ]  # fmt: skip
    with transaction.atomic():
        append_outcomes(outcomes=rows, now=now, may_repeat=False)
    return dispatch


def deliver(now: datetime = NOW, **how: Any) -> int:
    """Send what is due at this moment, until nothing is. Returns the tries that were written down."""
    connection.close_if_unusable_or_obsolete()
    wait_for_feed()
    return Courier(clock=lambda: now, chance=Random(7), allows_loopback=True).deliver(**how)
