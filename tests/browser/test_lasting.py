"""What goes out more than once, as a marketer sets it, and the calendar by keys."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from tests.browser.test_screens import address, app, campaign, inside, marketer  # noqa: F401  (fixtures)
from tests.factories import make_campaign

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_rhythm_is_chosen_said_and_begun(inside: Page, live_server: LiveServer, campaign: Campaign) -> None:  # noqa: F811
    inside.goto(address(live_server, campaign, "delivery"))
    inside.get_by_text("Again and again").click()
    inside.get_by_role("checkbox", name="Friday").check()
    inside.get_by_label("At", exact=True).fill("18:30")
    rhythm = inside.locator("#rhythm")
    expect(rhythm).to_contain_text("Every Monday and Friday at 18:30")
    expect(rhythm).to_contain_text("Next:")
    inside.get_by_role("tab", name="Review").click()
    inside.get_by_role("button", name="Begin, for 5 people").click()
    expect(inside.get_by_role("heading", name="Next:")).to_be_visible()
    stored = Campaign.objects.get()
    assert (stored.state, stored.timing, stored.repeat_weekdays) == ("scheduled", "repeat", [0, 4])


def test_a_campaign_for_the_api_is_activated(inside: Page, live_server: LiveServer, campaign: Campaign) -> None:  # noqa: F811
    inside.goto(address(live_server, campaign, "delivery"))
    inside.get_by_text("When the API asks").click()
    inside.get_by_label("What it sends along").fill("order, total")
    expect(inside.get_by_text("The API says whom.")).to_be_visible()
    inside.get_by_role("tab", name="Review").click()
    inside.get_by_role("button", name="Activate").click()
    expect(inside.get_by_role("heading", name="Ready for the API")).to_be_visible()
    assert Campaign.objects.get().api_facts == ["order", "total"]


def test_the_calendar_goes_by_keys(inside: Page, live_server: LiveServer, app: App, campaign: Campaign) -> None:  # noqa: F811
    at = timezone.now() + timedelta(days=1)
    for name in ("Sale", "News"):
        planned = make_campaign(app, name=name, timing="at", scheduled_at=at, state="scheduled")
        planned.include_segments.set(campaign.include_segments.all())
    inside.goto(f"{live_server.url}/admin/campaigns/campaign/calendar/")
    inside.get_by_role("link", name=f"{at:%A} {at.day} {at:%B %Y}").press("Enter")
    expect(inside.get_by_text("5 people get both “Sale” and “News”.")).to_be_visible()
