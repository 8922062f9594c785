"""A webhook in a real browser, from its making to its end: its secret is seen once, and what is promised arrives."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from standardwebhooks import Webhook

from apps.accounts.models import App
from apps.api.webhooks.models import WebhookEndpoint
from tests.api.receiver import Receiver, receiving
from tests.factories import make_app, make_people, make_user
from tests.factories.webhooks import deliver, make_outcomes

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def app() -> App:
    return make_app(name="Lantern")


@pytest.fixture
def webhooks(page: Page, live_server: LiveServer, app: App, settings: Settings) -> Page:
    """A developer's window on the list of webhooks."""
    settings.WEBHOOKS_ALLOW_LOOPBACK = True
    client = Client()
    client.force_login(make_user(app, role="developer"))
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page.goto(f"{live_server.url}/admin/api/webhookendpoint/")
    return page


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def push(app: App) -> None:
    """Somebody got one, and the courier has done its round."""
    make_outcomes(app, make_people(app, 1), now=timezone.now())
    deliver(timezone.now())


def told(receiver: Receiver) -> int:
    """Events that came, those of tests too."""
    return sum(len(call.told["data"]) for call in receiver.calls)


def verify(receiver: Receiver, secret: str) -> None:
    Webhook(secret).verify(receiver.calls[-1].body, dict(receiver.calls[-1].headers))


def add(page: Page, receiver: Receiver) -> str:
    """Make one; returns its secret."""
    page.get_by_role("link", name="Add a webhook").first.click()
    page.get_by_label("Address of your server").fill(receiver.url)
    page.get_by_label("What it is for").fill("Order service")
    page.get_by_label("delivery.accepted").check()
    press(page, "Add")
    expect(page.get_by_text("Shown only now")).to_be_visible()
    return page.locator(".key-secret").inner_text()


def test_a_webhook_is_made_tried_rotated_replayed_and_switched_off(webhooks: Page, app: App) -> None:
    page = webhooks
    with receiving() as receiver:
        old = add(page, receiver)
        press(page, "Send a test")
        expect(page.get_by_role("cell", name="webhook.test")).to_be_visible()
        expect(page.locator(".key-secret")).to_have_count(0)
        verify(receiver, old)

        push(app)
        verify(receiver, old)
        page.reload()
        expect(page.get_by_role("cell", name="delivery.accepted")).to_be_visible()
        own_page = page.url

        press(page, "New secret")
        new = page.locator(".key-secret").inner_text()
        push(app)
        verify(receiver, old)
        verify(receiver, new)

        page.goto(own_page)
        expect(page.locator(".key-secret")).to_have_count(0)
        page.get_by_label("From (UTC)").fill(f"{timezone.now() - timedelta(hours=1):%Y-%m-%dT%H:%M}")
        press(page, "Send once more")
        expect(page.get_by_text("It is being sent once more.")).to_be_visible()
        deliver(timezone.now())
        assert told(receiver) == 1 + 2 + 2, "a test, two pushes, and these again"

        press(page, "Switch off")
        expect(page.get_by_text("what happens meanwhile is sent once it is on again")).to_be_visible()
        push(app)
        assert told(receiver) == 5
        press(page, "Switch on")
        expect(page.get_by_text("Switched on. It goes on where it stopped.")).to_be_visible()
        deliver(timezone.now())
        assert told(receiver) == 6

        press(page, "Remove…")
        press(page, "Remove")
        expect(page.get_by_text("No webhooks yet")).to_be_visible()
    assert not WebhookEndpoint.objects.exists()
