"""What the webhooks were told of one message: on its page, and in what the API explains."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import App
from apps.api.webhooks.models import WebhookEndpoint
from apps.api.webhooks.told import Told, told_of
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Dispatch
from apps.deliveries.services.receipts import ReceiptDraft, store
from apps.devices.models import Device
from tests.api.receiver import Receiver, receiving
from tests.factories import NOW, make_app, make_customer, make_device, make_user
from tests.factories.api import ApiCaller, make_key
from tests.factories.webhooks import deliver, make_endpoint, make_outcomes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    return make_app(slug="shop")


@pytest.fixture
def device(app: App) -> Device:
    return make_device(make_customer(app, external_id="ada"))


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def told(dispatch: Dispatch, device: Device) -> list[Told]:
    return told_of(dispatch=dispatch, customer_ids=[device.customer_id], device_ids=[device.pk], now=NOW)[device.pk]


def states(dispatch: Dispatch, device: Device) -> list[tuple[str, str]]:
    return [(one.type, one.state) for one in told(dispatch, device)]


def test_an_event_is_to_come_then_taken(app: App, device: Device, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    dispatch = make_outcomes(app, [device])
    assert states(dispatch, device) == [("delivery.accepted", "to_come")]
    deliver()
    name = make_delivery_id(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, device_id=device.pk)
    store(receipts=[ReceiptDraft(name, "opened")], app_id=app.pk, now=NOW)
    assert states(dispatch, device) == [("delivery.accepted", "taken"), ("receipt.opened", "to_come")]
    deliver()
    assert states(dispatch, device) == [("delivery.accepted", "taken"), ("receipt.opened", "taken")]


def test_what_was_refused_waits_with_its_error_and_is_given_up_in_the_end(
    app: App, device: Device, receiver: Receiver
) -> None:
    endpoint = make_endpoint(app, receiver.url)
    dispatch = make_outcomes(app, [device])
    receiver.status, receiver.body = 500, b"out of order"
    deliver()
    assert told(dispatch, device) == [Told(endpoint, "delivery.accepted", "waiting", "500 out of order")]
    other = make_outcomes(app, [make_device(make_customer(app))])
    assert states(other, device) == []
    endpoint.messages.update(state="dead")
    assert states(dispatch, device) == [("delivery.accepted", "given_up")]


def test_only_webhooks_that_are_told_of_it_are_named(app: App, device: Device, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url, types=["receipt.opened"])
    make_endpoint(make_app(), receiver.url)
    later = make_endpoint(app, receiver.url)
    WebhookEndpoint.objects.filter(pk=later.pk).update(created_at=NOW.replace(year=NOW.year + 1))
    assert told(make_outcomes(app, [device]), device) == []
    make_endpoint(app, receiver.url)
    assert told(make_outcomes(app, [device], kind="test"), device) == []


def test_the_page_of_the_message_shows_it_to_whoever_may_see_webhooks(
    app: App, device: Device, receiver: Receiver, client: Client
) -> None:
    make_endpoint(app, receiver.url)
    dispatch = make_outcomes(app, [device], now=timezone.now())
    WebhookEndpoint.objects.update(description="Order service")
    name = make_delivery_id(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, device_id=device.pk, variant=0)
    for role, is_shown in (("developer", True), ("analyst", False)):
        client.force_login(make_user(app, role=role))
        page = client.get(reverse("admin:delivery_story", args=[name])).content.decode()
        assert ("Order service" in page and "delivery.accepted" in page) == is_shown


def test_the_api_explains_it(app: App, device: Device, receiver: Receiver) -> None:
    endpoint = make_endpoint(app, receiver.url)
    dispatch = make_outcomes(app, [device], now=timezone.now())
    answer = ApiCaller(make_key(app)).get(f"/v2.1/customers/ada/explain?dispatch={dispatch.pk}")
    (delivery,) = answer.json()["deliveries"]
    assert delivery["webhooks"] == [{"webhook_id": endpoint.pk, "type": "delivery.accepted", "state": "to_come"}]
