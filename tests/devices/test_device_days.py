"""Devices and consent day by day: set-based, idempotent, gaps are filled."""

from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import App
from apps.customers.models import ConsentDay, Customer
from apps.customers.services.consent import record_consent
from apps.customers.services.consent_days import count_consent_days
from apps.devices.models import Device, DeviceDay
from apps.devices.services.device_days import count_device_days
from tests.factories import NOW, make_app, make_customer, make_device

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def app() -> App:
    return make_app()


def row(app: App, days_ago: int = 0, platform: str = "android") -> DeviceDay:
    return DeviceDay.objects.get(app=app, day=(NOW - days_ago * DAY).date(), platform=platform)


def make_old(app: App, days: float = 3, **fields: Any) -> Device:
    person = make_customer(app, created_at=NOW - days * DAY)
    return make_device(person, **{"created_at": NOW - days * DAY, **fields})


def test_every_device_is_counted_once_by_state_and_by_what_may_be_sent(app: App) -> None:
    make_device(make_customer(app))
    make_device(make_customer(app, push_consent=False))
    make_device(make_customer(app), permission="denied", state="stale")
    make_device(make_customer(app), state="dead", retired_reason="UNREGISTERED", retired_at=NOW)
    make_device(make_customer(app, push_consent=False), state="quarantined", retired_at=NOW)
    make_device(make_customer(app), gateway="apns")
    assert count_device_days(now=NOW) == [NOW.date()]
    today = row(app)
    assert (today.active, today.stale, today.dead, today.quarantined) == (2, 1, 1, 1)
    assert (today.opted_in, today.opted_out, today.blocked) == (1, 1, 1)
    assert (today.deaths, today.is_reconstructed) == ({"UNREGISTERED": 1}, False)
    assert (row(app, platform="ios").active, row(app, platform="ios").opted_in) == (1, 1)


def test_counting_again_replaces_and_a_day_that_is_over_stands(app: App) -> None:
    device = make_device(make_customer(app))
    count_device_days(now=NOW)
    Device.objects.filter(pk=device.pk).update(state="dead", retired_reason="x", retired_at=NOW)
    count_device_days(now=NOW)
    assert (row(app).active, row(app).dead, DeviceDay.objects.count()) == (0, 1, 1)
    assert count_device_days(now=NOW + DAY) == [NOW.date(), (NOW + DAY).date()]
    assert count_device_days(now=NOW + DAY) == [(NOW + DAY).date()]
    assert row(app).is_reconstructed is False


def test_missed_days_are_worked_out_from_what_the_rows_tell(app: App) -> None:
    make_old(app)
    make_old(app, state="dead", retired_reason="GONE", retired_at=NOW - 1 * DAY)
    make_old(app, days=40, last_seen_at=NOW - 31 * DAY, state="stale")
    opted = make_old(app).customer
    for days, granted in ((2.5, True), (0.5, False)):
        record_consent(customer_ids=[opted.pk], channel="push", granted=granted, source="api", now=NOW - days * DAY)
    assert len(count_device_days(now=NOW)) == 31
    two, one, today = (row(app, days) for days in (2, 1, 0))
    assert [(day.active, day.stale, day.dead) for day in (two, one, today)] == [(4, 0, 0), (2, 1, 1), (2, 1, 1)]
    assert [day.opted_out for day in (two, one, today)] == [0, 0, 1]
    assert [day.deaths for day in (two, one, today)] == [{}, {"GONE": 1}, {}]
    assert [day.is_reconstructed for day in (two, one, today)] == [True, False, False]


def test_what_people_said_is_counted_by_channel_and_day(app: App) -> None:
    yes, no, gone = (make_customer(app, created_at=NOW - 2 * DAY) for _ in range(3))
    make_customer(app, created_at=NOW - 2 * DAY)
    Customer.objects.filter(pk=gone.pk).update(erased_at=NOW)
    for person, granted in ((yes, True), (no, False)):
        record_consent(customer_ids=[person.pk], channel="sms", granted=granted, source="api", now=NOW)
    count_consent_days(now=NOW)
    found = {
        (one.day, one.channel): (one.granted, one.refused, one.unsaid) for one in ConsentDay.objects.filter(app=app)
    }
    assert found[NOW.date(), "sms"] == (1, 1, 1)
    assert found[(NOW - DAY).date(), "sms"] == (0, 0, 3)
    assert found[NOW.date(), "push"] == (0, 0, 3)
