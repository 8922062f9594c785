"""Beat's table: what the schedule says, no more, and nothing that could pile up."""

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from config.celery import app
from config.queues import LANES
from config.schedule import TICKS, beat_schedule, forget_removed

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)  # the scheduler mends connections, and so would end the test's transaction
def test_beat_takes_over_every_tick() -> None:
    DatabaseScheduler(app=app).setup_schedule()
    rows = PeriodicTask.objects.filter(name__startswith="tick: ")
    assert {row.task for row in rows} == {tick.task for tick in TICKS}
    assert {row.queue for row in rows} == set(LANES)
    assert all(row.expire_seconds for row in rows)


def test_a_tick_of_an_earlier_version_is_forgotten_and_one_made_by_hand_stays() -> None:
    every = IntervalSchedule.objects.create(every=1, period="seconds")
    PeriodicTask.objects.create(name="tick: gone.task", task="gone.task", interval=every)
    PeriodicTask.objects.create(name="by hand", task="core.something", interval=every)
    assert forget_removed() == 1
    assert list(PeriodicTask.objects.values_list("name", flat=True)) == ["by hand"]


def test_every_lane_has_a_heartbeat() -> None:
    beats = {tick.queue for tick in TICKS if tick.task == "config.heartbeat"}
    assert beats == set(LANES)


def test_names_are_unique() -> None:
    assert len(beat_schedule()) == len(TICKS)
