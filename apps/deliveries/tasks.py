"""Celery's door to the engine: idempotent wake-ups. Losing or doubling one does no harm."""

from datetime import timedelta
from functools import cache
from random import Random

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.deliveries.services import (
    alerts,
    fold,
    habits,
    health,
    lifecycle,
    partitions,
    personal,
    plan,
    release,
    wake,
    work,
)
from apps.deliveries.services.claim import reclaim_batches
from apps.deliveries.services.gateway_of import gateway_of
from apps.deliveries.services.wire import Wire
from apps.devices.models import Channel
from apps.gateways.contract import Gateway
from config import stopping

# Well below every broker's time-out for a task, and short enough that a worker sees new code soon.
SLOT_SECONDS = 20.0


@shared_task(name="deliveries.send")
def send(lane: str) -> None:
    """Work on a lane until nothing is due, the slot is over, or the worker is told to stop."""
    done = work.work(
        lane=lane,
        wire=_wire(lane),
        slot_seconds=SLOT_SECONDS,
        clock=timezone.now,
        chance=Random(),  # noqa: S311
        lease=timedelta(seconds=settings.DELIVERY_LEASE_SECONDS),
        is_stopping=stopping.requested.is_set,
    )
    if done.is_more and not stopping.requested.is_set():
        wake.go_on(lane)


@shared_task(name="deliveries.look")
def look(lane: str) -> None:
    """What a worker does without a wake-up (config.polling): work where there is something to do."""
    if release.is_lane_due(lane=lane, now=timezone.now()):
        send(lane)


@shared_task(name="deliveries.release")
def release_due() -> None:
    """Make due what is due and wake its lanes."""
    release.release_due(now=timezone.now())


@shared_task(name="deliveries.resend_alerts")
def resend_alerts() -> None:
    """Send critical alerts again to those who have not answered."""
    alerts.resend_due(now=timezone.now())


@shared_task(name="deliveries.reclaim")
def reclaim() -> None:
    """Take back what dead workers held."""
    reclaim_batches(now=timezone.now())


@shared_task(name="deliveries.ask_health")
def ask_health() -> None:
    """Ask the servers of the apps whose campaigns are on their way how they are."""
    health.ask_health(clock=timezone.now, allows_loopback=settings.HEALTH_PROBE_ALLOWS_LOOPBACK)


@shared_task(name="deliveries.fold_counts")
def fold_counts() -> None:
    """Bring the counts up to the ledger."""
    fold.fold_counts()


@shared_task(name="deliveries.finish")
def finish() -> None:
    """End what is over."""
    plan.end_abandoned(now=timezone.now())
    lifecycle.finish_dispatches(now=timezone.now())


@shared_task(name="deliveries.learn_hours")
def learn_hours() -> None:
    """Learn at which hour people usually open."""
    habits.learn_hours(now=timezone.now())


@shared_task(name="deliveries.ensure_partitions")
def ensure_partitions() -> None:
    """Keep the ledger's weeks ahead of the clock, and forget the texts that are due to be forgotten."""
    partitions.ensure_partitions(now=timezone.now())
    lifecycle.purge_contents(now=timezone.now())
    personal.forget_facts(expired_before=timezone.now() - lifecycle.KEPT_AFTER_EXPIRY)


@shared_task(name="deliveries.summarize_weeks")
def summarize_weeks() -> None:
    """Keep searches in the log quick."""
    partitions.summarize_weeks(now=timezone.now())


@cache
def _wire(lane: str) -> Wire:
    """One wire a lane and process, for as long as the process lives."""
    return Wire(_gateway)


def _gateway(channel: Channel, is_test: bool) -> Gateway:
    return gateway_of(
        channel, is_test=is_test, endpoints=settings.GATEWAY_ENDPOINTS, is_production=settings.IS_PRODUCTION
    )
