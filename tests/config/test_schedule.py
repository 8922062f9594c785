"""Beat's table: what the schedule says, no more, and nothing that could pile up."""

from typing import Any

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.beat import SteadyScheduler
from config.celery import app
from config.queues import LANES
from config.schedule import TICKS, beat_schedule, forget_removed

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)  # the scheduler mends connections, and so would end the test's transaction
def test_beat_takes_over_every_tick() -> None:
    SteadyScheduler(app=app).setup_schedule()
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


@pytest.mark.django_db(transaction=True)
def test_a_tick_switched_off_in_the_admin_is_taken_up() -> None:
    scheduler = SteadyScheduler(app=app)
    scheduler.look_every_seconds = 0.0
    before = dict(scheduler.schedule)
    chosen = PeriodicTask.objects.get(name=TICKS[0].name)
    chosen.enabled = False
    chosen.save()
    after = scheduler.schedule
    assert before.keys() - after.keys() == {chosen.name}
    assert not scheduler.schedules_equal(before, after)


@pytest.mark.django_db(transaction=True)
def test_beat_does_not_ask_at_every_tick_whether_something_changed(django_assert_num_queries: Any) -> None:
    scheduler = SteadyScheduler(app=app)
    scheduler.look_every_seconds = 3600.0
    with django_assert_num_queries(0):
        assert TICKS[0].name in scheduler.schedule
