"""Celery's door to devices."""

from celery import shared_task
from django.utils import timezone

from apps.devices.services import device_days, hygiene


@shared_task(name="devices.retire_stale")
def retire_stale() -> None:
    """Mark devices that have not been seen for long."""
    hygiene.retire_stale(now=timezone.now())


@shared_task(name="devices.count_day")
def count_day() -> None:
    """Keep the counts of devices of today, and of days that were missed."""
    device_days.count_device_days(now=timezone.now())
