"""Devices over time: one row a day, app and platform, counted by beat."""

from datetime import UTC, date, datetime

from django.db.models import Max, Min

from apps.core.days import FRESH_FOR, days_to_count
from apps.core.sql import execute
from apps.devices.models import Device, DeviceDay
from apps.devices.services.hygiene import STALE_AFTER


def count_device_days(*, now: datetime) -> list[date]:
    """Count today, and the days of the last month that were missed or counted before their end; returns the days.

    Idempotent. Cost: see sql/count_device_days.sql; a day a statement, so that none is long.
    """
    oldest: datetime | None = Device.objects.aggregate(at=Min("created_at"))["at"]
    counted = dict(DeviceDay.objects.values_list("day").annotate(Max("counted_at")).order_by())
    days = days_to_count(counted=counted, first=oldest.date() if oldest else None, now=now)
    for day in days:
        values = {"days": [day], "today": now.astimezone(UTC).date(), "now": now}
        execute("devices", "count_device_days", {**values, "stale_after": STALE_AFTER, "late": FRESH_FOR})
    return days
