"""The pages of webhooks: what a developer sees and does there."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.api.webhooks.models import WebhookEndpoint, WebhookMessage
from tests.api.receiver import Receiver, receiving
from tests.factories import make_app, make_people, make_user
from tests.factories.webhooks import deliver, make_endpoint, make_outcomes

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/api/webhookendpoint/"


@pytest.fixture
def app() -> App:
    return make_app(slug="shop")


@pytest.fixture
def client(app: App, settings) -> Client:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    client = Client()
    client.force_login(make_user(app, role="developer"))
    return client


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def page_of(endpoint: WebhookEndpoint, verb: str = "change") -> str:
    return f"{LIST}{endpoint.pk}/{verb}/"


def test_a_webhook_is_added_and_its_secret_shown_once(client: Client, app: App, receiver: Receiver) -> None:
    told = {"app": str(app.pk), "url": receiver.url, "description": "Orders", "types": ["delivery.accepted"]}
    text = client.post(f"{LIST}add/", told).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    secret = endpoint.secrets[0]["secret"]
    assert secret in text
    assert secret not in client.get(page_of(endpoint)).content.decode()
    assert "Orders" in client.get(LIST).content.decode()


def test_what_may_not_be_called_is_said_beside_the_field(client: Client, app: App) -> None:
    told = {"app": str(app.pk), "url": "https://10.0.0.1/", "types": ["delivery.accepted"]}
    answer = client.post(f"{LIST}add/", told)
    assert answer.status_code == 422
    assert "not on the internet" in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_the_test_button_tells_what_came_of_it(client: Client, app: App, receiver: Receiver) -> None:
    endpoint = make_endpoint(app, receiver.url)
    text = client.post(page_of(endpoint, "test"), follow=True).content.decode()
    assert "Taken after" in text
    assert receiver.calls[0].told["type"] == "webhook.test"


def test_a_failing_webhook_shows_why_what_waits_and_how_fast_it_was(
    client: Client, app: App, receiver: Receiver
) -> None:
    now = timezone.now()
    endpoint = make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 3), now=now)
    deliver(now)
    receiver.status, receiver.body = 500, b"<script>boom"
    make_outcomes(app, make_people(app, 3), now=now)
    deliver(now)
    text = client.get(page_of(endpoint)).content.decode()
    assert "500 &lt;script&gt;boom" in text or "&lt;script&gt;boom" in text
    assert "1 request" in text
    assert "half of the requests were taken within" in text
    assert "Refused" not in client.get(page_of(endpoint) + "?only=failures").content.decode()


def test_dead_letters_are_tried_again(client: Client, app: App, receiver: Receiver) -> None:
    now = timezone.now()
    endpoint = make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 3), now=now)
    receiver.status, receiver.headers = 400, {"webhook-delivery": "abort-message"}
    deliver(now)
    assert WebhookMessage.objects.get().state == "dead"
    receiver.status = 200
    client.post(page_of(endpoint, "revive"))
    deliver(now + timedelta(seconds=1))
    assert not WebhookMessage.objects.exists()


def test_an_analyst_sees_no_webhooks(app: App, receiver: Receiver) -> None:
    endpoint = make_endpoint(app, receiver.url)
    client = Client()
    client.force_login(make_user(app, role="analyst"))
    assert client.get(LIST).status_code == client.get(page_of(endpoint)).status_code == 403
