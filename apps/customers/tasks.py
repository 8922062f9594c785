"""Celery's door to people."""

from contextlib import suppress

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.customers.services import (
    consent_days,
    contact_sealing,
    import_work,
    imports,
    merging,
    partitions,
    sealing_start,
)
from config import release, stopping


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


# Of every five, for the lane has other things to do each second.
SEAL_SECONDS = 1.0


@shared_task(name="customers.seal_contacts")
def seal_contacts() -> None:
    """Seal phones and e-mails that a version of before wrote in plain, once nobody of that version is at work."""
    if sealing_start.look(reads=release.READS, now=timezone.now()):
        contact_sealing.seal_open_contacts(seconds=SEAL_SECONDS, is_stopping=stopping.requested.is_set)


# Short, so that a worker that sends campaigns as well is never away for long.
IMPORT_SLOT_SECONDS = 3.0


@shared_task(name="customers.continue_imports")
def continue_imports() -> None:
    """Store the next lines of running imports; where more are left, ask for another go behind what else waits."""
    is_more = import_work.continue_imports(
        clock=timezone.now, slot_seconds=IMPORT_SLOT_SECONDS, is_stopping=stopping.requested.is_set
    )
    if is_more and not stopping.requested.is_set():
        with suppress(OperationalError, OSError):  # the next tick finds it as well
            continue_imports.apply_async(retry=False, expires=10)


@shared_task(name="customers.forget_imports")
def forget_imports() -> None:
    """Forget refused lines, and files that nobody started, once they are old."""
    imports.forget_old(now=timezone.now())
