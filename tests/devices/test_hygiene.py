"""Hygiene retires what is gone, keeps what came back, and can be undone."""

from datetime import timedelta

import pytest

from apps.devices.models import Channel, Device
from apps.devices.services.hygiene import (
    Death,
    believe_deaths,
    doubt_deaths,
    remove,
    restore,
    restore_quarantined,
    retire_devices,
    retire_stale,
)
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_people

pytestmark = pytest.mark.django_db


def make(**fields: object) -> Device:
    return make_device(make_customer(make_app()), **fields)


def state_of(device: Device) -> tuple[str, str]:
    device.refresh_from_db()
    return device.state, device.retired_reason


def test_a_dead_address_is_retired_with_its_reason() -> None:
    device, other = make(), make()
    assert retire_devices(deaths=[Death(device.pk, "UNREGISTERED")], now=NOW) == 1
    assert state_of(device) == ("dead", "UNREGISTERED")
    assert state_of(other) == ("active", "")


@pytest.mark.parametrize(("dead_minutes_later", "state"), [(-1, "active"), (0, "dead"), (1, "dead")])
def test_a_device_registered_after_its_death_lives(dead_minutes_later: int, state: str) -> None:
    device = make(registered_at=NOW - timedelta(hours=1))
    dead_at = device.registered_at + timedelta(minutes=dead_minutes_later)
    retire_devices(deaths=[Death(device.pk, "Unregistered", dead_at)], now=NOW)
    assert state_of(device)[0] == state


def test_the_same_death_twice_counts_once() -> None:
    device = make()
    assert retire_devices(deaths=[Death(device.pk, "A"), Death(device.pk, "B")], now=NOW) == 1
    assert retire_devices(deaths=[Death(device.pk, "C")], now=NOW + timedelta(days=1)) == 0


@pytest.mark.parametrize(
    ("days", "before", "after"),
    [
        (29, "active", "active"),
        (31, "active", "stale"),
        (31, "dead", "dead"),
        (31, "quarantined", "quarantined"),
        (271, "active", "dead"),
        (271, "stale", "dead"),
    ],
)
def test_silence_makes_a_device_stale_then_dead(days: int, before: str, after: str) -> None:
    device = make(state=before, last_seen_at=NOW - timedelta(days=days))
    retire_stale(now=NOW)
    assert state_of(device)[0] == after


def test_restored_devices_are_as_if_registered_now() -> None:
    device = make(state="dead", retired_reason="Unregistered", retired_at=NOW)
    assert restore(devices=Device.objects.filter(pk=device.pk), now=NOW) == 1
    assert state_of(device) == ("active", "")
    retire_devices(deaths=[Death(device.pk, "Unregistered", NOW - timedelta(minutes=1))], now=NOW)
    assert state_of(device) == ("active", "")


def test_an_erased_device_cannot_be_restored() -> None:
    device = make(state="dead", retired_reason="erased")
    assert restore(devices=Device.objects.all(), now=NOW) == 0
    assert state_of(device) == ("dead", "erased")


def test_a_removed_device_is_dead() -> None:
    device = make()
    remove(device=device, now=NOW)
    assert state_of(device) == ("dead", "removed")


def doubted() -> tuple[Channel, list[Device]]:
    """A channel whose deaths are doubted after one of its three devices was called dead."""
    app = make_app()
    channel = make_channel(app)
    devices = make_people(app, 3)
    retire_devices(deaths=[Death(devices[0].pk, "UNREGISTERED")], now=NOW)
    doubt_deaths(app_id=app.pk, gateway="fcm", since=NOW - timedelta(seconds=10), now=NOW)
    return channel, devices


def test_a_mass_death_quarantines_what_just_died_and_what_dies_next() -> None:
    _channel, devices = doubted()
    retire_devices(deaths=[Death(devices[1].pk, "UNREGISTERED")], now=NOW + timedelta(minutes=1))
    retire_devices(deaths=[Death(devices[2].pk, "UNREGISTERED")], now=NOW + timedelta(hours=2))
    assert [state_of(device)[0] for device in devices] == ["quarantined", "quarantined", "dead"]


@pytest.mark.parametrize(
    ("reason", "ago"), [("removed", 1), ("erased", 1), ("replaced", 1), ("not_seen", 1), ("Unregistered", 60)]
)
def test_what_died_otherwise_or_long_before_stays_dead(reason: str, ago: int) -> None:
    device = make(state="dead", retired_reason=reason, retired_at=NOW - timedelta(seconds=ago))
    doubt_deaths(app_id=device.app_id, gateway="fcm", since=NOW - timedelta(seconds=10), now=NOW)
    assert state_of(device)[0] == "dead"


def test_quarantined_devices_come_back_together() -> None:
    channel, devices = doubted()
    assert restore_quarantined(channel=channel, now=NOW) == 1
    channel.refresh_from_db()
    assert (state_of(devices[0]), channel.deaths_doubted_until) == (("active", ""), None)


def test_or_the_vendor_is_believed() -> None:
    channel, devices = doubted()
    assert believe_deaths(channel=channel, now=NOW) == 1
    assert state_of(devices[0]) == ("dead", "UNREGISTERED")
    retire_devices(deaths=[Death(devices[1].pk, "UNREGISTERED")], now=NOW)
    assert state_of(devices[1])[0] == "dead"
