"""Celery's door: wake-ups from beat."""

from celery import shared_task
from django.utils import timezone

from apps.campaigns.services import launch, lifecycle


@shared_task(name="campaigns.launch_due")
def launch_due() -> None:
    launch.launch_due(timezone.now())


@shared_task(name="campaigns.finish")
def finish() -> None:
    lifecycle.finish_done(timezone.now())
