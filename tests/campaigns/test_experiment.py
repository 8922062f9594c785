"""An A/B test's way: planned, watched, decided by itself or by hand, and the rest gets what was decided."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import App, AuditEntry
from apps.campaigns.experiments import words
from apps.campaigns.experiments.standing import goal_standing, standing_of
from apps.campaigns.models import Campaign
from apps.campaigns.queries import campaign_report
from apps.campaigns.services.experiment import LAST_CALL, choose, decide_due, decides_at
from apps.campaigns.services.lifecycle import launch_now, pause, resume
from apps.core.problems import Conflict, InvalidInput
from apps.customers.models import Consent, Customer, EventType
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Batch, Delivery, Dispatch
from apps.deliveries.services.lifecycle import close_batches
from apps.deliveries.services.receipts import ReceiptDraft, store
from tests.factories import (
    NOW,
    make_app,
    make_campaign,
    make_channel,
    make_crowd_with_phones,
    make_event,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db
TIME = NOW + timedelta(hours=4)
TEXTS = {"en": {"title": "Other words", "body": "Come and see."}}


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def launched(app: App, *, people: int = 1600, **fields: Any) -> Campaign:
    """A test of two variants over half of the audience, whose messages have all gone out."""
    crowd = make_crowd_with_phones(app, people)
    campaign = make_campaign(app, **{"test_percent": 50, **fields})
    campaign.variants.update(share=50)
    campaign.variants.create(position=1, share=50, texts=TEXTS)
    campaign.include_segments.add(make_segment(app, crowd))
    campaign = launch_now(campaign=campaign, version=1, actor=make_user(app), now=NOW)
    send_waiting()
    return campaign


def send_waiting() -> None:
    """What waits is accepted by its gateway."""
    waiting = Batch.objects.filter(state="waiting").values_list("pk", flat=True)
    close_batches(batch_ids=list(waiting), outcome="accepted", now=NOW)


def opened_by(campaign: Campaign, shares: Mapping[int, float]) -> None:
    """So large a share of each variant's people opens it."""
    dispatch = campaign.dispatch
    assert dispatch is not None
    drafts = []
    for variant, share in shares.items():
        rows = list(Delivery.objects.filter(dispatch_id=dispatch.pk, variant=variant, outcome=1))
        for row in rows[: round(len(rows) * share)]:
            key = {"planned_on": row.planned_on, "dispatch_id": row.dispatch_id, "device_id": row.device_id}
            drafts.append(ReceiptDraft(make_delivery_id(**key, variant=variant), "opened"))
    store(receipts=drafts, app_id=None, now=NOW)


def variants_of_rest() -> set[int]:
    return {variant for batch in Batch.objects.filter(state="waiting") for variant in batch.variants}


def decided(campaign: Campaign) -> tuple[str, int | None]:
    fresh = Campaign.objects.select_related("dispatch").get(pk=campaign.pk)
    assert fresh.dispatch is not None
    return fresh.decided_how, fresh.dispatch.winner


def test_the_better_one_goes_to_the_rest_at_its_time(app: App) -> None:
    campaign = launched(app)
    opened_by(campaign, {0: 0.1, 1: 0.3})
    assert decides_at(campaign) == TIME
    assert decide_due(TIME - timedelta(seconds=1)) == 0
    assert (decide_due(TIME), decide_due(TIME)) == (1, 0)
    assert (decided(campaign), variants_of_rest()) == (("winner", 1), {1})
    noted = AuditEntry.objects.get(action="campaign.test_decided")
    assert (noted.actor, noted.details["variant"], noted.details["how"]) == ("system", 1, "winner")


def test_the_winners_numbers_stay_those_of_the_test(app: App) -> None:
    campaign = launched(app)
    opened_by(campaign, {0: 0.1, 1: 0.3})
    before = standing_of(campaign)
    decide_due(TIME)
    send_waiting()
    after = standing_of(Campaign.objects.get(pk=campaign.pk))
    assert [one.people for one in after.variants] == [one.people for one in before.variants]
    assert Delivery.objects.filter(variant=1).count() > after.variants[1].people


@pytest.mark.parametrize(("fallback", "winner"), [(0, 0), (1, 1), (Campaign.AHEAD, 1)])
def test_no_difference_gives_what_was_set(app: App, fallback: int, winner: int) -> None:
    campaign = launched(app, fallback=fallback)
    opened_by(campaign, {0: 0.1, 1: 0.11})
    decide_due(TIME)
    assert decided(campaign) == ("no_difference", winner)


def test_too_few_people_are_no_difference_either(app: App) -> None:
    campaign = launched(app, people=40)
    opened_by(campaign, {0: 0.0, 1: 1.0})
    decide_due(TIME)
    assert decided(campaign) == ("too_few", 0)


def test_what_drives_people_away_does_not_win(app: App) -> None:
    campaign = launched(app)
    opened_by(campaign, {0: 0.1, 1: 0.3})
    for person in Delivery.objects.filter(variant=1).values_list("customer_id", flat=True)[:90]:
        Consent.objects.create(customer_id=person, channel="push", granted=False, source="api", at=NOW)
    assert "more people said no to push" in words.guardrail(standing_of(campaign))[0]
    decide_due(TIME)
    assert decided(campaign) == ("guarded", 0)


def test_a_test_still_on_its_way_is_waited_for_until_the_last_call(app: App) -> None:
    campaign = launched(app, people=200)
    Batch.objects.filter(state="done").update(state="waiting")
    assert decide_due(TIME) == 0
    dispatch = Dispatch.objects.get()
    assert decide_due(dispatch.expires_at - LAST_CALL) == 1
    assert decided(campaign)[1] == 0


def test_a_paused_test_waits(app: App) -> None:
    campaign = launched(app, people=200)
    pause(campaign=campaign, actor="ada", now=NOW)
    assert decide_due(TIME) == 0
    resume(campaign=campaign, actor="ada", now=TIME)
    assert decide_due(TIME) == 1


def test_by_hand_nothing_is_decided_by_itself(app: App) -> None:
    campaign = launched(app, people=200, decides="hand")
    assert decide_due(TIME) == 0
    choose(campaign=campaign, variant=1, actor="ada", now=TIME)
    assert (decided(campaign), variants_of_rest()) == (("hand", 1), {1})
    with pytest.raises(Conflict):
        choose(campaign=campaign, variant=0, actor="bob", now=TIME)
    assert AuditEntry.objects.get(action="campaign.test_decided").actor == "ada"


def test_a_choice_that_is_none_is_refused(app: App) -> None:
    with pytest.raises(InvalidInput):
        choose(campaign=launched(app, people=40), variant=4, actor="ada", now=NOW)


def test_where_everybody_was_tested_nothing_is_left_to_decide(app: App) -> None:
    campaign = launched(app, people=40, test_percent=100)
    with pytest.raises(Conflict) as refusal:
        choose(campaign=campaign, variant=1, actor="ada", now=NOW)
    assert (refusal.value.code, decides_at(campaign)) == ("nothing_held", None)


def test_the_report_says_people_intervals_and_the_decision(app: App) -> None:
    campaign = launched(app)
    opened_by(campaign, {0: 0.1, 1: 0.3})
    decide_due(TIME)
    shown = campaign_report(Campaign.objects.select_related("app", "dispatch").get(pk=campaign.pk)).as_json()
    b = shown["by_variant"]["1"]["test"]
    assert b["rate"]["low"] < b["opened"] / b["people"] < b["rate"]["high"]
    told = shown["experiment"]
    assert (told["verdict"], told["leader"], told["winner"], told["decided_how"]) == ("better", 1, 1, "winner")
    assert told["difference"]["low"] > 0


def test_one_answer_in_words(app: App) -> None:
    campaign = launched(app)
    assert "No difference seen yet" in words.answer(standing_of(campaign))
    opened_by(campaign, {0: 0.1, 1: 0.3})
    assert words.answer(standing_of(campaign)).startswith("B is better than A: ")


def test_the_hold_out_is_compared_by_the_goal(app: App) -> None:
    EventType.objects.create(app=app, name="purchased")
    campaign = launched(app, people=600, holdout_percent=30, goal_event="purchased", test_percent=100)
    rows = Delivery.objects.order_by("customer_id")
    for row in rows.exclude(outcome=24)[:150]:
        make_event(Customer.objects.get(pk=row.customer_id), "purchased", days_ago=-0.1)
    goal = goal_standing(campaign)
    assert goal is not None
    assert (goal.sent.hits, goal.held_out.hits) == (150, 0)
    assert goal.sent.people + goal.held_out.people == 600
    assert "The push worked" in words.goal_words(goal)
