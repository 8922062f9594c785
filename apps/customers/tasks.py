"""Celery's door to people."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.customers.services import consent_days, merging, partitions


@shared_task(name="customers.ensure_partitions")
def ensure_partitions() -> None:
    """Keep the weeks of the events table ahead of the clock."""
    partitions.ensure_partitions(now=timezone.now())


@shared_task(name="customers.drop_old_events")
def drop_old_events() -> None:
    """Forget events older than the installation keeps them."""
    partitions.drop_old_events(now=timezone.now(), kept_days=settings.EVENTS_KEPT_DAYS)


@shared_task(name="customers.count_day")
def count_day() -> None:
    """Keep the counts of consent of today, and of days that were missed."""
    consent_days.count_consent_days(now=timezone.now())


@shared_task(name="customers.settle_identities")
def settle_identities() -> None:
    """What raced with a merge or an erasure comes right."""
    merging.settle_identities(now=timezone.now())
