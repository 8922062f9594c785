"""Workers that are killed while they wait for the gateway: nobody is lost, few get it twice, and it is known who."""

import pytest

from tests.faults.house import House, flying

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_road_is_whole(house: House) -> None:
    house.people(300)
    house.start_worker()
    dispatch = house.launch()
    house.until_done(dispatch, seconds=60)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 300}


def test_a_campaign_survives_workers_killed_in_mid_flight(house: House) -> None:
    house.people(1500)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=200)
    for _ in range(3):
        house.kill_in_flight(house.start_worker())
        house.until(lambda: not flying().exists(), seconds=60, what="reclaimed")
    house.start_worker()
    house.until_done(dispatch, seconds=120)
    repeated = house.check()
    assert repeated > 0, "no kill caused a resend"
    assert set(house.outcomes()) <= {"accepted", "unknown_outcome"}
