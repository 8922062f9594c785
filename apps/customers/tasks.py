"""Celery's door to people."""

from celery import shared_task
from django.utils import timezone

from apps.customers.services import partitions


@shared_task(name="customers.ensure_partitions")
def ensure_partitions() -> None:
    """Keep the weeks of the events table ahead of the clock."""
    partitions.ensure_partitions(now=timezone.now())
