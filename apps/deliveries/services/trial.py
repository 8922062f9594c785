"""Trials: a text sent at once to a few chosen devices, as one person would read it. Nothing counts it as a campaign."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction

from apps.accounts.models import App
from apps.deliveries.models import Dispatch
from apps.deliveries.rendering import compile_body
from apps.deliveries.services.transactional import Push, Target, accept_pushes
from apps.devices.models import Device

EXPIRES_AFTER = timedelta(minutes=10)


def send_trial(
    *,
    app: App,
    devices: Sequence[Device],
    body: Mapping[str, Any],
    facts: Mapping[str, Any],
    origin: str,
    name: str,
    now: datetime,
) -> Dispatch:
    """A dispatch of kind `test` in the urgent lane, committed with the caller's transaction.

    facts: of the person as whom it is read; what they lack is lacking, whatever the devices' owners have. No cap, no
    hold-out, no quiet hours; consent is checked as for any push. It really goes to the gateways, in production too.
    """
    push = Push(
        app_id=app.pk,
        targets=[Target(device.pk, device.customer_id, device.gateway) for device in devices],
        body=body,
        facts={key: facts.get(key) for key in sorted(compile_body(body).names)},
        external_id="",
        occurrence=uuid4().hex,
        release_at=now,
        expires_at=now + EXPIRES_AFTER,
        created_at=now,
        is_test=False,
    )
    with transaction.atomic():
        ((dispatch_id, _is_stopped),) = accept_pushes([push])
        # Accepted like any urgent push, then named what it is before anybody can see it.
        Dispatch.objects.filter(pk=dispatch_id).update(kind="test", origin=origin, name=name)
    return Dispatch.objects.get(pk=dispatch_id)
