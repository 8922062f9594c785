"""Names that do not resolve, hosts that never answer, connections that are cut, hang or crawl."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from apps.deliveries.models import Dispatch, Retry
from apps.devices.models import Channel
from tests.faults.house import House
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def road(house: House) -> Iterator[Proxy]:
    """What stands between the workers and FCM."""
    with Proxy(house.port_of("fcm")) as proxy:
        house.lead_through("fcm", proxy.port)
        yield proxy


@pytest.fixture
def under_way(house: House, road: Proxy) -> Dispatch:
    """A campaign of 900 at 300 a second, of which some have arrived, the gateway taking 200 ms."""
    house.people(900)
    house.sandbox.script("fcm", "slow", seconds=0.2)
    dispatch = house.launch(throttle_per_second=300)
    house.start_worker()
    house.until(lambda: house.arrived() > 100, seconds=60, what="under way")
    return dispatch


def all_wait(house: House, number: int, code: str) -> bool:
    return Retry.objects.filter(reason=code, may_have_arrived=False).count() == number


def test_a_name_that_does_not_resolve_fails_nobody(house: House) -> None:
    house.people(30)
    house.lead_to_host("fcm", "gateway.invalid")
    house.start_worker()
    dispatch = house.launch()
    house.until(lambda: all_wait(house, 30, "dns"), seconds=30, what="tried in vain")
    house.ask_to_stop(house.workers[-1])
    house.lead_through("fcm", house.port_of("fcm"))
    house.start_worker()
    house.until_done_hurrying(dispatch, seconds=30)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 30}


def test_a_host_that_never_answers_is_given_up_in_time(house: House, road: Proxy) -> None:
    """Connections stand, and no handshake ever comes back."""
    house.people(30)
    road.hang()
    house.start_worker()
    dispatch = house.launch()
    house.until(lambda: all_wait(house, 30, "connect_timeout"), seconds=30, what="given up")
    assert road.taken > 0
    road.heal()
    house.until_done_hurrying(dispatch, seconds=30)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 30}


def test_an_outage_longer_than_every_back_off_fails_nobody(house: House, road: Proxy) -> None:
    """Each device has nine tries behind it, and the gateway is still away."""
    house.people(4)
    road.refuse()
    house.start_worker()
    dispatch = house.launch()
    for _ in range(3):
        house.until(lambda: all_wait(house, 4, "connection_refused"), seconds=30, what="tried in vain")
        Retry.objects.update(tries=9, due_at=timezone.now(), reason="")
    road.heal()
    house.until_done_hurrying(dispatch, seconds=30)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 4}


def test_connections_cut_in_mid_run_lose_nobody(house: House, road: Proxy, under_way: Dispatch) -> None:
    cut = 0
    for share in (200, 400, 600):
        house.until(lambda share=share: house.arrived() > share, seconds=60, what="further")
        cut += road.cut()
        house.hurry()
    house.until_done_hurrying(under_way, seconds=60)
    assert cut >= 3
    house.check(cut=900)
    assert house.outcomes() == {"accepted": 900}


@pytest.mark.long
@pytest.mark.parametrize("fault", ["answers lost", "black hole", "one byte a second"])
def test_silence_in_mid_run_is_given_up_and_nobody_lost(
    house: House, road: Proxy, under_way: Dispatch, fault: str
) -> None:
    before = road.taken
    if fault == "one byte a second":
        road.slow(1, answers_only=True)
    else:
        road.hang(answers_only=fault == "answers lost")
    silent = Retry.objects.filter(may_have_arrived=True)
    house.until(silent.exists, seconds=30, what="given up")
    house.until(lambda: road.taken > before, seconds=40, what="replaced")
    road.cut()
    road.heal()
    house.until_done_hurrying(under_way, seconds=90)
    house.check(cut=900)
    assert house.outcomes() == {"accepted": 900}
    assert Channel.objects.get(gateway="fcm").state == "active"
