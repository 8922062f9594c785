"""A person's page tells what they were sent, what not, and why."""

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Delivery, Receipt
from apps.deliveries.states import OUTCOMES, RECEIPT_TYPES
from tests.factories import NOW, make_app, make_customer, make_device, make_user
from tests.factories.deliveries import make_dispatch

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def page_of(app: App, customer_id: int) -> str:
    client = Client()
    client.force_login(make_user(app, role="analyst"))
    return client.get(f"/admin/customers/customer/{customer_id}/change/").content.decode()


def test_what_was_not_sent_stands_there_with_its_reason(app: App) -> None:
    refuser = make_customer(app, push_consent=False)
    make_device(refuser)
    make_device(make_customer(app))
    make_dispatch(app, name="Spring sale")
    html = page_of(app, refuser.pk)
    assert "Spring sale" in html
    assert "Said no to push" in html


def test_what_was_sent_stands_there_with_what_became_of_it(app: App) -> None:
    device, other = make_device(make_customer(app)), make_device(make_customer(app))
    dispatch = make_dispatch(app, name="Spring sale")
    for one in (device, other):
        Delivery.objects.create(
            planned_on=dispatch.planned_on,
            dispatch_id=dispatch.pk,
            customer_id=one.customer_id,
            device_id=one.pk,
            app_id=app.pk,
            outcome=OUTCOMES["accepted"],
            gateway=1,
            platform=1,
            variant=0,
            attempt=1,
            language="en",
            code="",
            vendor_message_id="",
            recorded_at=NOW,
        )
    seen = {"planned_on": dispatch.planned_on, "dispatch_id": dispatch.pk, "device_id": device.pk}
    Receipt.objects.create(**seen, type=RECEIPT_TYPES["opened"], at=NOW, received_at=NOW, action="")
    html = page_of(app, device.customer_id)
    assert make_delivery_id(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, device_id=device.pk) in html
    assert ">Opened<" in html
    assert "· Opened" not in page_of(app, other.customer_id)
