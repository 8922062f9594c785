"""Questions about devices and channels."""

from collections.abc import Sequence
from datetime import date

from django.db.models import Count, QuerySet

from apps.accounts.models import App, AuditEntry
from apps.customers.models import ConsentDay
from apps.customers.queries import ids_of_people
from apps.devices.models import Channel, Device, DeviceDay, PairedDevice


def devices_of(app_ids: Sequence[int]) -> QuerySet[Device]:
    """Devices of these apps with their person, newest first."""
    return Device.objects.filter(app__in=app_ids).select_related("customer", "app").order_by("-id")


def device_by_address(*, app: App, address_hash: bytes) -> Device | None:
    """The device that has this address in the app, whatever its state."""
    return Device.objects.select_related("customer").filter(app=app, address_hash=address_hash).first()


def owners_of_devices(devices: Sequence[Device]) -> list[int]:
    """Whose they are and whose they were, as the audit log remembers moves: where the ledger may know them.

    Cost: an index scan of the log's moves (audit_device_moved).
    """
    subjects = [f"device:{device.pk}" for device in devices]
    moves = AuditEntry.objects.filter(action="device.moved", subject__in=subjects).values_list("details", flat=True)
    return ids_of_people(list({device.customer_id for device in devices} | {move["from_customer"] for move in moves}))


def channels_of(app_ids: Sequence[int]) -> QuerySet[Channel]:
    """Channels of these apps."""
    return Channel.objects.filter(app__in=app_ids).select_related("app").order_by("app__name", "gateway")


def counts_by_state(app_ids: Sequence[int]) -> dict[str, int]:
    """How many devices of these apps are in each state. Cost: a scan, 0.2 s for 1.3 million."""
    counted = Device.objects.filter(app__in=app_ids).values_list("state").annotate(Count("pk")).order_by()
    return dict(counted)


def set_aside_count(channel: Channel) -> int:
    """How many devices of a channel are quarantined. Cost: a scan of the app's devices, 0.1 s for a million."""
    return Device.objects.filter(app=channel.app_id, gateway=channel.gateway, state="quarantined").count()


def set_aside_counts(app_ids: Sequence[int]) -> dict[tuple[int, str], int]:
    """{(app, gateway): quarantined devices}. Cost: a scan, 0.2 s for 1.3 million."""
    aside = Device.objects.filter(app__in=app_ids, state="quarantined").values_list("app_id", "gateway")
    return {(app_id, gateway): count for app_id, gateway, count in aside.annotate(Count("pk")).order_by()}


def device_days(app_ids: Sequence[int], *, since: date) -> QuerySet[DeviceDay]:
    """The daily counts of these apps from that day on, oldest first."""
    return DeviceDay.objects.filter(app__in=app_ids, day__gte=since).select_related("app").order_by("day", "app__name")


def consent_days(app_ids: Sequence[int], *, since: date) -> QuerySet[ConsentDay]:
    """What people of these apps said to each channel from that day on, oldest first."""
    return ConsentDay.objects.filter(app__in=app_ids, day__gte=since).select_related("app").order_by("day", "app__name")


def paired_devices(app: App) -> QuerySet[PairedDevice]:
    """The devices on which the app's team tests, by name."""
    return PairedDevice.objects.filter(app=app).select_related("device__customer", "app")
