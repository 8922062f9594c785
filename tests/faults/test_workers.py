"""Workers die between the gateway's answer and the record, one after the other, or are told to stop all day long."""

from datetime import timedelta
from hashlib import sha256
from random import Random
from time import monotonic

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.core.states import InvalidTransition
from apps.deliveries.models import Batch, Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.lifecycle import cancel, pause, resume
from apps.devices.models import Device
from apps.devices.services.registration import DeviceDraft, register
from tests.factories import make_dispatch
from tests.faults.house import HOLDS_WITHIN, ROAD, House
from tests.house import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_f2_a_kill_between_the_answer_and_the_record_repeats_the_same_ids(house: House) -> None:
    """F2. The gateway has taken them, the ledger is locked, the worker dies: they go out again with their ids."""
    house.people(20)
    dispatch = house.launch()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("lock table deliveries_ledgerpage in exclusive mode")
        worker = house.start_worker()
        wait_for(lambda: house.arrived() == 20, 30)
        wait_for(is_anybody_blocked, 10)
        house.kill(worker)
    house.start_worker()
    house.until_done(dispatch, seconds=40)
    assert house.check() == 20
    assert house.outcomes() == {"accepted": 20}


@pytest.mark.long
def test_f1_a_worker_at_random_is_killed_every_three_seconds(house: House) -> None:
    """F1. Ten kills among two workers, 20,000 people, a slow gateway."""
    chance = Random(1)
    house.people(20_000)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=300)
    alive = [house.start_worker(), house.start_worker()]
    house.until(lambda: house.arrived() > 0, seconds=60, what="under way")
    for _ in range(10):
        rest(house, 3)
        house.kill(alive.pop(chance.randrange(2)))
        alive.append(house.start_worker())
    house.until_done(dispatch, seconds=300)
    assert house.check() > 0, "no kill caused a resend"
    assert set(house.outcomes()) <= {"accepted", "unknown_outcome"}


@pytest.mark.long
def test_f38_workers_restarted_every_ten_seconds_send_nobody_twice(house: House) -> None:
    """F38. Each of two workers is told to stop in turn, six times; each is gone within 20 s."""
    house.people(7_200)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=60)
    alive = [house.start_worker(), house.start_worker()]
    house.until(lambda: house.arrived() > 0, seconds=60, what="under way")
    for _ in range(6):
        rest(house, 10)
        assert Dispatch.objects.get().state == "sending"
        house.ask_to_stop(alive.pop(0))
        alive.append(house.start_worker())
    house.until_done(dispatch, seconds=120)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 7_200}


def test_f39_paused_and_resumed_ten_times_it_goes_on_and_then_stops(house: House) -> None:
    """F39. Every step holds; the sums are right whatever the order; nothing starts 2 s after the cancel."""
    house.people(1500)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=100)
    house.start_worker()
    house.until(lambda: house.arrived() > 50, seconds=60, what="under way")
    for _ in range(10):
        pause(dispatch_id=dispatch.id, reason="by a person", now=timezone.now())
        with pytest.raises(InvalidTransition):
            pause(dispatch_id=dispatch.id, reason="again", now=timezone.now())
        rest(house, 0.1)
        resume(dispatch_id=dispatch.id, now=timezone.now())
        rest(house, 0.1)
    before = house.arrived()
    house.until(lambda: house.arrived() > before, seconds=20, what="going on")
    cancel(dispatch_id=dispatch.id, now=timezone.now())
    cancelled_at = timezone.now()
    house.until_done(dispatch, seconds=30)
    rest(house, 2 * HOLDS_WITHIN.total_seconds())
    assert house.latest_arrival() < cancelled_at + HOLDS_WITHIN + ROAD
    assert house.check() == 0
    assert set(house.outcomes()) == {"accepted", "cancelled"}
    assert house.outcomes().total() == 1500


def test_f41_a_device_that_registered_after_its_death_is_kept(house: House) -> None:
    """F41. APNs answers 410 with the time since when: one is from before the last registration, one from after."""
    house.people(3, "ios")
    reborn, gone, well = Device.objects.order_by("id")
    for device, days in ((reborn, -2), (gone, 0)):
        died_at = timezone.now() + timedelta(days=days)
        house.sandbox.script("apns", "unregistered", token=device.address, timestamp=int(died_at.timestamp() * 1000))
    dispatch = house.launch()
    house.start_worker()
    house.until_done(dispatch, seconds=40)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 1, "token_dead": 2}
    assert set(Device.objects.filter(state="active")) == {reborn, well}


def test_f42_a_phone_that_changed_hands_is_not_sent_to(house: House) -> None:
    """F42. Somebody else logs in on the last phone while the campaign runs: it is theirs, and the message is not."""
    house.people(200)
    last = Device.objects.order_by("id")[199]
    dispatch = house.launch(throttle_per_second=50)
    house.start_worker()
    house.until(lambda: house.arrived() > 10, seconds=40, what="under way")
    draft = DeviceDraft(platform="android", provider="fcm", address=last.address)
    Device.objects.filter(id=last.id).update(address_hash=sha256(last.address.encode()).digest())
    register(app=house.app, draft=draft, customer="somebody-else", now=timezone.now())
    house.until_done(dispatch, seconds=40)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 199, "excluded:moved": 1}
    assert house.sandbox.inbox(token=last.address)["count"] == 0


def test_workers_back_from_an_outage_keep_the_quiet_hours(house: House) -> None:
    """Promise 7. Planned two hours ago and not begun; its night began an hour ago. Another goes out."""
    house.people(20)
    now, hour = timezone.now(), timedelta(hours=1)
    night = Policy(quiet_from=f"{now - hour:%H:%M}", quiet_until=f"{now + 2 * hour:%H:%M}", default_time_zone="UTC")
    late = make_dispatch(house.app, now=now - 2 * hour, policy=night)
    house.start_worker()
    house.until_done(house.launch(), seconds=40)
    assert house.arrived() == house.check() + 20
    assert Batch.objects.get(dispatch=late).release_at > now + hour


def rest(house: House, seconds: float) -> None:
    until = monotonic() + seconds
    house.until(lambda: monotonic() > until, seconds=seconds + 10, what="some time later")


def is_anybody_blocked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_locks join pg_database on pg_database.oid = pg_locks.database"
            " where not granted and datname = current_database()"
        )
        return bool(cursor.fetchone()[0])
