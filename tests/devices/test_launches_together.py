"""Launches that come together share the work: each keeps its own device, person and secret."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from apps.accounts.models import App
from apps.core.problems import Conflict
from apps.customers.models import Consent, Customer
from apps.devices.models import Device
from apps.devices.services import registration
from apps.devices.services.registration import DeviceDraft, Registration, is_secret_of, register, register_together
from tests.factories import NOW, make_app, make_customer

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(hours=2)


def launch(app: App, address: str, customer: str | None, now: datetime = NOW, **fields: Any) -> Registration:
    draft = DeviceDraft("android", "fcm", address, **fields)
    return register_together(app=app, draft=draft, customer=customer, now=now, keeps_opt_out=False, made_by_test=False)


def together(launches: list[Callable[[], Registration]]) -> list[Any]:
    """Registrations, or what was raised. One before them is kept waiting by a lock until all others stand in line."""
    queue = registration._together

    def run(one: Callable[[], Registration]) -> Any:
        try:
            return one()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    app = make_app()
    with ThreadPoolExecutor(len(launches) + 1) as pool, connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("lock table devices_device in access exclusive mode")
        ahead = pool.submit(run, lambda: launch(app, "ahead", None))
        wait_until(lambda: queue._has_leader and not queue._waiting)
        begun = []
        for place, one in enumerate(launches, 1):
            begun.append(pool.submit(run, one))
            wait_until(lambda place=place: len(queue._waiting) == place)
        cursor.execute("rollback")
        assert ahead.result(120).is_new
        return [one.result(120) for one in begun]


def wait_until(is_so: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(6_000):
        if is_so():
            return
        pause.wait(0.01)
    raise TimeoutError


def test_new_known_and_moving_devices_in_one_group() -> None:
    app, other = make_app(), make_app()
    known = register(app=app, draft=DeviceDraft("android", "fcm", "known"), customer="bea", now=NOW)
    answers = together(
        [
            lambda: launch(app, "new-1", "anna", consent={"push": False}),
            lambda: launch(app, "known", "bea", LATER, locale="pl"),
            lambda: launch(app, "new-2", "anna"),
            lambda: launch(app, "new-3", None),
            lambda: launch(other, "new-1", "anna"),
            lambda: launch(app, "new-4", None),
        ]
    )
    assert [one.is_new for one in answers] == [True, False, True, True, True, True]
    assert answers[1].device_id == known.device_id
    devices = {one.pk: one for one in Device.objects.select_related("customer")}
    stored = [devices[one.device_id] for one in answers]
    assert [(one.app_id, one.address) for one in stored] == [
        (app.pk, "new-1"),
        (app.pk, "known"),
        (app.pk, "new-2"),
        (app.pk, "new-3"),
        (other.pk, "new-1"),
        (app.pk, "new-4"),
    ]
    assert [one.customer.external_id for one in stored] == ["anna", "bea", "anna", None, "anna", None]
    assert stored[0].customer == stored[2].customer != stored[4].customer
    assert stored[3].customer != stored[5].customer
    assert (stored[1].locale, stored[1].last_seen_at) == ("pl", LATER)
    assert all(is_secret_of(device=devices[one.device_id], secret=one.secret) for one in answers if one.is_new)
    assert [(one.customer_id, one.granted) for one in Consent.objects.all()] == [(stored[0].customer_id, False)]


def test_the_same_new_device_twice_in_a_group_is_one() -> None:
    app = make_app()
    first, second = together([lambda: launch(app, "twin", "anna"), lambda: launch(app, "twin", "bea")])
    assert (first.is_new, second.is_new, second.device_id) == (True, False, first.device_id)
    assert Device.objects.get(app=app).customer.external_id == "bea"


def test_who_was_erased_is_refused_alone() -> None:
    app = make_app()
    make_customer(app, external_id="gone", erased_at=NOW)
    anna, gone = together([lambda: launch(app, "a", "anna"), lambda: launch(app, "b", "gone")])
    assert anna.is_new
    assert isinstance(gone, Conflict)
    assert [one.customer.external_id for one in Device.objects.filter(app=app)] == ["anna"]


def test_one_that_no_database_takes_sinks_itself_alone() -> None:
    """Its row is refused by the database itself, behind every rule of ours."""
    app = make_app()
    with connection.cursor() as cursor:
        cursor.execute("alter table devices_device add constraint no_poison check (model <> 'poison')")
    try:
        answers = together(
            [
                lambda: launch(app, "a", "anna"),
                lambda: launch(app, "b", "bea", model="poison"),
                lambda: launch(app, "c", None),
            ]
        )
    finally:
        with connection.cursor() as cursor:
            cursor.execute("alter table devices_device drop constraint no_poison")
    assert [isinstance(one, Registration) for one in answers] == [True, False, True]
    assert Device.objects.filter(app=app).count() == 2
    assert Customer.objects.filter(app=app).count() == 2


def test_a_device_that_many_people_take_at_once_moves_each_time() -> None:
    app = make_app()
    launch(app, "shared", "first")

    def take(place: int) -> list[bool]:
        try:
            return [launch(app, "shared", f"person-{place}-{turn}").is_new for turn in range(8)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert not any(is_new for taken in pool.map(take, range(6)) for is_new in taken)
    assert Device.objects.filter(app=app).count() == 1
