"""Variants in the builder, what is wrong with a test, and its doors on the report."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services.readiness import readiness_problems, readiness_warnings
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.plan import ContentDraft
from tests.campaigns.test_admin_builder import page_of, save, stored, typed
from tests.factories import (
    NOW,
    make_app,
    make_campaign,
    make_customer,
    make_dispatch,
    make_people,
    make_ready_campaign,
    make_user,
)

pytestmark = pytest.mark.django_db
HELLO = {"title": "Hello", "body": "Come and see."}


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def marketer(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


@pytest.fixture
def campaign(app: App) -> Campaign:
    return make_ready_campaign(app)


def edit(client: Client, campaign: Campaign, verb: str, variant: int = 0, **changes: Any) -> Any:
    fresh = stored(campaign)
    sent = {**typed(fresh, include=[one.pk for one in fresh.include_segments.all()]), **changes}
    return client.post(page_of(campaign, "variants"), {**sent, "verb": verb, "variant": variant})


def variants(campaign: Campaign) -> list[tuple[int, int, str]]:
    return [(one.position, one.share, one.texts["en"].get("title", "")) for one in campaign.variants.all()]


def test_a_variant_is_copied_with_what_is_typed(marketer: Client, campaign: Campaign) -> None:
    answer = edit(marketer, campaign, "copy", **{"text-en-title": "Just typed"})
    assert "v1-text-en-title" in answer.content.decode()
    assert variants(campaign) == [(0, 50, "Just typed"), (1, 50, "Just typed")]


@pytest.mark.parametrize(
    ("members", "timing", "proposed"), [(3, "now", 100), (5_000, "now", 50), (20_000, "now", 20), (20_000, "api", 100)]
)
def test_a_new_test_leaves_a_rest_where_its_people_can_show_something(
    marketer: Client, campaign: Campaign, members: int, timing: str, proposed: int
) -> None:
    campaign.include_segments.update(member_count=members)
    Campaign.objects.update(holdout_percent=10, timing=timing)
    edit(marketer, campaign, "copy", timing=timing, holdout_percent=10)
    fresh = stored(campaign)
    assert (fresh.test_percent, fresh.holdout_percent) == (proposed, 10)
    assert [share for _position, share, _title in variants(campaign)] == [50, 50]


def test_a_third_variant_leaves_the_part_as_it_was_set(marketer: Client, campaign: Campaign) -> None:
    campaign.variants.create(position=1, share=50, texts={"en": HELLO})
    Campaign.objects.update(test_percent=35)
    edit(marketer, campaign, "copy")
    assert stored(campaign).test_percent == 35


def test_at_most_five_share_equally(marketer: Client, campaign: Campaign) -> None:
    for _ in range(6):
        second = {f"v{place}-text-en-{name}": text for place in range(1, 5) for name, text in HELLO.items()}
        edit(marketer, campaign, "copy", **second)
    assert [share for _position, share, _title in variants(campaign)] == [20] * 5


def test_a_removed_variant_closes_up_and_the_fallback_follows(marketer: Client, campaign: Campaign) -> None:
    campaign.variants.create(position=1, share=30, texts={"en": {**HELLO, "title": "B"}})
    campaign.variants.create(position=2, share=30, texts={"en": {**HELLO, "title": "C"}})
    Campaign.objects.update(fallback=2)
    texts = {"v1-text-en-title": "B", "v1-text-en-body": ".", "v2-text-en-title": "C", "v2-text-en-body": "."}
    edit(marketer, campaign, "remove", 1, **texts)
    assert variants(campaign) == [(0, 50, "Hello"), (1, 50, "C")]
    assert stored(campaign).fallback == 1


def test_shares_and_rules_are_saved_as_typed(marketer: Client, campaign: Campaign) -> None:
    campaign.variants.create(position=1, share=50, texts={"en": HELLO})
    rules = {"test_percent": "40", "holdout_percent": "10", "winner_by": "clicked", "decides": "hand", "fallback": "-1"}
    second = {"v0-share": "30", "v1-share": "70", "v1-text-en-title": "B", "v1-text-en-body": "There"}
    assert save(marketer, campaign, **rules, **second).status_code == 200
    saved = stored(campaign)
    assert (saved.test_percent, saved.holdout_percent, saved.winner_by) == (40, 10, "clicked")
    assert (saved.decides, saved.fallback) == ("hand", -1)
    assert variants(campaign) == [(0, 30, "Hello"), (1, 70, "B")]


def test_a_language_belongs_to_its_variant(marketer: Client, campaign: Campaign, app: App) -> None:
    campaign.variants.create(position=1, share=50, texts={"en": HELLO})
    make_customer(app, language="fr")
    fresh = stored(campaign)
    sent = typed(fresh, **{"v1-text-en-title": "B", "v1-text-en-body": ".", "add-1": "fr", "variant": "1"})
    marketer.post(page_of(campaign, "languages"), sent)
    assert [set(one.texts) for one in campaign.variants.all()] == [{"en"}, {"en", "fr"}]


def test_a_stale_edit_of_variants_is_refused(marketer: Client, campaign: Campaign) -> None:
    assert edit(marketer, campaign, "copy", version=7).status_code == 409
    assert len(variants(campaign)) == 1


def test_everything_wrong_with_a_test_is_said_at_once(campaign: Campaign) -> None:
    campaign.variants.update(share=70)
    campaign.variants.create(position=1, share=70, texts={"en": HELLO})
    wrong = {"test_percent": 0, "holdout_percent": 60, "fallback": 3, "decide_after_hours": 0, "goal_event": "gone"}
    Campaign.objects.update(**wrong)
    found = {(one.pointer, one.code) for one in readiness_problems(stored(campaign), NOW)}
    assert found == {
        ("/variants", "shares_sum"),
        ("/test_percent", "range"),
        ("/holdout_percent", "range"),
        ("/fallback", "unknown_variant"),
        ("/decide_after_hours", "range"),
        ("/goal_event", "unknown_event"),
    }


def test_a_decision_after_the_expiry_is_refused(campaign: Campaign) -> None:
    campaign.variants.update(share=50)
    campaign.variants.create(position=1, share=50, texts={"en": HELLO})
    Campaign.objects.update(test_percent=50, decide_after_hours=24)
    found = [one.code for one in readiness_problems(stored(campaign), NOW)]
    assert found == ["decides_after_expiry"]
    assert "variants_identical" in {one.code for one in readiness_warnings(stored(campaign))}


def test_who_may_not_launch_may_not_choose(client: Client, app: App) -> None:
    make_people(app, 20)
    texts = [ContentDraft(number, "", HELLO) for number in (0, 1)]
    dispatch = make_dispatch(app, policy=Policy(shares=(30, 30), salt="s"), contents=texts)
    campaign = make_campaign(app, state="launched", dispatch=dispatch, test_percent=60)
    client.force_login(make_user(app, role="analyst"))
    assert client.post(page_of(campaign, "choose"), {"variant": "1"}).status_code == 403
    assert "variant,share_percent,people" in client.get(page_of(campaign, "test-export")).content.decode()
    client.force_login(make_user(app, role="marketer"))
    client.post(page_of(campaign, "choose"), {"variant": "seven"})
    assert Dispatch.objects.get().decided_at is None
    client.post(page_of(campaign, "choose"), {"variant": "1"})
    assert Dispatch.objects.get().winner == 1
