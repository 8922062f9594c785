"""Transactional pushes: accepted in one round trip, sent in the urgent lane, to each device once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.deliveries.models import Batch, Content, Delivery, Dispatch
from apps.deliveries.services.transactional import Target, accept_push
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    make_channel(app, "apns")
    return app


def accepted(app: App, **fields: Any) -> Dispatch:
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
        "now": NOW,
        "is_test": False,
    }
    return accept_push(app=app, **{**values, **fields})


def test_it_is_planned_by_gateway_and_open_at_once(app: App) -> None:
    make_people(app, 2)
    make_people(app, 1, gateway="apns")
    dispatch = Dispatch.objects.get(id=accepted(app).id)
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


def test_a_dispatch_returned_equals_the_one_stored(app: App) -> None:
    make_people(app, 1)
    made = accepted(app)
    stored = Dispatch.objects.get(id=made.id)
    names = [field.attname for field in Dispatch._meta.fields]
    assert [getattr(made, name) for name in names if name != "policy"] == [
        getattr(stored, name) for name in names if name != "policy"
    ]


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
