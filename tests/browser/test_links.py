"""The settings of a message's links, and its data: opened, used, seen at once in the preview; clean on any screen."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.sms_booster.models import BoostRule
from tests.browser.test_accessible import FIND, RULES, WIDE, window
from tests.factories import make_app, make_ready_campaign, make_user
from tests.house import wait_for

__all__ = ["window"]
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def app() -> App:
    return make_app()


def open_message(window: Page, live_server: LiveServer, app: App, campaign: Campaign) -> None:
    """As a marketer of the app."""
    client = Client()
    client.force_login(make_user(app, role="marketer"))
    cookie = client.cookies["sessionid"].value
    window.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    window.goto(f"{live_server.url}/admin/campaigns/campaign/{campaign.pk}/change/")
    window.get_by_role("tab", name="Message").click()


@pytest.mark.parametrize("window", [(1360, "light"), (390, "dark")], indirect=True, ids=["desktop", "phone"])
def test_tags_are_switched_on_and_shown(window: Page, live_server: LiveServer, app: App) -> None:
    campaign = make_ready_campaign(app, name="Spring sale")
    BoostRule.objects.create(campaign=campaign, is_enabled=True, text="Come back: https://shop.example STOP to end")
    open_message(window, live_server, app, campaign)
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


@pytest.mark.parametrize("window", [(1360, "light")], indirect=True, ids=["desktop"])
def test_data_for_the_app_are_written_by_keyboard_alone(window: Page, live_server: LiveServer, app: App) -> None:
    campaign = make_ready_campaign(app)
    open_message(window, live_server, app, campaign)
    window.get_by_role("heading", name="How it behaves on the device").click()
    add = window.get_by_role("button", name="Add a name")
    add.press("Enter")
    window.keyboard.type("aps")
    expect(window.get_by_label("Name 1", exact=True)).to_be_focused()
    expect(window.locator('[id="problems-data-0_key"]')).to_contain_text("reserved")
    window.get_by_label("Name 1", exact=True).fill("sku")
    window.get_by_label("Text 1", exact=True).fill("4711")
    expect(window.locator('[id="problems-data-0_key"]')).to_be_empty()
    wait_for(lambda: campaign.variants.get().texts["en"].get("data") == {"sku": "4711"}, 5)
    window.get_by_role("button", name="Remove name 1").press("Enter")
    expect(add).to_be_focused()
    wait_for(lambda: "data" not in campaign.variants.get().texts["en"], 5)
