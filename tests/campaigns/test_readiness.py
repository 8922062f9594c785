"""What keeps a campaign from being launched: all of it at once, beside its field, with its code."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services.readiness import NotReady, readiness_problems, readiness_warnings
from apps.customers.models import TraitType
from apps.devices.models import Channel
from apps.segments.models import Segment
from tests.factories import (
    NOW,
    make_app,
    make_campaign,
    make_channel,
    make_customer,
    make_device,
    make_ready_campaign,
    make_segment,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def campaign(app: App) -> Campaign:
    return make_ready_campaign(app)


def found(campaign: Campaign) -> set[tuple[str, str]]:
    return {(problem.pointer, problem.code) for problem in readiness_problems(campaign, NOW)}


def test_a_ready_campaign_has_no_problem(campaign: Campaign) -> None:
    assert found(campaign) == set()


def test_an_empty_draft_is_told_everything_at_once(app: App) -> None:
    campaign = make_campaign(app, texts={"pl": {"title": "", "body": "x"}}, timing="at", throttle_per_second=0)
    assert found(campaign) == {
        ("/include_segments", "audience_missing"),
        ("/platforms", "channel_missing"),
        ("/scheduled_at", "required"),
        ("/throttle_per_second", "range"),
        ("/variants/0/texts/en", "default_language_missing"),
        ("/variants/0/texts/pl/title", "required"),
    }


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"timing": "at", "scheduled_at": NOW - timedelta(seconds=1)}, ("/scheduled_at", "schedule_in_past")),
        ({"timing": "at", "scheduled_at": NOW + timedelta(days=367)}, ("/scheduled_at", "schedule_too_far")),
        ({"throttle_per_second": -1.0}, ("/throttle_per_second", "range")),
        ({"throttle_per_second": float("inf")}, ("/throttle_per_second", "range")),
        ({"throttle_per_second": float("nan")}, ("/throttle_per_second", "range")),
        ({"expire_after_minutes": 0}, ("/expire_after_minutes", "range")),
        ({"expire_after_minutes": 28 * 24 * 60 + 1}, ("/expire_after_minutes", "range")),
        ({"platforms": []}, ("/platforms", "required")),
    ],
)
def test_a_bad_setting_gets_its_code(campaign: Campaign, fields: dict[str, Any], problem: tuple[str, str]) -> None:
    for name, value in fields.items():
        setattr(campaign, name, value)
    assert found(campaign) == {problem}


def test_the_past_is_told_with_the_servers_time(campaign: Campaign) -> None:
    campaign.timing, campaign.scheduled_at = "at", NOW - timedelta(hours=1)
    (problem,) = readiness_problems(campaign, NOW)
    assert "2026-06-01 12:00:00 UTC" in problem.message


@pytest.mark.parametrize("shares", [(60, 50), (0, 0), (100, 0), (50,)])
def test_shares_sum_up_to_100(campaign: Campaign, shares: tuple[int, ...]) -> None:
    texts = campaign.variants.get().texts
    campaign.variants.all().delete()
    for position, share in enumerate(shares):
        campaign.variants.create(position=position, share=share, texts=texts)
    assert found(campaign) == {("/variants", "shares_sum")}


def test_no_message_at_all_is_a_problem(campaign: Campaign) -> None:
    campaign.variants.all().delete()
    assert found(campaign) == {("/variants", "required")}


def test_texts_may_ask_for_profile_and_traits_only(campaign: Campaign, app: App) -> None:
    TraitType.objects.create(app=app, name="city", type="text")
    body = "{{ first_name }} {{ city }} {{ shoe_size }}"
    campaign.variants.update(texts={"en": {"title": "t", "body": body}})
    assert found(campaign) == {("/variants/0/texts/en/body", "unknown_variable")}


@pytest.mark.parametrize("language", ["", "english", "xx-" + "Y" * 40])
def test_a_language_is_a_language(campaign: Campaign, language: str) -> None:
    text = {"title": "t", "body": "b"}
    campaign.variants.update(texts={"en": text, language: text})
    assert found(campaign) == {(f"/variants/0/texts/{language}", "language_tag")}


def test_links_may_use_the_apps_own_scheme(campaign: Campaign, app: App) -> None:
    app.link_schemes = ["shop"]
    app.save()
    campaign.variants.update(texts={"en": {"title": "t", "body": "b", "link": "shop://cart"}})
    assert found(Campaign.objects.get(pk=campaign.pk)) == set()


def break_segment(campaign: Campaign) -> None:
    campaign.include_segments.update(state="broken", broken_reason="it asks for a deleted segment")


def empty_segment(campaign: Campaign) -> None:
    campaign.include_segments.set([make_segment(campaign.app)])


def exclude_everybody(campaign: Campaign) -> None:
    campaign.exclude_segments.set(campaign.include_segments.all())


def switch_app_off(campaign: Campaign) -> None:
    campaign.app.is_active = False


def pause_channel(campaign: Campaign) -> None:
    Channel.objects.update(state="paused", paused_reason="403 SenderIdMismatch")


def remove_channels(campaign: Campaign) -> None:
    Channel.objects.all().delete()


def add_an_iphone(campaign: Campaign) -> None:
    make_channel(campaign.app, "webpush")
    Channel.objects.filter(gateway="fcm").delete()
    make_device(make_customer(campaign.app), gateway="apns")
    campaign.platforms = ["ios"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (break_segment, "segment_broken"),
        (empty_segment, "empty_audience"),
        (exclude_everybody, "empty_audience"),
        (switch_app_off, "app_inactive"),
        (pause_channel, "channel_paused"),
        (remove_channels, "channel_missing"),
        (add_an_iphone, "channel_missing"),
    ],
)
def test_the_world_around_answers_409(campaign: Campaign, change: Callable[[Campaign], None], code: str) -> None:
    change(campaign)
    problems = readiness_problems(campaign, NOW)
    assert [problem.code for problem in problems] == [code]
    assert NotReady(problems).status == 409


def test_a_mistake_of_its_own_answers_400(campaign: Campaign) -> None:
    campaign.throttle_per_second = 0
    assert NotReady(readiness_problems(campaign, NOW)).status == 400


def test_a_platform_without_devices_needs_no_channel(campaign: Campaign) -> None:
    assert set(campaign.platforms) == {"ios", "android", "web"}
    assert found(campaign) == set()


def test_a_segment_never_computed_is_not_called_empty(campaign: Campaign, app: App) -> None:
    rule = {"match": "all", "rules": []}
    fresh = Segment.objects.create(app=app, name="new", kind="dynamic", rule=rule, state="due")
    campaign.include_segments.set([fresh])
    assert ("/include_segments", "empty_audience") not in found(campaign)


def test_advice_about_the_display_stops_nothing(campaign: Campaign) -> None:
    campaign.variants.update(texts={"en": {"title": "x" * 40, "body": "b"}})
    assert found(campaign) == set()
    (warning,) = readiness_warnings(campaign)
    assert (warning.pointer, warning.code) == ("/variants/0/texts/en/title", "title_truncated_ios")
