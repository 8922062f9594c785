"""Celery's door to segments."""

from celery import shared_task
from django.utils import timezone

from apps.core.problems import Conflict
from apps.segments.services import refresh
from apps.segments.services.limits import Stopped


@shared_task(name="segments.refresh_due")
def refresh_due() -> None:
    """Compute the members of every segment whose time has come."""
    refresh.refresh_due(now=timezone.now())


@shared_task(name="segments.refresh")
def refresh_segment(segment_id: int) -> None:
    """Compute one segment now: somebody just saved it."""
    try:
        refresh.refresh_segment(segment_id=segment_id, now=timezone.now())
    except (refresh.SegmentBroken, Conflict, Stopped):
        return  # the row says so, and the page shows it
