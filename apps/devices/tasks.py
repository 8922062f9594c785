"""Celery's door to devices."""

from celery import shared_task
from django.utils import timezone

from apps.devices.services import hygiene


@shared_task(name="devices.retire_stale")
def retire_stale() -> None:
    """Mark devices that have not been seen for long."""
    hygiene.retire_stale(now=timezone.now())
