"""What went wrong after somebody let a campaign go stands on its page: what, why, and what to do."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services import lifecycle
from apps.campaigns.services.large_triggers import plan_triggers, store_trigger
from apps.campaigns.services.launch import launch_due
from apps.segments.models import Segment
from tests.factories import make_app, make_people, make_ready_campaign, make_segment, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def marketer(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


def scheduled(app: App, **fields: Any) -> Campaign:
    campaign = make_ready_campaign(app, **fields)
    return lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=timezone.now())


def seen(marketer: Client, campaign: Campaign) -> str:
    return marketer.get(f"/admin/campaigns/campaign/{campaign.pk}/change/").content.decode()


def asked(campaign: Campaign, segment_id: int, name: str = "t-1") -> None:
    store_trigger(
        campaign=campaign, segment_id=segment_id, facts={}, occurrence=name, is_test=False, now=timezone.now()
    )


def test_a_launch_that_fails_says_so_until_it_succeeds(marketer: Client, app: App) -> None:
    campaign = scheduled(app)
    texts = campaign.variants.get().texts
    campaign.variants.update(texts={"en": "of another version"})
    launch_due(timezone.now())
    assert "could not be launched yet" in marketer.get("/admin/").content.decode()
    campaign.variants.update(texts=texts)
    assert "Tried once" in seen(marketer, campaign)
    lifecycle.unschedule(campaign=campaign, actor="mary", now=timezone.now())
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=timezone.now())
    page = seen(marketer, campaign)
    assert "It launches by itself" in page
    assert "Tried once" not in page


def test_launch_now_that_meets_an_error_says_what_to_do(marketer: Client, app: App) -> None:
    campaign = make_ready_campaign(app)
    with connection.cursor() as cursor:
        cursor.execute("alter table deliveries_batch add constraint none_today check (attempt < 0) not valid")
    sent = {"version": "1", "shown": "1", "typed": "1"}
    answer = marketer.post(f"/admin/campaigns/campaign/{campaign.pk}/launch/", sent)
    page = marketer.get(answer.headers["HX-Redirect"]).content.decode()
    assert "It is scheduled and tried again by itself within two minutes" in page
    assert "IntegrityError" in page


def test_what_nothing_launches_is_called_late(marketer: Client, app: App) -> None:
    campaign = scheduled(app)
    assert "should have been launched" not in seen(marketer, campaign)
    Campaign.objects.update(scheduled_at=timezone.now() - timedelta(minutes=5))
    assert "should have been launched" in seen(marketer, campaign)


def test_what_could_not_be_launched_is_told_on_the_dashboard_and_its_page(marketer: Client, app: App) -> None:
    campaign = scheduled(app)
    Segment.objects.update(state="broken", broken_reason="no trait city", kind="static")
    launch_due(timezone.now())
    page = seen(marketer, campaign)
    assert "It is a draft again since" in page
    assert "no trait city" in page
    assert "was not sent and is a draft again." in marketer.get("/admin/").content.decode()
    assert "Not sent" in marketer.get("/admin/campaigns/campaign/").content.decode()


def test_a_refused_trigger_stands_on_the_page_with_the_way_out(marketer: Client, app: App) -> None:
    campaign = scheduled(app, timing="api")
    asked(campaign, make_segment(app, [one.customer for one in make_people(app, 1)]).pk)
    Segment.objects.all().delete()
    assert plan_triggers(timezone.now()) == 1
    page = seen(marketer, campaign)
    assert "Asked for, and not sent" in page
    assert "Let your systems ask with a segment that is there." in page
    assert "could not be sent" in marketer.get("/admin/").content.decode()


def test_a_waiting_trigger_says_what_it_waits_for(marketer: Client, app: App) -> None:
    campaign = scheduled(app, timing="api")
    segment = make_segment(app, [one.customer for one in make_people(app, 1)])
    asked(campaign, segment.pk)
    campaign.variants.update(texts={"en": "of another version"})
    plan_triggers(timezone.now())
    lifecycle.pause(campaign=campaign, actor="mary", now=timezone.now())
    campaign.variants.update(texts={"en": {"title": "Hello", "body": "you"}})
    assert "The campaign is paused." in seen(marketer, campaign)
    lifecycle.resume(campaign=campaign, actor="mary", now=timezone.now())
    assert "could not be sent yet" in seen(marketer, campaign)
    plan_triggers(timezone.now() + timedelta(minutes=2))
    assert "Asked for, and not sent" not in seen(marketer, campaign)
