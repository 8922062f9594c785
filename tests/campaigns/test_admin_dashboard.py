"""The dashboard: real numbers, the person's own apps, and a checklist that rows tick off."""

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.segments.services.refresh import refresh_due
from tests.factories import (
    NOW,
    make_app,
    make_campaign,
    make_channel,
    make_counted_dispatch,
    make_customer,
    make_device,
    make_people,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app(name="Lantern")


@pytest.fixture
def marketer(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


def test_counts_people_once_and_leaves_out_who_said_no(marketer: Client, app: App) -> None:
    both = make_customer(app)
    make_device(both)
    make_device(both, gateway="apns")
    make_device(make_customer(app, push_consent=False))
    make_people(make_app(), 3)
    assert marketer.get("/admin/dashboard/reach/").context["reachable"] == 1


def test_a_new_house_offers_every_first_step(marketer: Client) -> None:
    assert marketer.get("/admin/").context["steps_left"] == 5


def test_rows_tick_the_first_steps_off(marketer: Client, app: App) -> None:
    make_people(app, 1)
    make_channel(app)
    make_segment(app)
    make_campaign(app, state="finished", dispatch=make_counted_dispatch(app))
    page = marketer.get("/admin/")
    assert page.context["steps_left"] == 0
    assert "Get started" not in page.content.decode()


def test_a_stopped_channel_says_why(marketer: Client, app: App) -> None:
    make_channel(app, state="paused", paused_reason="the key was revoked")
    assert "the key was revoked" in marketer.get("/admin/").content.decode()


def test_a_segment_that_asks_for_a_part_of_an_address_says_what_to_ask_instead(marketer: Client, app: App) -> None:
    rule = {"match": "all", "rules": [{"field": "email", "op": "contains", "value": "@example.com"}]}
    make_segment(app, name="Colleagues", kind="dynamic", rule=rule, state="due")
    refresh_due(now=NOW)
    page = marketer.get("/admin/").content.decode()
    assert "Colleagues" in page
    assert "ask for whole ones" in page


def test_running_campaigns_show_how_far_they_are(marketer: Client, app: App) -> None:
    dispatch = make_counted_dispatch(
        app, state="sending", planned_devices=1000, counts={"accepted": 400, "token_dead": 20}
    )
    make_campaign(app, state="launched", dispatch=dispatch)
    assert "420 of 1,000" in marketer.get("/admin/").content.decode()


def test_somebody_without_an_app_is_told_so(client: Client) -> None:
    client.force_login(make_user(role="marketer"))
    assert "No app yet" in client.get("/admin/").content.decode()


def test_the_menu_marks_the_calendar_alone(marketer: Client) -> None:
    def marked(page: str) -> list[str]:
        groups = marketer.get(page).context["sidebar_navigation"]
        return [str(item["title"]) for group in groups for item in group["items"] if item["active"]]

    assert marked("/admin/campaigns/campaign/calendar/") == ["Calendar"]
    assert marked("/admin/campaigns/campaign/") == ["Campaigns"]
    assert marked("/admin/") == ["Dashboard"]
