"""Steering: what a gateway answers decides how fast its channel goes, and whether at all."""

from datetime import datetime, timedelta
from random import Random

import pytest

from apps.devices.models import Channel
from apps.devices.services.channels import pause_channel, resume_channel
from apps.devices.services.steering import Answers, standings, steer
from tests.factories import NOW, make_app, make_channel

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel() -> Channel:
    return make_channel(make_app())


def tell(channel: Channel, seconds: float = 0, **answers: object) -> Channel:
    """What the gateway said by `seconds` from now; returns the channel as it stands then."""
    steer(channel_id=channel.pk, answers=Answers(**answers), now=at(seconds), chance=Random(1))  # type: ignore[arg-type]
    channel.refresh_from_db()
    return channel


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_channel_that_is_well_is_left_alone(channel: Channel) -> None:
    before = channel.updated_at
    for second in range(20):
        tell(channel, second, calls=10_000)
    assert (channel.state, channel.slowed_to_per_second, channel.updated_at) == ("active", None, before)


def test_throttling_halves_the_pace_but_never_to_nothing(channel: Channel) -> None:
    paces = [
        tell(channel, second, calls=1000, throttled=1000).slowed_to_per_second or 0.0 for second in range(0, 60, 2)
    ]
    assert paces[0] == 500
    assert sorted(paces, reverse=True) == paces
    assert paces[-1] == 1.0
    assert channel.state == "active"


def test_one_burst_of_throttling_cuts_once(channel: Channel) -> None:
    for second in (0.0, 0.2, 0.4, 1.9):
        tell(channel, second, calls=100, throttled=100)
    assert channel.slowed_to_per_second == 50


def test_our_own_pace_is_what_gets_halved(channel: Channel) -> None:
    Channel.objects.update(pace_per_second=40)
    assert tell(channel, calls=1000, throttled=100).slowed_to_per_second == 20
    assert standings([channel.pk]) == {channel.pk: 20}


def test_a_few_throttled_among_thousands_slow_nobody(channel: Channel) -> None:
    assert tell(channel, calls=1000, throttled=20).slowed_to_per_second is None


def test_the_pace_comes_back_step_by_step(channel: Channel) -> None:
    tell(channel, calls=1000, throttled=1000)
    assert tell(channel, 1, calls=500).slowed_to_per_second == 550
    assert tell(channel, 3, calls=500).slowed_to_per_second == 650
    assert tell(channel, 30, calls=500).slowed_to_per_second is None


def test_retry_after_holds_for_the_whole_channel_then_a_probe_opens_it(channel: Channel) -> None:
    tell(channel, calls=10, throttled=10, rest_seconds=60, reason="429 QUOTA_EXCEEDED")
    assert (channel.state, channel.closed_by, channel.probe_after) == ("paused", "vendor", at(60))
    assert channel.paused_reason == "429 QUOTA_EXCEEDED"
    tell(channel, 61, calls=1, probed=True)
    assert (channel.state, channel.closed_by, channel.probe_after) == ("active", "", None)


def test_a_wait_is_capped_at_an_hour(channel: Channel) -> None:
    assert tell(channel, calls=1, throttled=1, rest_seconds=1e9).probe_after == at(3600)


def test_one_device_that_must_wait_stops_nobody_else(channel: Channel) -> None:
    tell(channel, calls=100)
    assert tell(channel, 1, calls=100, throttled=1, rest_seconds=600).state == "active"


def test_a_probe_that_is_told_to_wait_again_waits_so_long(channel: Channel) -> None:
    tell(channel, calls=10, throttled=10, rest_seconds=60)
    tell(channel, 61, calls=1, throttled=1, rest_seconds=90, probed=False)
    assert (channel.state, channel.probe_after) == ("paused", at(151))


@pytest.mark.parametrize(
    ("calls", "failures", "state"), [(19, 19, "active"), (100, 40, "active"), (40, 20, "paused"), (20, 20, "paused")]
)
def test_the_breaker_opens_at_half_of_enough_calls(channel: Channel, calls: int, failures: int, state: str) -> None:
    assert tell(channel, calls=calls, failures=failures, reason="503").state == state


def test_failures_add_up_over_the_window_and_are_forgotten_after_it(channel: Channel) -> None:
    for second in range(3):
        assert tell(channel, second, calls=6, failures=6).state == "active"
    assert tell(channel, 13, calls=6, failures=6).state == "active"
    assert tell(channel, 14, calls=15, failures=15).state == "paused"


def test_a_sudden_death_is_seen_whatever_went_well_before(channel: Channel) -> None:
    tell(channel, calls=50_000)
    assert tell(channel, 1, calls=100, failures=100).closed_by == "breaker"


def test_probes_of_the_breaker_come_ever_later_spread_and_capped(channel: Channel) -> None:
    tell(channel, calls=100, failures=100, reason="503")
    waits, second = [], 0.0
    for _ in range(9):
        second = (channel.probe_after - NOW).total_seconds()  # type: ignore[operator]
        tell(channel, second, calls=1, failures=1, probed=False)
        waits.append((channel.probe_after - NOW).total_seconds() - second)  # type: ignore[operator]
    assert 3.2 <= waits[0] <= 4.8
    assert 96 <= waits[-1] <= 144
    assert channel.state == "paused"
    assert tell(channel, second + 200, calls=1, probed=True).state == "active"


def test_after_the_breaker_closed_the_window_begins_anew(channel: Channel) -> None:
    tell(channel, calls=100, failures=100)
    tell(channel, 2, calls=1, probed=True)
    assert tell(channel, 3, calls=10, failures=10).state == "active"


def test_answers_of_before_do_not_open_what_a_person_stopped(channel: Channel) -> None:
    pause_channel(channel_id=channel.pk, reason="stop", now=NOW)
    tell(channel, 1, calls=1, probed=True)
    tell(channel, 2, calls=100, failures=100)
    assert (channel.state, channel.closed_by) == ("paused", "person")


def test_a_person_may_stop_what_only_rests_and_open_it_at_once(channel: Channel) -> None:
    tell(channel, calls=100, failures=100)
    assert pause_channel(channel_id=channel.pk, reason="holiday", now=NOW)
    channel.refresh_from_db()
    assert (channel.closed_by, channel.paused_reason, channel.probe_after) == ("person", "holiday", None)
    assert resume_channel(channel_id=channel.pk, now=NOW)


def test_resting_keeps_the_account_and_its_connections(channel: Channel) -> None:
    before = channel.updated_at
    tell(channel, calls=100, failures=100)
    resume_channel(channel_id=channel.pk, now=NOW)
    channel.refresh_from_db()
    assert (channel.state, channel.updated_at) == ("active", before)
