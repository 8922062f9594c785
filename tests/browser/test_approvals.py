"""Four eyes in a real browser: one asks, another says yes and it goes out; or the audience drifts and it does not."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App, User
from apps.campaigns.models import Campaign
from apps.campaigns.services.launch import launch_due
from apps.segments.models import SegmentMember
from tests.browser.test_screens import log_in
from tests.factories import make_app, make_people, make_ready_campaign, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
type Window = Callable[[User], Page]


@pytest.fixture
def app() -> App:
    return make_app(name="Lantern", approve_above=5, confirm_above=5)


@pytest.fixture
def campaign(app: App) -> Campaign:
    return make_ready_campaign(app, people=10, name="Lantern night")


@pytest.fixture
def window(chromium: Browser, live_server: LiveServer) -> Iterator[Window]:
    """A window of its own for each person."""
    contexts = []

    def opened(user: User) -> Page:
        contexts.append(chromium.new_context(viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        log_in(page, live_server, user)
        return page

    yield opened
    for context in contexts:
        context.close()


def ask_and_approve(window: Window, live_server: LiveServer, campaign: Campaign) -> Page:
    """Mary asks, Paul approves; the window is Paul's."""
    address = f"{live_server.url}/admin/campaigns/campaign/{campaign.pk}/change/"
    mary = window(make_user(campaign.app, role="marketer", username="mary"))
    mary.goto(address)
    mary.get_by_role("tab", name="Review").click()
    mary.locator("#typed").fill("10")
    mary.get_by_label("A word to the approver").fill("The price is the new one")
    mary.get_by_role("button", name="Ask for approval").click()
    expect(mary.get_by_text("Waits for an approver or an owner.")).to_be_visible()
    paul = window(make_user(campaign.app, role="approver", username="paul"))
    paul.goto(address)
    expect(paul.get_by_text("mary asks to send it to 10 people")).to_be_visible()
    expect(paul.get_by_text("The price is the new one")).to_be_visible()
    paul.get_by_label("Comment").fill("Good")
    paul.get_by_role("button", name="Approve and launch").click()
    expect(paul.get_by_text("It goes out as it was shown to you.")).to_be_visible()
    return paul


def test_one_asks_another_approves_and_it_is_launched(
    window: Window, live_server: LiveServer, campaign: Campaign
) -> None:
    paul = ask_and_approve(window, live_server, campaign)
    assert launch_due(timezone.now()) == 1
    paul.reload()
    expect(paul.get_by_text("of 10 planned devices")).to_be_visible()


def test_an_audience_that_drifted_is_not_sent_to_and_says_why(
    window: Window, live_server: LiveServer, campaign: Campaign
) -> None:
    paul = ask_and_approve(window, live_server, campaign)
    segment = campaign.include_segments.get()
    for device in make_people(campaign.app, 5):
        SegmentMember.objects.create(segment=segment, customer=device.customer, joined_at=timezone.now())
    assert launch_due(timezone.now()) == 0
    paul.reload()
    expect(paul.get_by_text("the audience changed from 10 people to 15")).to_be_visible()
    expect(paul.get_by_text("You may look, not change.")).to_be_visible()
