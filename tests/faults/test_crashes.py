"""Workers that are killed while they wait for the gateway: nobody is lost, few get it twice, and it is known who."""

import pytest

from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Device
from tests.faults.house import House, flying

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_road_is_whole(house: House) -> None:
    house.people(300)
    house.start_worker()
    dispatch = house.launch()
    house.until_done(dispatch, seconds=60)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 300}


@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.long)])
def test_a_campaign_survives_workers_killed_in_mid_flight(house: House, kills: int) -> None:
    """F1. Each kill is in mid-flight for certain, so one proves as much as three, but for leases in a row."""
    house.people(500 * kills)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=200)
    for _ in range(kills):
        house.kill_in_flight(house.start_worker())
        house.until(lambda: not flying().exists(), seconds=60, what="reclaimed")
    house.sandbox.call("DELETE", "/_script")  # who is suspect is tried again one by one
    house.start_worker()
    house.until_done(dispatch, seconds=120)
    repeated = house.check()
    assert repeated > 0, "no kill caused a resend"
    assert set(house.outcomes()) <= {"accepted", "unknown_outcome"}


def test_a_device_that_kills_its_worker_sinks_alone(house: House) -> None:
    """F4."""
    house.people(400)
    poison = Device.objects.order_by("id")[150]
    dispatch = house.launch(throttle_per_second=100)  # batches of 200, so that others are in flight beside it
    Dispatch.objects.update(throttle_per_second=None)
    deaths = 0
    while not is_done(dispatch):
        worker = house.start("-m", "tests.faults.poisoned_worker", poison.address)
        house.until(
            lambda worker=worker: worker.poll() is not None or is_done(dispatch), seconds=60, what="dead or done"
        )
        deaths += worker.poll() is not None
        house.stop()
    assert deaths == 3
    assert house.outcomes() == {"accepted": 399, "unknown_outcome": 1}
    sunk = Delivery.objects.get(outcome=OUTCOMES["unknown_outcome"])
    assert (sunk.device_id, sunk.code) == (poison.id, "crashed")


@pytest.mark.long
def test_a_long_campaign_survives_ten_kills(house: House) -> None:
    """F1."""
    house.people(40_000)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=220)
    house.start_worker()
    for _ in range(10):
        house.kill_in_flight(house.workers[-1])
        house.start_worker()
        house.until(lambda: not flying().exists(), seconds=60, what="reclaimed")
        house.until(lambda: flying().exists(), seconds=60, what="under way again")
    house.until_done(dispatch, seconds=400)
    assert house.check() > 0, "no kill caused a resend"
    assert set(house.outcomes()) <= {"accepted", "unknown_outcome"}


def is_done(dispatch: Dispatch) -> bool:
    return Dispatch.objects.filter(id=dispatch.id, state="done").exists()
