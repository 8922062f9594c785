"""Hygiene: addresses that are gone, devices not seen for long, and the way back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from apps.core.sql import execute
from apps.devices.models import Channel, ChannelGauge, Device
from apps.devices.states import DEVICE_STATES

STALE_AFTER = timedelta(days=30)
DEAD_AFTER = timedelta(days=270)
DOUBTED_FOR = timedelta(hours=1)
# Why a device may be dead without a vendor's word.
_OWN_REASONS = ["not_seen", "replaced", "removed", "erased", "too_many_devices"]


@dataclass(frozen=True, slots=True)
class Death:
    """A vendor says that an address will never work again. dead_at: since when, None = it did not say.

    Where the vendor did not say, give the time the message was sent: a device registered later is another life.
    """

    device_id: int
    reason: str
    dead_at: datetime | None = None


def retire_devices(*, deaths: Sequence[Death], now: datetime) -> int:
    """Retire these devices, but not those that registered after their death. Returns how many were retired."""
    if not deaths:
        return 0
    return execute(
        "devices",
        "retire_devices",
        {
            "device_ids": [death.device_id for death in deaths],
            "reasons": [death.reason for death in deaths],
            "dead_at": [death.dead_at for death in deaths],
            "now": now,
        },
    )


def doubt_deaths(*, app_id: int, gateway: str, since: datetime, now: datetime) -> int:
    """A mass death: quarantine what the vendor called dead since then, and what it calls dead for an hour from now.

    Returns how many were moved. Touches the channel. Cost: a scan of the app's devices, 0.3 s for a million.
    """
    Channel.objects.filter(app=app_id, gateway=gateway).update(deaths_doubted_until=now + DOUBTED_FOR)
    called_dead = Device.objects.filter(app=app_id, gateway=gateway, state="dead", retired_at__gte=since)
    return DEVICE_STATES.move(called_dead.exclude(retired_reason__in=_OWN_REASONS), "quarantined")


def restore_quarantined(*, channel: Channel, now: datetime) -> int:
    """It was our mistake: every quarantined device of the channel is active again. Returns how many."""
    _end_doubt(channel)
    mine = Device.objects.filter(app=channel.app_id, gateway=channel.gateway, state="quarantined")
    return restore(devices=mine, now=now)


def believe_deaths(*, channel: Channel, now: datetime) -> int:
    """The vendor was right: every quarantined device of the channel is dead. Returns how many."""
    _end_doubt(channel)
    mine = Device.objects.filter(app=channel.app_id, gateway=channel.gateway, state="quarantined")
    return DEVICE_STATES.move(mine, "dead", retired_at=now)


def _end_doubt(channel: Channel) -> None:
    Channel.objects.filter(pk=channel.pk).update(deaths_doubted_until=None)
    ChannelGauge.objects.filter(pk=channel.pk).delete()


def retire_stale(*, now: datetime) -> int:
    """Mark devices not seen for 30 days stale, for 270 days dead. Returns how many changed."""
    return execute(
        "devices",
        "retire_stale",
        {"now": now, "stale_before": now - STALE_AFTER, "dead_before": now - DEAD_AFTER},
    )


def retire_surplus(*, customer_ids: Sequence[int], now: datetime) -> int:
    """Of people with more live devices than their app allows, retire those not seen for longest. Returns how many.

    After a new device became theirs, in the same transaction. Cost: one statement, none for nobody.
    """
    if not customer_ids:
        return 0
    return execute("devices", "retire_surplus", {"customer_ids": list(customer_ids), "now": now})


def restore(*, devices: QuerySet[Device], now: datetime) -> int:
    """Make retired devices active again, as if they had registered now. Returns how many were restored.

    An erased device has no address any more and stays dead.
    """
    kept = devices.exclude(retired_reason="erased")
    return DEVICE_STATES.move(kept, "active", retired_reason="", retired_at=None, registered_at=now, last_seen_at=now)


def remove(*, device: Device, now: datetime) -> None:
    """The app asks to forget this registration (log-out, uninstalled). It comes back by registering again."""
    DEVICE_STATES.move(Device.objects.filter(pk=device.pk), "dead", retired_reason="removed", retired_at=now)
