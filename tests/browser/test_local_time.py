"""A marketer chooses each person's clock and sees, before launching, which zones get it when and who would miss it."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App, User
from apps.campaigns.models import Campaign
from apps.customers.models import Customer
from tests.browser.test_screens import address, app, inside, log_in, marketer
from tests.factories import make_ready_campaign

__all__ = ["app", "inside", "log_in", "marketer"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ZONES = ["Pacific/Kiritimati", "Asia/Tokyo", "Europe/Warsaw", "Europe/Warsaw", "Europe/London", "America/New_York"]
ZONES += ["America/Los_Angeles", "Pacific/Niue", ""]


@pytest.fixture
def campaign(app: App) -> Campaign:
    App.objects.filter(pk=app.pk).update(time_zone="Europe/Warsaw")
    campaign = make_ready_campaign(app, people=len(ZONES), name="Good morning")
    for member, zone in zip(campaign.include_segments.get().memberships.order_by("pk"), ZONES, strict=True):
        Customer.objects.filter(pk=member.customer_id).update(time_zone=zone)
    return campaign


def test_each_persons_clock_from_choice_to_review(
    inside: Page, live_server: LiveServer, marketer: User, campaign: Campaign
) -> None:
    day = timezone.now().astimezone(ZoneInfo("Europe/Warsaw")) + timedelta(days=3)
    inside.goto(address(live_server, campaign, "delivery"))
    expect(inside.get_by_role("group", name="On whose clock")).to_be_hidden()
    inside.get_by_role("radio", name=re.compile("At a set time")).check()
    inside.get_by_label("Day and time").fill(f"{day:%Y-%m-%d}T09:00")
    inside.get_by_role("radio", name=re.compile("Each person's clock")).check()
    expect(inside.get_by_text("in the first zone to")).to_be_visible()
    inside.get_by_label("Where that time has passed already").select_option("next_day")
    expect(inside.get_by_text("Saved ")).to_be_visible()
    inside.get_by_role("tab", name="Review").click()
    expect(inside.get_by_role("heading", name="When it goes out")).to_be_visible()
    inside.get_by_text("show every turn").click()
    expect(inside.get_by_text("09:00 in Pacific/Kiritimati")).to_be_visible()
    expect(inside.get_by_text(re.compile("09:00 in Europe/Warsaw"))).to_be_visible()
    inside.set_viewport_size({"width": 390, "height": 844})
    for step in ("Review", "Delivery"):
        inside.get_by_role("tab", name=step).click()
        assert inside.evaluate("document.documentElement.scrollWidth") <= 390
