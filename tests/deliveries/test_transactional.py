"""Transactional pushes: accepted in one round trip, sent in the urgent lane, to each device once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.deliveries.models import Batch, Content, Delivery, Dispatch
from apps.deliveries.services.stop import stop_sending
from apps.deliveries.services.transactional import Push, Target, accept_pushes
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    make_channel(app, "apns")
    return app


def push_to(app: App, **fields: Any) -> Push:
    """A push to everybody in the app."""
    targets = [
        Target(device.id, customer.id, device.gateway)
        for customer in Customer.objects.filter(app=app)
        for device in customer.devices.all()
    ]
    values = {
        "targets": targets,
        "body": {"title": "Your code is {{ code }}", "body": "Hi {{ first_name }}"},
        "facts": {"code": "123456"},
        "external_id": "order-7",
        "occurrence": "key-1",
        "release_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "created_at": NOW,
        "is_test": False,
    }
    return Push(app_id=app.pk, **{**values, **fields})


def accepted(app: App, **fields: Any) -> Dispatch:
    ((dispatch_id, _is_stopped),) = accept_pushes([push_to(app, **fields)])
    return Dispatch.objects.get(id=dispatch_id)


def test_it_is_planned_by_gateway_and_open_at_once(app: App) -> None:
    make_people(app, 2)
    make_people(app, 1, gateway="apns")
    dispatch = accepted(app)
    assert (dispatch.state, dispatch.kind, dispatch.planned_people, dispatch.planned_devices) == (
        "sending", "transactional", 3, 3,
    )  # fmt: skip
    assert sorted(len(batch.device_ids) for batch in Batch.objects.all()) == [1, 2]


def test_the_callers_facts_win_over_the_profile(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    accepted(app, facts={"code": "9", "first_name": "Boss"})
    run_lane("urgent")
    (message,) = phones.inbox
    assert (message.content.title, message.content.body) == ("Your code is 9", "Hi Boss")


def test_texts_are_encrypted_at_rest(app: App) -> None:
    from django.db import connection

    accepted(app)
    with connection.cursor() as cursor:
        cursor.execute("select body || facts from deliveries_content")
        assert "code" not in cursor.fetchone()[0]
    assert Content.objects.get().facts == {"code": "123456"}


def test_what_no_push_says_has_the_value_of_any_dispatch(app: App) -> None:
    made, plain = accepted(app), Dispatch()
    said = {"id", "app_id", "kind", "lane", "origin", "occurrence", "external_id", "state", "policy", "planned_on"}
    said |= {"planned_people", "planned_devices", "created_at", "expires_at", "finished_at"}
    names = {field.attname for field in Dispatch._meta.fields} - said
    assert {name: getattr(made, name) for name in names} == {name: getattr(plain, name) for name in names}


def test_many_at_once_keep_their_own_people_and_texts(app: App) -> None:
    devices = make_people(app, 3)
    targets = [Target(device.id, device.customer_id, device.gateway) for device in devices]
    pushes = [
        push_to(app, occurrence=str(place), targets=[target], body={"title": str(place), "body": "b"})
        for place, target in enumerate(targets)
    ]
    ids = [one.dispatch_id for one in accept_pushes([*pushes, push_to(make_app(), targets=[])])]
    assert [Batch.objects.get(dispatch_id=one).device_ids for one in ids[:3]] == [[one.id] for one in devices]
    assert [Content.objects.get(dispatch_id=one).body["title"] for one in ids[:3]] == ["0", "1", "2"]
    assert Dispatch.objects.get(id=ids[3]).state == "done"


def test_each_reads_their_language_and_all_others_the_default_of_the_push(
    app: App, phones: Phones, run_lane: Worker
) -> None:
    for language in ("de", "fr", ""):
        make_device(make_customer(app, language=language), address=language or "silent")
    texts = {word: {"title": word, "body": "b"} for word in ("pl", "de", app.default_language)}
    accepted(app, body=texts.pop("pl"), language="pl", translations=texts, facts={})
    run_lane("urgent")
    assert {(one.address, one.content.title) for one in phones.inbox} == {("de", "de"), ("fr", "pl"), ("silent", "pl")}


def test_it_tells_that_the_emergency_stop_holds_it(app: App) -> None:
    make_people(app, 1)
    assert not accept_pushes([push_to(app, occurrence="1")])[0].is_stopped
    stop_sending(scope="marketing", reason="r", actor="a", now=NOW)
    assert not accept_pushes([push_to(app, occurrence="2")])[0].is_stopped
    stop_sending(scope="transactional", reason="r", actor="a", now=NOW)
    assert accept_pushes([push_to(app, occurrence="3")])[0].is_stopped


def test_an_occurrence_is_accepted_once(app: App) -> None:
    accepted(app)
    with pytest.raises(IntegrityError):
        accepted(app)


def test_without_targets_it_is_done(app: App) -> None:
    assert accepted(app, targets=[]).state == "done"
    assert Dispatch.objects.get().finished_at == NOW


def test_consent_is_asked_even_here(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    accepted(app)
    Customer.objects.update(push_consent=False)
    run_lane("urgent")
    assert (phones.inbox, Delivery.objects.get().outcome) == ([], 20)


def test_it_is_not_sent_before_its_time(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    accepted(app, release_at=NOW + timedelta(minutes=1))
    assert run_lane("urgent").devices == 0
    assert run_lane("urgent", at=NOW + timedelta(minutes=1)).devices == 1
