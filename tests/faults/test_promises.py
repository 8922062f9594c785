"""What a person decides while a campaign is under way holds within two seconds, and stopping workers costs nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.customers.models import Customer
from apps.deliveries.models import Dispatch, Retry
from apps.deliveries.policy import Policy
from apps.deliveries.services.lifecycle import cancel, pause, resume
from tests.faults.house import HOLDS_WITHIN, ROAD, House, flying

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def under_way(house: House) -> Dispatch:
    """A campaign of 1,500 at 300 a second, of which some have arrived, the gateway taking 200 ms."""
    house.people(1500)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=300)
    house.start_worker()
    house.until(lambda: house.arrived() > 100, seconds=60, what="under way")
    return dispatch


def test_a_pause_holds_and_a_resume_goes_on(house: House, under_way: Dispatch) -> None:
    """F39."""
    pause(dispatch_id=under_way.id, reason="by a person", now=timezone.now())
    paused_at = timezone.now()
    house.until(lambda: timezone.now() > paused_at + 2 * HOLDS_WITHIN, seconds=10, what="some time later")
    assert 0 < house.arrived() < 1500
    assert house.latest_arrival() < paused_at + HOLDS_WITHIN + ROAD
    resume(dispatch_id=under_way.id, now=timezone.now())
    house.until_done(under_way, seconds=60)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 1500}


def test_a_cancel_holds_and_everybody_has_an_outcome(house: House, under_way: Dispatch) -> None:
    """F39."""
    cancel(dispatch_id=under_way.id, now=timezone.now())
    cancelled_at = timezone.now()
    house.until_done(under_way, seconds=30)
    house.until(lambda: timezone.now() > cancelled_at + 2 * HOLDS_WITHIN, seconds=10, what="some time later")
    assert house.latest_arrival() < cancelled_at + HOLDS_WITHIN + ROAD
    assert house.check() == 0
    found = house.outcomes()
    assert set(found) == {"accepted", "cancelled"}
    assert found.total() == 1500


def test_an_opt_out_holds(house: House, under_way: Dispatch) -> None:
    Customer.objects.update(push_consent=False)
    opted_out_at = timezone.now()
    house.until_done(under_way, seconds=60)
    assert house.latest_arrival() < opted_out_at + HOLDS_WITHIN + ROAD
    assert house.check() == 0
    assert set(house.outcomes()) == {"accepted", "excluded:no_consent"}


def test_workers_told_to_stop_leave_nothing_behind(house: House, under_way: Dispatch) -> None:
    """F38."""
    for _ in range(2):
        house.ask_to_stop(house.workers[-1])
        assert not flying().exists()
        house.start_worker()
        house.until(flying().exists, seconds=60, what="under way again")
    house.until_done(under_way, seconds=60)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 1500}


def test_the_throttle_is_never_exceeded(house: House, under_way: Dispatch) -> None:
    house.start_worker()
    begun, at_first = timezone.now(), house.arrived()
    house.until(lambda: timezone.now() > begun + timedelta(seconds=3), seconds=10, what="some time later")
    seconds = (timezone.now() - begun).total_seconds()
    assert house.arrived() - at_first <= 300 * (seconds + 1)


@pytest.mark.parametrize(("on_unknown", "outcome"), [("resend", "accepted"), ("leave", "unknown_outcome")])
def test_a_call_without_an_answer_is_repeated_as_the_policy_says(house: House, on_unknown: str, outcome: str) -> None:
    house.people(20)
    cut = house.sandbox.script("fcm", "drop_after_accept", times=3)
    dispatch = house.launch(policy=Policy(on_unknown=on_unknown, stop_error_percent=100))
    house.start_worker()
    house.until(lambda: bool(house.recorded()), seconds=60, what="under way")
    Retry.objects.update(due_at=timezone.now())
    house.until_done(dispatch, seconds=60)
    (script,) = house.sandbox.call("GET", "/_script")[1]["scripts"]
    # One cut ends every call on its connection, so with nothing repeated there may be nothing left for the next cut.
    assert script["id"] == cut["id"]
    assert 1 <= script["hits"] <= 3
    house.check(cut=20)
    assert house.outcomes()[outcome] >= script["hits"]


def test_an_opt_out_holds_for_slices_that_wait_for_the_vendors_login(house: House) -> None:
    house.people(300)
    house.sandbox.script("oauth", "slow", seconds=5)
    dispatch = house.launch()
    house.start_worker()
    house.until(flying().exists, seconds=60, what="opened")
    Customer.objects.update(push_consent=False)
    house.until_done(dispatch, seconds=60)
    assert house.arrived() == 0
    assert house.check() == 0
    assert house.outcomes() == {"excluded:no_consent": 300}
