"""Celery's door to the upkeep of the API."""

from celery import shared_task
from django.utils import timezone

from apps.api.services import idempotency


@shared_task(name="api.purge_expired")
def purge_expired() -> None:
    """Forget idempotency keys that are older than promised."""
    idempotency.purge_expired(now=timezone.now())
