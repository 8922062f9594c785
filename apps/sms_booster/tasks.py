"""Celery's door: one wake-up from beat."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.sms_booster.services.choose import choose_due
from apps.sms_booster.services.fall_back import choose_fallbacks
from apps.sms_booster.services.send import Way, send_due
from apps.sms_booster.services.trials import send_trials
from config import stopping


@shared_task(name="sms_booster.boost")
def boost() -> None:
    """Choose who did not open, and send what is due."""
    choose_due(timezone.now())
    send_due(way=_way(), now=timezone.now())


@shared_task(name="sms_booster.fall_back")
def fall_back() -> None:
    """The SMS after transactional pushes, and tests; in the urgent lane, so that no campaign is in their way."""
    choose_fallbacks(now=timezone.now())
    send_due(way=_way(), now=timezone.now(), seconds=1.0, after_pushes=True)
    send_trials(way=_way(), now=timezone.now())


def _way() -> Way:
    return Way(settings.GATEWAY_ENDPOINTS, settings.PUBLIC_URL, stopping.requested.is_set)
