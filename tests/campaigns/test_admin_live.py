"""A launched campaign on screen: how it goes, what can be done about it, and its report."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App, AuditEntry
from apps.campaigns.admin_moments import turns_under_way
from apps.campaigns.models import Campaign
from apps.customers.models import Customer
from apps.deliveries.models import Batch
from apps.deliveries.policy import Policy
from tests.factories import (
    make_app,
    make_campaign,
    make_channel,
    make_counted_dispatch,
    make_dispatch,
    make_people,
    make_user,
)

pytestmark = pytest.mark.django_db
COUNTS = {"accepted": 400, "token_dead": 20, "excluded:no_consent": 30, "displayed": 300, "opened": 40}


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def marketer(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


@pytest.fixture
def running(app: App) -> Campaign:
    dispatch = make_counted_dispatch(app, state="sending", planned_devices=1000, planned_people=800, counts=COUNTS)
    return make_campaign(app, state="launched", dispatch=dispatch, launched_at=timezone.now())


def page_of(campaign: Campaign, name: str) -> str:
    return f"/admin/campaigns/campaign/{campaign.pk}/{name}/"


def state_of(campaign: Campaign) -> str:
    return Campaign.objects.select_related("dispatch").get(pk=campaign.pk).dispatch.state  # type: ignore[union-attr]


def test_a_running_campaign_shows_how_far_it_is(marketer: Client, running: Campaign) -> None:
    page = marketer.get(page_of(running, "change")).content.decode()
    assert "450 of 1,000" in page
    assert "every 2s" in page


def test_a_launch_on_each_persons_clock_shows_zone_by_zone(marketer: Client, app: App) -> None:
    (tokyo,), others = make_people(app, 1), make_people(app, 2)
    Customer.objects.filter(pk=tokyo.customer_id).update(time_zone="Asia/Tokyo")
    noon = (timezone.now() + timedelta(days=2)).replace(hour=12, minute=0)
    dispatch = make_dispatch(app, policy=Policy(local_at=noon.strftime("%Y-%m-%dT%H:%M")), now=timezone.now())
    campaign = make_campaign(app, state="launched", dispatch=dispatch, launched_at=timezone.now(), clock="each")
    Batch.objects.filter(time_zone="Asia/Tokyo").update(state="done")
    page = marketer.get(page_of(campaign, "live")).content.decode()
    assert "1 of 2 turns done" in page
    told = turns_under_way(dispatch, timezone.now())["zone_turns"]
    assert [(one.zones, one.devices, one.is_over) for one in told] == [  # type: ignore[attr-defined]
        ("Asia/Tokyo", 1, True),
        ("", len(others), False),
    ]


def test_polling_ends_with_the_campaign(marketer: Client, running: Campaign) -> None:
    assert "HX-Trigger" not in marketer.get(page_of(running, "live")).headers
    type(running.dispatch).objects.update(state="done")  # type: ignore[union-attr]
    answer = marketer.get(page_of(running, "live"))
    assert answer.headers["HX-Trigger"] == "ended"
    assert "every 2s" not in answer.content.decode()


def test_a_stopped_channel_explains_the_delay_and_says_what_to_do(marketer: Client, app: App) -> None:
    make_channel(app, state="paused", closed_by="credentials", paused_reason="the key was revoked")
    make_people(app, 1)
    campaign = make_campaign(app, state="launched", dispatch=make_dispatch(app), launched_at=timezone.now())
    page = marketer.get(page_of(campaign, "live")).content.decode()
    assert "the key was revoked" in page
    assert "Put them right on the channel&#x27;s page" in page


def test_pause_resume_and_cancel(marketer: Client, running: Campaign) -> None:
    seen = []
    for verb in ("pause", "resume", "cancel"):
        marketer.post(page_of(running, verb))
        seen.append(state_of(running))
    assert seen == ["paused", "sending", "cancelled"]


def test_a_step_that_is_not_possible_is_explained(marketer: Client, running: Campaign) -> None:
    address = marketer.post(page_of(running, "resume")).headers["HX-Redirect"]
    assert "That was not possible" in marketer.get(address).content.decode()


def test_an_analyst_reads_and_stops_nothing(client: Client, app: App, running: Campaign) -> None:
    client.force_login(make_user(app, role="analyst"))
    page = client.get(page_of(running, "change")).content.decode()
    assert "450 of 1,000" in page
    assert "/pause/" not in page
    assert client.post(page_of(running, "pause")).status_code == 403


def test_the_report_counts_from_plan_to_click(marketer: Client, running: Campaign) -> None:
    funnel = marketer.get(page_of(running, "report")).context["funnel"]
    assert [rung.count for rung in funnel] == [1000, 400, 300, 40, 0]


def test_a_marketer_reads_no_word_of_the_engine(marketer: Client, running: Campaign) -> None:
    from django.utils.html import strip_tags

    words = strip_tags(marketer.get(page_of(running, "change")).content.decode()).lower()
    assert not {word for word in ("dispatch", "batch", "ledger", "token_dead", "excluded:") if word in words}


def test_the_export_is_streamed_and_noted(marketer: Client, running: Campaign) -> None:
    answer = marketer.get(page_of(running, "export"))
    first = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert first.startswith("delivery_id,")
    assert AuditEntry.objects.get(action="campaign.exported").subject == f"campaign:{running.pk}"


def test_a_copy_opens_as_a_draft(marketer: Client, running: Campaign) -> None:
    address = marketer.post(page_of(running, "duplicate")).headers["HX-Redirect"]
    assert 'id="builder"' in marketer.get(address).content.decode()


def test_a_scheduled_campaign_goes_back_to_draft(marketer: Client, app: App) -> None:
    later = timezone.now() + timedelta(days=1)
    campaign = make_campaign(app, state="scheduled", timing="at", scheduled_at=later)
    assert "It launches by itself" in marketer.get(page_of(campaign, "change")).content.decode()
    marketer.post(page_of(campaign, "unschedule"))
    assert Campaign.objects.get(pk=campaign.pk).state == "draft"


def test_what_was_set_names_the_image(marketer: Client, app: App, running: Campaign) -> None:
    url = "https://shop.example.com/spring.png"
    running.variants.update(texts={"en": {"title": "Hello", "body": "You", "image_url": url}})
    assert f"<dt>Image</dt><dd>{url}</dd>" in marketer.get(page_of(running, "change")).content.decode()
