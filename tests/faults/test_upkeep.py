"""What else happens while a campaign is under way: erasure, retention, a second click, a log that nobody reads."""

import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Barrier, Event, Thread

import pytest
from django.db import connections
from django.utils import timezone

from apps.api.models import IdempotencyRecord
from apps.api.tasks import purge_expired
from apps.campaigns.services.lifecycle import launch_now
from apps.core.problems import Conflict
from apps.core.states import InvalidTransition
from apps.customers.models import Customer
from apps.customers.services.erasure import erase
from apps.customers.tasks import ensure_partitions as ensure_event_partitions
from apps.deliveries.models import Content, Dispatch
from apps.deliveries.tasks import ensure_partitions
from apps.devices.models import Device
from apps.devices.tasks import retire_stale
from tests.factories import make_segment
from tests.factories.campaigns import make_campaign, make_counted_dispatch
from tests.faults.house import HOLDS_WITHIN, ROAD, House

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


@pytest.fixture
def under_way(house: House) -> Dispatch:
    """A campaign of 1,500 at 60 a second, of which some have arrived."""
    house.people(1500)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=60)
    house.start_worker()
    house.until(lambda: house.arrived() > 100, seconds=60, what="under way")
    return dispatch


def test_who_is_erased_in_mid_campaign_gets_nothing_more(house: House, under_way: Dispatch) -> None:
    chosen = list(Customer.objects.order_by("-id")[:10])
    addresses = set(Device.objects.filter(customer__in=chosen).values_list("address", flat=True))
    for customer in chosen:
        erase(customer=customer, actor="system", now=timezone.now())
    holds_from = (timezone.now() + HOLDS_WITHIN + ROAD).isoformat()
    house.until_done(under_way, seconds=60)
    messages = house.sandbox.inbox(limit="10000", fields="token,received_at")["messages"]
    assert max(message["received_at"] for message in messages) > holds_from, "all was sent before"
    assert not [one for one in messages if one["token"] in addresses and one["received_at"] > holds_from]
    assert house.check() == 0
    assert set(house.outcomes()) == {"accepted", "excluded:erased"}
    assert house.outcomes().total() == 1500
    assert not Customer.objects.filter(erased_at=None, pk__in=[one.pk for one in chosen]).exists()


@contextmanager
def retention_at_work() -> Iterator[None]:
    """Every ticking retention job, again and again in a thread."""
    enough = Event()

    def run() -> None:
        while not enough.wait(0.05):
            for job in (ensure_partitions, ensure_event_partitions, retire_stale, purge_expired):
                job()
        connections.close_all()

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_retention_takes_what_is_old_and_nothing_of_the_living(house: House, under_way: Dispatch) -> None:
    long_ago = timezone.now() - timedelta(days=31)
    old = make_counted_dispatch(house.app, kind="transactional", expires_at=long_ago)
    Content.objects.bulk_create(Content(dispatch=old, variant=n, language="", body={}) for n in range(12_000))
    IdempotencyRecord.objects.bulk_create(
        IdempotencyRecord(
            app_id=house.app.pk, is_test=False, key=f"k{n}", body_hash=b"", status=202, answer={}, created_at=long_ago
        )
        for n in range(12_000)
    )
    with retention_at_work():
        house.until_done(under_way, seconds=60)
        house.until(lambda: not IdempotencyRecord.objects.exists(), seconds=30, what="purged")
    assert list(Content.objects.values_list("dispatch_id", flat=True)) == [under_way.pk]
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 1500}


def test_two_clicks_at_once_are_one_launch(house: House) -> None:
    house.people(300)
    campaign = make_campaign(house.app)
    campaign.include_segments.add(make_segment(house.app, list(Customer.objects.all())))
    together = Barrier(6)

    def click(number: int) -> bool:
        together.wait()
        try:
            launch_now(campaign=campaign, version=1, actor=f"admin {number}", now=timezone.now())
        except (Conflict, InvalidTransition):
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(6) as people:
        assert sorted(people.map(click, range(6))) == [False] * 5 + [True]
    house.start_worker()
    house.until_done(Dispatch.objects.get(), seconds=60)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 300}


def test_a_log_that_nobody_reads_stops_no_sending(house: House) -> None:
    house.people(600)
    reader, house.log = os.pipe()
    house.use(LOG_LEVEL="DEBUG")
    dispatch = house.launch(throttle_per_second=100)
    worker = house.start_worker()
    drain = Thread(target=read_until, args=(reader, b"ready."))
    drain.start()
    house.until(lambda: not drain.is_alive() and house.arrived() > 50, seconds=60, what="under way")
    fill(house.log)
    house.until_done(dispatch, seconds=60)
    fill(house.log, expect=0)
    assert worker.poll() is None
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 600}
    worker.kill()
    os.close(reader)
    os.close(house.log)


def read_until(reader: int, word: bytes) -> None:
    text = b""
    while word not in text:
        text += os.read(reader, 65536)


def fill(pipe: int, *, expect: int | None = None) -> None:
    """Write until nothing more fits, through a description of our own that does not wait."""
    own = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    size = fcntl.fcntl(own, fcntl.F_GETPIPE_SZ)
    written = 0
    with suppress(BlockingIOError):
        while written < size:
            written += os.write(own, b"x")
    os.close(own)
    if expect is not None:
        assert written == expect, "the worker's log was read by somebody"
