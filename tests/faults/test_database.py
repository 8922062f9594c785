"""The database crashes or stays away: nothing is sent that could not be written down, and no answer is lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.campaigns.services.lifecycle import LaunchFailed, launch_now
from apps.customers.models import Customer, EventType
from apps.deliveries.models import Dispatch
from apps.deliveries.services.work import IN_FLIGHT
from apps.segments.models import Segment
from apps.segments.services.refresh import refresh_segment
from tests.factories import make_customer, make_device, make_event, make_segment
from tests.factories.api import ApiCaller, make_key
from tests.factories.campaigns import make_campaign
from tests.faults.callers import Caller
from tests.faults.cluster import IMMEDIATE, Cluster
from tests.faults.house import House

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def crowd(own_house: House) -> House:
    """1,500 people, and a gateway that takes 200 ms."""
    own_house.people(1500)
    own_house.sandbox.script("fcm", "slow", seconds=0.2)
    return own_house


def test_a_campaign_survives_a_database_that_crashes_twice(crowd: House, cluster: Cluster, tmp_path: Path) -> None:
    dispatch = crowd.launch(throttle_per_second=300)
    with (tmp_path / "log").open("wb") as log:
        crowd.log = log.fileno()
        crowd.start_worker()
    for part in (200, 600):
        crowd.until(lambda part=part: crowd.arrived() > part, seconds=60, what="under way")
        cluster.restart(IMMEDIATE)
    crowd.until_done(dispatch, seconds=60)
    assert cluster.stops == 2
    assert crowd.check() == 0
    assert crowd.outcomes() == {"accepted": 1500}
    said = (tmp_path / "log").read_text()
    assert "Traceback" not in said
    assert "database away" in said


@pytest.mark.long
def test_nothing_is_sent_while_the_database_is_away(crowd: House, cluster: Cluster) -> None:
    dispatch = crowd.launch(throttle_per_second=300)
    worker = crowd.start_worker()
    crowd.until(lambda: crowd.arrived() > 200, seconds=60, what="under way")
    cluster.stop(IMMEDIATE)
    sleep(1)
    at_first = crowd.arrived()
    sleep(30)  # much longer than the lease
    assert crowd.arrived() == at_first < 1500
    cluster.start()
    crowd.until_done(dispatch, seconds=60)
    assert worker.poll() is None, "the worker did not outlive the gap"
    assert crowd.check() == 0
    assert crowd.outcomes() == {"accepted": 1500}


@pytest.fixture
def push(own_house: House) -> Callable[[], Any]:
    """A call that sends a push, in this process."""
    api = ApiCaller(make_key(own_house.app), Client(raise_request_exception=False))
    return lambda: api.post("/v2.1/push", a_push(own_house))


def a_push(house: House) -> dict[str, Any]:
    device = make_device(make_customer(house.app))
    return {"device_tokens": [device.address], "title": "Hello", "body": "There is news."}


def test_every_door_says_not_now_while_the_database_is_away(own_house: House, cluster: Cluster) -> None:
    api = ApiCaller(make_key(own_house.app), Client(raise_request_exception=False))
    body = a_push(own_house)
    assert api.post("/v2.1/push", body).status_code == 202
    cluster.stop(IMMEDIATE)
    login = api.client.post("/admin/login/", {"username": "ada", "password": "x"})
    for answer in (api.post("/v2.1/push", body), api.get("/v2.1/segments"), login):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert api.get("/healthz").status_code == 200
    cluster.start()
    assert api.post("/v2.1/push", body).status_code == 202


@pytest.mark.long
def test_what_was_promised_before_a_crash_is_kept(own_house: House, cluster: Cluster) -> None:
    own_house.start_worker("urgent")
    url = own_house.start_web()
    with Caller(url, make_key(own_house.app), a_push(own_house)) as caller:
        for _ in range(2):
            before = caller.statuses[202]
            own_house.until(lambda before=before: caller.statuses[202] > before + 20, seconds=60, what="accepting")
            cluster.restart(IMMEDIATE, away_seconds=2)
    assert set(caller.statuses) == {202, 503}
    assert {wait for status, wait, _ in caller.answers if status == 503} == {"2"}
    assert set(caller.accepted) <= set(Dispatch.objects.values_list("id", flat=True))
    over = Dispatch.objects.exclude(finished_at=None)
    own_house.until(lambda: over.count() == Dispatch.objects.count(), seconds=60, what="sent")
    assert own_house.check() == 0


@contextmanager
def all_sessions_taken(cluster: Cluster) -> Iterator[int]:
    """Whoever had a session loses it, and there is none left for anybody. Gives how many it took."""
    connection.close()
    with ExitStack() as stack:
        taken = [stack.enter_context(cluster.connect())]
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(stack.enter_context(cluster.connect()))
                taken[0].execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where backend_type = 'client backend' and not pid = any(%s)",
                    [[one.info.backend_pid for one in taken]],
                )
        yield len(taken)


@pytest.mark.long
@pytest.mark.postgresql(max_connections="20")
def test_no_session_left_is_not_now(crowd: House, cluster: Cluster, push: Callable[[], Any]) -> None:
    dispatch = crowd.launch(throttle_per_second=500)
    worker = crowd.start_worker()
    assert push().status_code == 202
    crowd.until(lambda: crowd.arrived() > 200, seconds=60, what="under way")
    body = a_push(crowd)
    with all_sessions_taken(cluster) as taken:
        answer = ApiCaller("hg_live_" + "x" * 43).post("/v2.1/push", body)
        sleep(1)
        at_first = crowd.arrived()
        sleep(2)
        assert crowd.arrived() == at_first < 1500
    assert taken == 20
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    crowd.until_done(dispatch, seconds=60)
    assert worker.poll() is None
    assert crowd.check() == 0


@pytest.mark.long
@pytest.mark.postgresql(wal_keep_size="1GB")
def test_a_failover_that_lost_two_seconds_repeats_no_more_than_those(own_house: House, cluster: Cluster) -> None:
    own_house.people(3000)
    own_house.sandbox.script("fcm", "slow", seconds=0.2)
    cluster.back_up()
    dispatch = own_house.launch(throttle_per_second=200)
    worker = own_house.start_worker()
    own_house.until(lambda: own_house.arrived() > 1000, seconds=60, what="under way")
    before, at_first = own_house.recorded(), own_house.arrived()
    cluster.stop(IMMEDIATE)
    cluster.go_back_to(timezone.now() - timedelta(seconds=2))
    assert own_house.recorded() < before, "nothing was lost"
    lost = before - own_house.recorded()
    own_house.until_done(dispatch, seconds=120)
    assert at_first < 3000
    assert worker.poll() is None
    assert own_house.check(cut=lost + IN_FLIGHT) > 0
    assert set(own_house.outcomes()) <= {"accepted", "unknown_outcome"}


SHOPPERS = {"match": "all", "rules": [{"field": "event", "op": "did", "value": {"name": "purchase"}}]}


def test_a_segment_that_takes_too_long_stops_the_launch_before_anybody(own_house: House, cluster: Cluster) -> None:
    own_house.people(50)
    EventType.objects.create(app=own_house.app, name="purchase", properties={})
    for customer in Customer.objects.all():
        make_event(customer, "purchase")
    campaign = make_campaign(own_house.app)
    campaign.include_segments.add(make_segment(own_house.app, kind="dynamic", rule=SHOPPERS, state="due"))
    refresh_segment(segment_id=Segment.objects.get().pk, now=timezone.now())
    arguments = {"campaign": campaign, "version": 1, "actor": "ada"}
    with cluster.connect() as other:
        other.execute("alter role heliograph set statement_timeout = '1s'")
        connection.close()
        other.execute("begin; lock table customers_event")
        with pytest.raises(LaunchFailed, match="takes longer"):
            launch_now(**arguments, now=timezone.now())
        other.execute("rollback")
    campaign.refresh_from_db()
    assert (campaign.state, Dispatch.objects.count()) == ("draft", 0)
    assert "takes longer" in campaign.launch_problem
    Segment.objects.update(state="due")  # what beat does after the usual pause
    launch_now(**arguments, now=timezone.now())
    own_house.start_worker()
    own_house.until_done(Dispatch.objects.get(), seconds=60)
    assert own_house.check() == 0
    assert own_house.outcomes() == {"accepted": 50}
