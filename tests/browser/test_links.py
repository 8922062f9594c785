"""The settings of a message's links: opened, used, and seen at once in the preview; clean at a desk and on a phone."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.sms_booster.models import BoostRule
from tests.browser.test_accessible import FIND, RULES, WIDE, window
from tests.factories import make_app, make_ready_campaign, make_user

__all__ = ["window"]
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.mark.parametrize("window", [(1360, "light"), (390, "dark")], indirect=True, ids=["desktop", "phone"])
def test_tags_are_switched_on_and_shown(window: Page, live_server: LiveServer, app: App) -> None:
    campaign = make_ready_campaign(app, name="Spring sale")
    BoostRule.objects.create(campaign=campaign, is_enabled=True, text="Come back: https://shop.example STOP to end")
    client = Client()
    client.force_login(make_user(app, role="marketer"))
    cookie = client.cookies["sessionid"].value
    window.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    window.goto(f"{live_server.url}/admin/campaigns/campaign/{campaign.pk}/change/")
    window.get_by_role("tab", name="Message").click()
    window.get_by_label("On tap, open").fill("https://shop.example/x?a=1#top")
    window.get_by_role("heading", name="Who follows the links").click()
    source = window.get_by_label("Source utm_source")
    expect(source).to_be_hidden()
    window.get_by_label("Tag links for web analytics (UTM)").check()
    source.fill("newsletter")
    window.get_by_label("Count clicks without the SDK").check()
    shown = "https://shop.example/x?a=1&utm_source=newsletter&utm_medium=push&utm_campaign=spring-sale#top"
    expect(window.locator(".hg-opens").get_by_text(shown)).to_be_visible()
    window.wait_for_function("() => !document.querySelector('.htmx-request')")
    assert window.evaluate(FIND, RULES) + window.evaluate(WIDE) == []
    (text,) = Campaign.objects.get(pk=campaign.pk).variants.get().texts.values()
    assert (text["link_tags"]["utm_source"], text["counts_clicks"]) == ("newsletter", True)
    window.get_by_role("tab", name="Review").click()
    expect(window.get_by_text("utm_campaign=the campaign’s name")).to_be_visible()
    expect(window.get_by_text("has problems")).to_be_attached()
    assert window.evaluate(FIND, RULES) + window.evaluate(WIDE) == []
