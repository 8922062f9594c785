"""An A/B test as a marketer does it: two texts, shares, launch, the answer in words, and the better one to the rest."""

import re

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App, User
from apps.campaigns.models import Campaign
from apps.deliveries.models import Batch
from tests.browser.test_screens import address, log_in
from tests.campaigns.test_experiment import opened_by, send_waiting
from tests.factories import make_app, make_campaign, make_channel, make_crowd_with_phones, make_segment, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def app() -> App:
    app = make_app(name="Lantern")
    make_channel(app)
    return app


@pytest.fixture
def marketer(app: App) -> User:
    return make_user(app, role="marketer")


@pytest.fixture
def campaign(app: App) -> Campaign:
    campaign = make_campaign(app, name="Spring", respects_quiet_hours=False)
    campaign.include_segments.add(make_segment(app, make_crowd_with_phones(app, 1000)))
    return campaign


def compose(page: Page) -> None:
    """A second variant with its own words, tested on half of the audience, decided by hand."""
    page.get_by_role("button", name="Test another variant").click()
    title = page.get_by_label("Title", exact=True).locator("visible=true")
    expect(page.get_by_role("tab", name="B", exact=True)).to_have_attribute("aria-selected", "true")
    title.fill("Other words")
    expect(page.get_by_label("On an iPhone: Other words. Come and see.")).to_be_visible()
    page.get_by_label("Part of the audience in the test").fill("80")
    page.get_by_role("radio", name=re.compile("^I decide")).check()
    expect(page.locator("#size-hint")).to_contain_text("With 800 people you can only see a difference above")
    page.get_by_label("Share of A").fill("60")
    expect(page.get_by_text("Together 110 %; it must be 100 %.")).to_be_visible()
    page.get_by_role("button", name="Share equally").click()
    expect(page.get_by_text("Together 100 %.")).to_be_visible()


def launch(page: Page) -> None:
    page.get_by_role("tab", name="Review").click()
    expect(page.get_by_text("Ready to go.")).to_be_visible()
    if page.locator("#typed").count():
        page.locator("#typed").fill("1000")
    page.get_by_role("button", name=re.compile("^Launch to")).click()
    expect(page.locator("#experiment")).to_contain_text("Too early to say")


def test_two_texts_and_the_better_one_goes_to_the_rest(
    page: Page, live_server: LiveServer, campaign: Campaign, marketer: User
) -> None:
    log_in(page, live_server, marketer)
    page.goto(address(live_server, campaign, "message"))
    compose(page)
    assert [one.texts["en"]["title"] for one in campaign.variants.all()] == ["Hello", "Other words"]
    launch(page)
    send_waiting()
    fresh = Campaign.objects.select_related("dispatch").get()
    opened_by(fresh, {0: 0.1, 1: 0.4})
    page.reload()
    expect(page.locator("#experiment")).to_contain_text("B is better than A")
    rest = sum(len(batch.device_ids) for batch in Batch.objects.filter(state="held"))
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Send B").click()
    expect(page.locator("#experiment")).to_contain_text(f"{marketer.username} chose B for the rest.")
    released = [variant for batch in Batch.objects.filter(state="waiting") for variant in batch.variants]
    assert released == [1] * rest
