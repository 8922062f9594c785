"""Celery's door: wake-ups from beat."""

from celery import shared_task
from django.utils import timezone

from apps.campaigns.services import approvals, experiment, large_triggers, launch, lifecycle
from apps.campaigns.services.automations import entering, moving


@shared_task(name="campaigns.launch_due")
def launch_due() -> None:
    launch.launch_due(timezone.now())


@shared_task(name="campaigns.plan_triggers")
def plan_triggers() -> None:
    large_triggers.plan_triggers(timezone.now())


@shared_task(name="campaigns.finish")
def finish() -> None:
    lifecycle.finish_done(timezone.now())
    approvals.expire_approvals(timezone.now())


@shared_task(name="campaigns.decide_tests")
def decide_tests() -> None:
    experiment.decide_due(timezone.now())


@shared_task(name="campaigns.automations")
def automations() -> None:
    entering.take_arrivals(timezone.now())
    entering.enter_joined(timezone.now())
    moving.move_due(timezone.now())
