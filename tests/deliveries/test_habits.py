"""Habits: the hour at which somebody usually opens, on their own clock."""

from datetime import datetime, timedelta

import pytest

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.deliveries.models import HabitsRun, OpeningHour, Receipt
from apps.deliveries.services.habits import WHOLE_EVERY, learn_hours
from apps.deliveries.states import RECEIPT_TYPES
from apps.devices.models import Device
from tests.factories import NOW, make_app, make_customer, make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app(time_zone="Europe/Warsaw")


def opened(device: Device, *hours: float, kind: str = "opened") -> None:
    """Receipts of so many days running, each at this hour UTC; a dispatch each."""
    for number, hour in enumerate(hours):
        at = NOW.replace(hour=0) - timedelta(days=number + 1) + timedelta(hours=hour)
        Receipt.objects.create(
            planned_on=at.date(),
            dispatch_id=1000 + number,
            device_id=device.pk,
            type=RECEIPT_TYPES[kind],
            at=at,
            received_at=at,
            action="",
        )


def habits(now: datetime = NOW) -> dict[int, int]:
    learn_hours(now=now)
    return dict(OpeningHour.objects.values_list("customer_id", "hour"))


def person(app: App, zone: str = "", device_zone: str = "") -> Device:
    return make_device(make_customer(app, time_zone=zone), time_zone=device_zone)


def test_the_commonest_hour_of_their_own_day_is_the_habit(app: App) -> None:
    tokyo, by_device, by_app, unknown = (
        person(app, "Asia/Tokyo"),
        person(app, "", "America/New_York"),
        person(app),
        person(app, "Mars/Olympus"),
    )
    for device in (tokyo, by_device, by_app, unknown):
        opened(device, 18.5, 18.2, 7.1)
    expected = {tokyo: 3, by_device: 14, by_app: 20, unknown: 20}
    assert habits() == {device.customer_id: hour for device, hour in expected.items()}


def test_all_devices_of_a_person_count_together(app: App) -> None:
    phone = person(app, "UTC")
    tablet = make_device(phone.customer)
    opened(phone, 9, 9)
    opened(tablet, 20, 20, 20)
    assert habits() == {phone.customer_id: 20}


def test_of_two_equal_hours_the_latest_counts(app: App) -> None:
    device = person(app, "UTC")
    opened(device, 8, 21, 8, 21)
    assert habits() == {device.customer_id: 8}


def test_two_openings_are_no_habit_and_other_receipts_none(app: App) -> None:
    opened(person(app), 9, 9)
    opened(person(app), 9, 9, 9, kind="displayed")
    assert habits() == {}


def test_a_habit_moves_and_ends(app: App) -> None:
    device = person(app, "UTC")
    opened(device, 9, 9, 9)
    assert habits() == {device.customer_id: 9}
    Customer.objects.filter(pk=device.customer_id).update(time_zone="Asia/Tokyo", updated_at=NOW)
    assert habits() == {device.customer_id: 18}
    assert habits(NOW + timedelta(days=95)) == {}


def test_a_moved_clock_is_learnt_where_nothing_was_opened(app: App) -> None:
    device = person(app, "UTC")
    opened(device, 9, 9, 9)
    learn_hours(now=NOW)
    Customer.objects.filter(pk=device.customer_id).update(time_zone="Asia/Tokyo", updated_at=NOW + timedelta(hours=2))
    assert habits(NOW + timedelta(hours=6)) == {device.customer_id: 18}


def test_a_run_reads_only_people_with_something_new(app: App) -> None:
    """A wrong hour is kept until its person opens something again, or until everybody's are learnt."""
    quiet, lively = person(app, "UTC"), person(app, "UTC")
    Customer.objects.update(updated_at=NOW - timedelta(days=1))
    opened(quiet, 9, 9, 9)
    opened(lively, 9, 9, 9)
    learn_hours(now=NOW)
    OpeningHour.objects.update(hour=3)
    later = NOW + timedelta(hours=6)
    Receipt.objects.create(
        planned_on=NOW.date(),
        dispatch_id=2000,
        device_id=lively.pk,
        type=RECEIPT_TYPES["opened"],
        at=NOW + timedelta(hours=1),
        received_at=NOW + timedelta(hours=1),
        action="",
    )
    assert habits(later) == {quiet.customer_id: 3, lively.customer_id: 9}
    assert habits(NOW + WHOLE_EVERY) == {quiet.customer_id: 9, lively.customer_id: 9}


def test_openings_that_leave_the_window_end_a_habit_between_whole_runs(app: App) -> None:
    device = person(app, "UTC")
    opened(device, 9, 9, 9)
    assert habits(NOW + timedelta(days=86)) == {device.customer_id: 9}
    assert habits(NOW + timedelta(days=90)) == {}


def test_where_many_changed_all_are_learnt_anew(app: App) -> None:
    first, second = person(app, "UTC"), person(app, "UTC")
    for device in (first, second):
        opened(device, 9, 9, 9)
    learn_hours(now=NOW)
    OpeningHour.objects.update(hour=3)
    Customer.objects.update(updated_at=NOW)
    learn_hours(now=NOW + timedelta(hours=6), most_by_name=1)
    assert set(OpeningHour.objects.values_list("hour", flat=True)) == {9}
    assert HabitsRun.objects.get().whole_at == NOW + timedelta(hours=6)


def test_what_stays_the_same_is_not_written(app: App) -> None:
    opened(person(app, "UTC"), 9, 9, 9)
    assert learn_hours(now=NOW) == 1
    assert learn_hours(now=NOW + timedelta(hours=1)) == 0
