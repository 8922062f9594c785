"""Beat is away for an hour, or is there twice: what was due happens, once, and what is too late says so."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services import lifecycle
from apps.campaigns.services.launch import launch_due
from apps.deliveries.models import Dispatch
from config.beat import SteadyScheduler
from config.celery import app as celery_app
from config.queues import LANES
from config.schedule import TICKS
from tests.factories import NOW, make_app, make_ready_campaign
from tests.faults.house import House
from tests.faults.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
DUE_AT = NOW + timedelta(minutes=10)


def scheduled(app: App, **fields: object) -> Campaign:
    campaign = make_ready_campaign(app, timing="at", scheduled_at=DUE_AT, **fields)
    return lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)


def test_f16_what_was_due_meanwhile_starts_once_and_expires_as_if_in_time() -> None:
    """F16. Beat is down for an hour, and back."""
    campaign = scheduled(make_app())
    assert [launch_due(DUE_AT + HOUR), launch_due(DUE_AT + HOUR)] == [1, 0]
    dispatch = Dispatch.objects.get()
    assert dispatch.state == "sending"
    assert dispatch.expires_at == DUE_AT + timedelta(minutes=campaign.expire_after_minutes)


def test_f16_what_expired_meanwhile_is_missed_and_says_so() -> None:
    """F16. Nobody gets a push that is too late; the marketer sees why."""
    campaign = scheduled(make_app(), expire_after_minutes=60)
    assert launch_due(DUE_AT + HOUR) == 0
    campaign.refresh_from_db()
    assert campaign.state == "draft"
    missed = "it was missed: due at 1 Jun 2026, 12:10, its pushes had expired at 1 Jun 2026, 13:10 (UTC)"
    assert campaign.launch_problem.startswith(missed)
    assert not Dispatch.objects.exists()
    assert launch_due(DUE_AT + 2 * HOUR) == 0


def test_f16_ticks_of_a_lost_hour_come_once(alone: House, valkey: Valkey) -> None:
    """F16. A real beat that slept for two hours sends each tick once, not once for each time missed."""
    valkey.start()
    SteadyScheduler(app=celery_app).setup_schedule()
    PeriodicTask.objects.update(last_run_at=timezone.now() - 2 * HOUR)
    alone.start_beat()
    alone.until(lambda: tasks_waiting(valkey)["deliveries.ensure_partitions"] > 0, seconds=30, what="sent")
    sent, second = tasks_waiting(valkey), {tick.task for tick in TICKS if tick.every_seconds < 5}
    assert {task: number for task, number in sent.items() if task not in second and number > 1} == {}
    assert max(sent.values()) < 10


@pytest.mark.long
def test_f17_three_beats_start_a_campaign_once(alone: House, valkey: Valkey) -> None:
    """F17. Beats do not know of each other; two workers hear them all."""
    valkey.start()
    campaign = make_ready_campaign(alone.app, people=60, timing="at", scheduled_at=soon(10))
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=timezone.now())
    for _ in range(3):
        alone.start_beat()
    alone.until(lambda: len(senders(valkey)) == 3, seconds=30, what="three beats beating")
    for _ in range(2):
        alone.start_worker(*LANES)
    row = Campaign.objects.filter(id=campaign.id)
    alone.until(row.filter(state="finished").exists, seconds=60, what="finished")
    assert Dispatch.objects.count() == 1
    assert alone.check() == 0
    assert alone.outcomes() == {"accepted": 60}


def soon(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def tasks_waiting(valkey: Valkey) -> Counter[str]:
    return Counter(headers["task"] for headers in valkey.waiting(*LANES))


def senders(valkey: Valkey) -> set[str]:
    """The processes that sent a launch."""
    return {headers["origin"] for headers in valkey.waiting("bulk") if headers["task"] == "campaigns.launch_due"}
