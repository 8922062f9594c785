"""The database crashes or stays away: nothing is sent that could not be written down, and no answer is lost."""

from time import sleep

import pytest

from tests.faults.cluster import IMMEDIATE, Cluster
from tests.faults.house import House

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def crowd(own_house: House) -> House:
    """1,500 people, and a gateway that takes 200 ms."""
    own_house.people(1500)
    own_house.sandbox.script("fcm", "slow", seconds=0.2)
    return own_house


def test_a_campaign_survives_a_database_that_crashes_twice(crowd: House, cluster: Cluster) -> None:
    dispatch = crowd.launch(throttle_per_second=300)
    crowd.start_worker()
    for part in (200, 600):
        crowd.until(lambda part=part: crowd.arrived() > part, seconds=60, what="under way")
        cluster.restart(IMMEDIATE)
    crowd.until_done(dispatch, seconds=60)
    assert cluster.stops == 2
    assert crowd.check() == 0
    assert crowd.outcomes() == {"accepted": 1500}


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
