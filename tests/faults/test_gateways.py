"""Gateways that throttle, break and fall silent: nobody fails for it, everybody is reached once it is over."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.utils import timezone

from apps.deliveries.models import Delivery, Retry
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Channel, Device
from tests.faults.house import GATEWAY_OF, House, flying

pytestmark = pytest.mark.django_db(transaction=True)

GATEWAYS = tuple(GATEWAY_OF.values())


def everywhere(house: House, number: int) -> int:
    """So many people on each platform; how many that are."""
    for platform in GATEWAY_OF:
        house.people(number, platform)
    return number * len(GATEWAY_OF)


def name_of(device: Device) -> str:
    """What scripts call the device."""
    return device.address.rpartition("/")[2]


def hits(house: House) -> int:
    """How often the scripts struck."""
    return sum(script["hits"] for script in house.sandbox.call("GET", "/_script")[1]["scripts"])


def lift(house: House) -> None:
    """The gateways work again."""
    house.sandbox.call("DELETE", "/_script")


def in_a_minute() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)


def test_the_road_is_whole_on_all_platforms(house: House) -> None:
    number = everywhere(house, 40)
    house.start_worker()
    house.until_done(house.launch(), seconds=60)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": number}


def test_retry_after_is_heeded_whatever_it_says(house: House) -> None:
    """Seconds, a date, more than an hour, nonsense and a negative number; each wish with a little spread on top."""
    wishes = {"1": 1, "60": 60, "3600": 3600, "86400": 3600, in_a_minute(): 60, "soon": 60, "-5": 60}
    number = everywhere(house, len(wishes))
    expected = {}
    for gateway in GATEWAYS:
        for device, (said, seconds) in zip(Device.objects.filter(gateway=gateway), wishes.items(), strict=True):
            house.sandbox.script(gateway, "throttle", name_of(device), retry_after=said)
            expected[device.pk] = seconds
    house.start_worker()
    dispatch = house.launch()
    begun = timezone.now()
    house.until(lambda: Retry.objects.count() == number, seconds=30, what="throttled")
    took = (timezone.now() - begun).total_seconds()
    for retry in Retry.objects.all():
        wait, wish = (retry.due_at - begun).total_seconds(), expected[retry.device_id]
        assert wish - 2 <= wait <= wish * 1.2 + took, f"{wait} s where {wish} s were wished"
        assert retry.tries == 0, "being throttled counts as a failure"
    assert hits(house) == number
    lift(house)
    house.until_done_hurrying(dispatch, seconds=30)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": number}


def test_a_burst_of_errors_fails_nobody(house: House) -> None:
    """As many failures in a row as the back-off lets ten minutes of them cause: 5 s doubled seven times."""
    number = everywhere(house, 2)  # too few for the breaker
    for gateway, behaviour in zip(GATEWAYS, ("server_error", "html_error", "server_error"), strict=True):
        house.sandbox.script(gateway, behaviour)
    house.start_worker()
    dispatch = house.launch()
    for tries in range(1, 8):
        all_failed = Retry.objects.filter(tries=tries)
        house.until(lambda rows=all_failed: rows.count() == number, seconds=60, what=f"failed {tries} times")
        assert len({retry.due_at for retry in Retry.objects.all()}) == number, "a crowd returns at once"
        house.hurry()
    lift(house)
    house.until_done_hurrying(dispatch, seconds=30)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": number}


def test_a_gateway_out_of_order_is_left_in_peace(house: House) -> None:
    """The breaker opens: one call a probe is all that a broken gateway gets, and everybody waits."""
    number = everywhere(house, 250)
    for gateway, behaviour in zip(GATEWAYS, ("server_error", "html_error", "server_error"), strict=True):
        house.sandbox.script(gateway, behaviour)
    house.start_worker()
    dispatch = house.launch()
    closed = Channel.objects.filter(state="paused", closed_by="breaker")
    house.until(lambda: closed.count() == 3, seconds=60, what="closed")
    house.until(lambda: not flying().exists(), seconds=60, what="quiet")
    before = hits(house)
    for _ in range(3):
        house.hurry()
        house.until(lambda: not closed.filter(probe_after__lte=timezone.now()).exists(), seconds=60, what="probed")
    assert hits(house) - before <= 3 * 3 + 3, "more than one call a probe"
    assert house.outcomes() == {}
    lift(house)
    house.until_done_hurrying(dispatch, seconds=90)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": number}
    assert set(Channel.objects.values_list("state", flat=True)) == {"active"}


@pytest.mark.parametrize("behaviour", ["reset", "goaway", "drop_before_headers", "drop_after_accept"])
def test_connections_that_break_lose_nobody(house: House, behaviour: str) -> None:
    number = everywhere(house, 30)
    for gateway in GATEWAYS:
        house.sandbox.script(gateway, behaviour, times=3)
    house.start_worker()
    dispatch = house.launch()
    house.until_done_hurrying(dispatch, seconds=60)
    assert hits(house) >= 3
    repeated = house.check(cut=number)
    assert house.outcomes() == {"accepted": number}
    assert repeated == 0 or behaviour == "drop_after_accept"


def test_a_revoked_key_stops_its_channel_and_fails_nobody(house: House) -> None:
    everywhere(house, 30)
    house.sandbox.script("apns", "config_bad")
    house.start_worker()
    dispatch = house.launch()
    stopped = Channel.objects.filter(state="paused", gateway="apns", paused_reason__startswith="InvalidProviderToken")
    house.until(stopped.exists, seconds=30, what="stopped")
    house.until(lambda: house.outcomes()["accepted"] == 60, seconds=30, what="done on the other channels")
    house.hurry()
    house.until(lambda: Channel.objects.get(gateway="apns").probe_after > timezone.now(), seconds=30, what="probed")
    assert stopped.exists(), "the probe failed, and yet the channel is open"
    assert house.outcomes() == {"accepted": 60}
    lift(house)
    house.until_done_hurrying(dispatch, seconds=30)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 90}
    assert Channel.objects.get(gateway="apns").state == "active"


def test_a_phone_that_came_back_outlives_an_old_death(house: House) -> None:
    """410 with the time since when: a phone registered after it is kept, and reached by the next campaign."""
    house.people(3, "ios")
    back, gone, undated = Device.objects.order_by("id")
    before = int((back.registered_at - timedelta(hours=1)).timestamp() * 1000)
    house.sandbox.script("apns", "unregistered", name_of(back), timestamp=before)
    house.sandbox.script("apns", "unregistered", name_of(gone), timestamp=before + 2 * 3600 * 1000)
    house.sandbox.script("apns", "answer", name_of(undated), status=410, body={"reason": "Unregistered"})
    house.start_worker()
    house.until_done(house.launch(), seconds=30)
    assert house.outcomes() == {"token_dead": 3}
    states = dict(Device.objects.values_list("id", "state"))
    assert states == {back.pk: "active", gone.pk: "dead", undated.pk: "dead"}
    lift(house)
    second = house.launch()
    house.until_done(second, seconds=30)
    house.check()
    reached = Delivery.objects.filter(dispatch_id=second.id, outcome=OUTCOMES["accepted"])
    assert list(reached.values_list("device_id", flat=True)) == [back.pk]


def test_a_time_of_death_that_is_none_harms_nobody(house: House) -> None:
    """Such a phone is gone since the call; the worker goes on."""
    absurd = [1e300, -1, 0, "soon", True, None, 4e12]
    house.people(len(absurd) + 1, "ios")
    *gone, fine = Device.objects.order_by("id")
    for device, timestamp in zip(gone, absurd, strict=True):
        body = {"reason": "Unregistered", "timestamp": timestamp}
        house.sandbox.script("apns", "answer", name_of(device), status=410, body=body)
    house.start_worker()
    house.until_done(house.launch(), seconds=30)
    house.check()
    assert house.outcomes() == {"token_dead": len(absurd), "accepted": 1}
    assert set(Device.objects.filter(state="active")) == {fine}


@pytest.fixture
def exchanges(house: House) -> Callable[[], int]:
    """How many access tokens were asked for since now."""
    house.sandbox.script("oauth", "ok")
    before = hits(house)
    return lambda: hits(house) - before


def test_an_access_token_revoked_in_mid_run_is_renewed_once_for_all(house: House, exchanges: Callable[[], int]) -> None:
    house.people(800)
    for _ in range(2):
        house.start_worker()
    dispatch = house.launch(throttle_per_second=100)
    house.until(lambda: house.arrived() > 100, seconds=60, what="under way")
    assert exchanges() == 1, "each worker has a token of its own"
    assert house.sandbox.call("DELETE", "/_bearers")[1]["revoked"] >= 1
    house.until_done(dispatch, seconds=60)
    assert exchanges() == 2
    assert house.check() == 0
    assert house.outcomes() == {"accepted": 800}
    assert Channel.objects.get(gateway="fcm").state == "active"


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [("config_bad", "invalid_grant"), ("server_error", "oauth_unavailable"), ("reset", "oauth_unreachable")],
)
def test_without_an_access_token_the_channel_waits(house: House, behaviour: str, told: str) -> None:
    number = everywhere(house, 30)
    house.sandbox.script("oauth", behaviour)
    house.start_worker()
    dispatch = house.launch()
    stopped = Channel.objects.filter(state="paused", gateway="fcm", paused_reason__startswith=told)
    house.until(stopped.exists, seconds=30, what="stopped")
    house.until(lambda: house.outcomes() == {"accepted": 60}, seconds=30, what="done on the other channels")
    assert 1 <= hits(house) <= 6, "the token server is stormed"
    lift(house)
    house.until_done_hurrying(dispatch, seconds=40)
    assert house.check() == 0
    assert house.outcomes() == {"accepted": number}
    assert Channel.objects.get(gateway="fcm").state == "active"
