"""What this floor keeps about a person: devices and the addresses at which they are reached."""

import secrets
from datetime import datetime

from apps.core.admin_log import forget_names
from apps.core.sql import execute
from apps.customers.belongings import Pairs, Rows
from apps.devices.models import Device

_WORDS = ("platform", "gateway", "address", "state", "locale", "time_zone", "app_version", "os_version", "model")


class DeviceBelongings:
    key = "devices"

    def erase(self, *, customer_id: int, now: datetime) -> None:
        """The rows stay, for the ledger names them; nothing on them reaches or tells anything."""
        theirs = list(Device.objects.select_for_update().filter(customer=customer_id))
        forget_names(Device, [device.pk for device in theirs])
        for device in theirs:
            empty = dict.fromkeys((*_WORDS[4:], "webpush_p256dh", "webpush_auth", "permission"), "")
            Device.objects.filter(pk=device.pk).update(
                **empty,
                address="",
                address_hash=secrets.token_bytes(32),
                secret_hash=secrets.token_bytes(32),
                tags=[],
                state="dead",
                retired_reason="erased",
                retired_at=now,
            )

    def merge(self, *, pairs: Pairs, now: datetime) -> None:
        """They move with their tokens; a push on its way to one of them still arrives."""
        halves, people = [half for half, _person in pairs], [person for _half, person in pairs]
        execute("devices", "move_devices", {"half_ids": halves, "kept_ids": people})

    def disclose(self, *, customer_id: int) -> Rows:
        return [
            {
                "id": device.pk,
                **{name: getattr(device, name) for name in _WORDS},
                "tags": device.tags,
                "created_at": device.created_at.isoformat(),
                "last_seen_at": device.last_seen_at.isoformat(),
            }
            for device in Device.objects.filter(customer=customer_id).order_by("id")
        ]
