"""Celery's door to the upkeep of the API."""

from functools import cache
from random import Random
from threading import Thread

from celery import shared_task
from celery.signals import worker_shutdown
from django.conf import settings
from django.utils import timezone

from apps.api.services import idempotency
from apps.api.webhooks.services.courier import STOP_SECONDS, Courier
from apps.api.webhooks.services.purging import purge_webhooks
from apps.sms_booster.services.fall_back import purge_fallbacks
from apps.sms_booster.services.trials import purge_trials
from config import stopping


@shared_task(name="api.purge_expired")
def purge_expired() -> None:
    """Forget idempotency keys older than promised, texts of SMS after pushes, test SMS, webhooks' attempts and dead
    letters."""
    idempotency.purge_expired(now=timezone.now())
    purge_fallbacks(now=timezone.now())
    purge_trials(now=timezone.now())
    purge_webhooks(now=timezone.now())


@shared_task(name="api.webhooks")
def webhooks() -> None:
    """Wake this process's courier: no task waits for somebody's endpoint."""
    _courier().wake()


@cache
def _courier() -> Courier:
    """One a process, on a thread of its own for as long as the process lives."""
    courier = Courier(
        clock=timezone.now,
        chance=Random(),  # noqa: S311
        allows_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK,
    )
    thread = Thread(target=courier.run, args=(stopping.requested.is_set,), name="courier", daemon=True)
    thread.start()
    worker_shutdown.connect(lambda **_: thread.join(STOP_SECONDS + 1), weak=False)
    return courier
