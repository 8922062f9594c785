"""Celery's door: one wake-up from beat."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.sms_booster.services.choose import choose_due
from apps.sms_booster.services.send import Way, send_due
from config import stopping


@shared_task(name="sms_booster.boost")
def boost() -> None:
    """Choose who did not open, and send what is due."""
    choose_due(timezone.now())
    way = Way(settings.GATEWAY_ENDPOINTS, settings.PUBLIC_URL, stopping.requested.is_set)
    send_due(way=way, now=timezone.now())
