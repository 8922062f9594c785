"""Approvals: a yes holds for exactly what was asked for, once, from somebody else, for a time."""

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import App, AuditEntry, User
from apps.campaigns.models import Approval, Campaign, Variant
from apps.campaigns.services import approvals, lifecycle
from apps.campaigns.services.drafts import DraftChanges, save_draft
from apps.campaigns.services.four_eyes import ApprovalRequired
from apps.campaigns.services.frozen import BOOKKEEPING, differences, fingerprint_of, freeze
from apps.campaigns.services.launch import launch_due
from apps.core.problems import Conflict
from apps.core.states import InvalidTransition
from apps.deliveries.models import Dispatch
from apps.segments.models import Segment, SegmentMember
from apps.sms_booster.services.rules import RuleDraft, save_rule
from tests.factories import NOW, make_app, make_people, make_ready_campaign, make_segment, make_user

LATER = NOW + timedelta(hours=1)
TOMORROW = NOW + timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app(approve_above=5)


@pytest.fixture
def campaign(app: App) -> Campaign:
    return make_ready_campaign(app, people=10)


@pytest.fixture
def mary(app: App) -> User:
    return make_user(app, role="marketer", username="mary")


@pytest.fixture
def paul(app: App) -> User:
    return make_user(app, role="approver", username="paul")


def ask(campaign: Campaign, actor: User | str, **fields: Any) -> Approval:
    fields = {"version": campaign.version, "note": "", "now": NOW, **fields}
    return approvals.request_approval(campaign=campaign, actor=actor, **fields)


def say_yes(asked: Approval, actor: User | str, **fields: Any) -> Campaign:
    fields = {"fingerprint": asked.fingerprint, "comment": "fine", "now": NOW, **fields}
    return approvals.approve(approval=asked, actor=actor, **fields)


def now(campaign: Campaign) -> Campaign:
    return Campaign.objects.get(pk=campaign.pk)


def people_join(campaign: Campaign, number: int) -> None:
    """More people in the campaign's only segment."""
    segment = campaign.include_segments.get()
    for device in make_people(campaign.app, number):
        SegmentMember.objects.create(segment=segment, customer=device.customer, joined_at=NOW)


@pytest.mark.parametrize("verb", [lifecycle.schedule, lifecycle.launch_now])
def test_no_door_lets_a_large_campaign_out_alone(campaign: Campaign, verb: Any) -> None:
    with pytest.raises(ApprovalRequired, match="10 people"):
        verb(campaign=campaign, version=1, actor="key:hg_live_abc", now=NOW)
    assert (now(campaign).state, Dispatch.objects.count()) == ("draft", 0)


def test_a_small_one_needs_nobody(app: App) -> None:
    small = make_ready_campaign(app, people=5)
    assert lifecycle.launch_now(campaign=small, version=1, actor="mary", now=NOW).state == "launched"


def test_from_the_question_to_the_launch(campaign: Campaign, mary: User, paul: User) -> None:
    asked = ask(campaign, mary, note="please")
    assert (now(campaign).state, asked.people) == ("awaiting_approval", 10)
    assert say_yes(asked, paul).state == "scheduled"
    assert launch_due(NOW) == 1
    asked.refresh_from_db()
    assert (now(campaign).state, asked.state, asked.decided_name, asked.comment) == ("launched", "used", "paul", "fine")
    said = AuditEntry.objects.filter(subject=f"campaign:{campaign.pk}").order_by("id").values_list("actor", "action")
    assert list(said) == [
        ("mary", "campaign.approval_requested"),
        ("paul", "campaign.approved"),
        ("paul", "campaign.scheduled"),
        ("system", "campaign.launched"),
    ]


def test_nobody_approves_their_own(campaign: Campaign, app: App) -> None:
    olga = make_user(app, is_superuser=True)
    asked = ask(campaign, olga)
    with pytest.raises(Conflict) as refused:
        say_yes(asked, olga)
    assert (refused.value.code, now(campaign).state) == ("own_request", "awaiting_approval")


def test_a_no_makes_it_a_draft_with_the_reason(campaign: Campaign, mary: User, paul: User) -> None:
    asked = ask(campaign, mary)
    approvals.refuse(approval=asked, actor=paul, comment="wrong price", now=NOW)
    assert (now(campaign).state, "wrong price" in now(campaign).launch_problem) == ("draft", True)


def test_it_is_frozen_while_it_waits(campaign: Campaign, mary: User) -> None:
    ask(campaign, mary)
    with pytest.raises(Conflict):
        save_draft(campaign=campaign, version=1, changes=DraftChanges(fields={"name": "x"}), now=NOW)
    with pytest.raises(ApprovalRequired):
        lifecycle.launch_now(campaign=campaign, version=1, actor=mary, now=NOW)


def test_the_asker_takes_it_back(campaign: Campaign, mary: User, paul: User) -> None:
    asked = ask(campaign, mary)
    approvals.withdraw(campaign=campaign, actor=mary, now=NOW)
    with pytest.raises(Conflict):
        say_yes(asked, paul)
    assert now(campaign).state == "draft"


def test_a_cancelled_one_cannot_be_approved(campaign: Campaign, mary: User, paul: User) -> None:
    asked = ask(campaign, mary)
    lifecycle.cancel(campaign=campaign, actor=mary, now=NOW)
    with pytest.raises(Conflict):
        say_yes(asked, paul)


def test_a_question_expires(campaign: Campaign, mary: User, paul: User) -> None:
    asked = ask(campaign, mary)
    assert approvals.expire_approvals(NOW + timedelta(hours=71)) == 0
    assert approvals.expire_approvals(NOW + timedelta(hours=72)) == 1
    asked.refresh_from_db()
    assert (now(campaign).state, asked.state) == ("draft", "expired")


def test_a_question_about_a_set_time_ends_with_it(app: App, mary: User, paul: User) -> None:
    campaign = make_ready_campaign(app, people=10, timing="at", scheduled_at=LATER)
    asked = ask(campaign, mary)
    with pytest.raises(Conflict, match="expired"):
        say_yes(asked, paul, now=LATER)
    assert now(campaign).state == "draft"


def test_a_yes_expires_too(campaign: Campaign, mary: User, paul: User) -> None:
    say_yes(ask(campaign, mary), paul)
    Campaign.objects.update(expire_after_minutes=Campaign.objects.get().expire_after_minutes)
    Approval.objects.update(expires_at=NOW)
    assert launch_due(LATER) == 0
    assert (now(campaign).state, Dispatch.objects.count()) == ("draft", 0)


def test_what_was_approved_for_a_time_goes_out_then(app: App, mary: User, paul: User) -> None:
    campaign = make_ready_campaign(app, people=10, timing="at", scheduled_at=TOMORROW)
    say_yes(ask(campaign, mary), paul)
    with pytest.raises(ApprovalRequired):
        lifecycle.launch_now(campaign=campaign, version=1, actor=mary, now=NOW)
    assert (launch_due(LATER), launch_due(TOMORROW)) == (0, 1)


@pytest.mark.parametrize(("joined", "launched"), [(1, 1), (2, 0)])
def test_an_audience_that_drifts_too_far_is_not_sent_to(
    campaign: Campaign, mary: User, paul: User, joined: int, launched: int
) -> None:
    """10 % of 10 people: one more is let through, two are not."""
    say_yes(ask(campaign, mary), paul)
    people_join(campaign, joined)
    assert launch_due(NOW) == launched
    if not launched:
        assert (now(campaign).state, Dispatch.objects.count()) == ("draft", 0)
        assert "from 10 people to 12" in now(campaign).launch_problem
        assert Approval.objects.get().state == "void"


def test_one_that_grew_above_the_limit_before_its_launch_is_not_sent(app: App) -> None:
    campaign = make_ready_campaign(app, people=5)
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    people_join(campaign, 1)
    assert launch_due(NOW) == 0
    assert (now(campaign).state, "6 people" in now(campaign).launch_problem) == ("draft", True)


def change_rule(campaign: Campaign) -> None:
    inner = make_segment(campaign.app, kind="dynamic", rule={"match": "all", "rules": []})
    campaign.include_segments.add(inner)


CHANGES = {
    "text": lambda campaign: Variant.objects.update(texts={"en": {"title": "Hello", "body": "Changed."}}),
    "pace": lambda campaign: Campaign.objects.update(throttle_per_second=5),
    "audience": change_rule,
    "policy": lambda campaign: App.objects.update(cap_count=3),
    "segment": lambda campaign: Segment.objects.update(rule={"match": "any", "rules": []}),
}


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_any_change_after_the_yes_voids_it(campaign: Campaign, mary: User, paul: User, what: str) -> None:
    say_yes(ask(campaign, mary), paul)
    CHANGES[what](campaign)
    assert launch_due(NOW) == 0
    assert (now(campaign).state, Approval.objects.get().state) == ("draft", "void")
    assert (Dispatch.objects.count(), "changed after" in now(campaign).launch_problem) == (0, True)


def test_a_change_under_the_question_cannot_be_approved(campaign: Campaign, mary: User, paul: User) -> None:
    asked = ask(campaign, mary)
    App.objects.update(cap_count=3)
    with pytest.raises(Conflict) as refused:
        say_yes(asked, paul)
    assert (refused.value.code, now(campaign).state) == ("approval_void", "draft")


def test_a_yes_survives_a_way_back_that_changes_nothing(app: App, mary: User, paul: User) -> None:
    campaign = make_ready_campaign(app, people=10, timing="at", scheduled_at=TOMORROW)
    say_yes(ask(campaign, mary), paul)
    lifecycle.unschedule(campaign=campaign, actor=mary, now=NOW)
    assert lifecycle.schedule(campaign=campaign, version=1, actor=mary, now=NOW).state == "scheduled"


def test_a_draft_changed_after_the_yes_asks_again(app: App, mary: User, paul: User) -> None:
    campaign = make_ready_campaign(app, people=10, timing="at", scheduled_at=TOMORROW)
    say_yes(ask(campaign, mary), paul)
    lifecycle.unschedule(campaign=campaign, actor=mary, now=NOW)
    Variant.objects.update(texts={"en": {"title": "Hello", "body": "Changed."}})
    with pytest.raises(ApprovalRequired):
        lifecycle.schedule(campaign=campaign, version=1, actor=mary, now=NOW)


def test_the_booster_is_part_of_what_is_approved(campaign: Campaign) -> None:
    before = freeze(campaign, NOW)
    save_rule(campaign=campaign, version=1, draft=RuleDraft(is_enabled=True, text="Come! STOP"), now=NOW)
    assert fingerprint_of(freeze(campaign, NOW)) != fingerprint_of(before)
    assert ("parts", "boost_rule", "text") in [found.path for found in differences(before, freeze(campaign, NOW))]


def test_every_setting_is_frozen(campaign: Campaign) -> None:
    frozen = freeze(campaign, NOW)
    columns = {field.name for field in Campaign._meta.concrete_fields} - BOOKKEEPING - {"scheduled_at"}
    assert columns == set(frozen["settings"])
    assert {field.name for field in Variant._meta.concrete_fields} - BOOKKEEPING == set(frozen["message"]["0"])


def _asked_before_the_columns(asked: Approval) -> None:
    """As a version that did not know these settings left it, its hash included."""
    for place, names in {"settings": ["clock", "api_facts"], "policy": ["missed_hour", "canary_devices"]}.items():
        for name in names:
            del asked.frozen[place][name]
    asked.frozen["message"]["0"].pop("share")
    asked.fingerprint = "0" * 64
    asked.save()


def test_an_upgrade_with_new_settings_leaves_a_waiting_question_as_it_is(campaign: Campaign, paul: User) -> None:
    asked = ask(campaign, "ann")
    _asked_before_the_columns(asked)
    assert differences(asked.frozen, freeze(now(campaign), NOW)) == []
    assert say_yes(asked, paul).state == "scheduled"


def test_a_new_setting_that_says_something_voids_the_question(campaign: Campaign, paul: User) -> None:
    asked = ask(campaign, "ann")
    _asked_before_the_columns(asked)
    Campaign.objects.update(clock="each")
    assert [found.path for found in differences(asked.frozen, freeze(now(campaign), NOW))] == [("settings", "clock")]
    with pytest.raises(Conflict, match="not what was asked for"):
        say_yes(asked, paul)


def test_equal_things_have_equal_fingerprints(campaign: Campaign) -> None:
    assert differences(freeze(campaign, NOW), freeze(campaign, LATER)) == []
    assert fingerprint_of({"a": 1, "b": 2}) == fingerprint_of({"b": 2, "a": 1})


def test_only_a_draft_is_asked_for(campaign: Campaign, mary: User) -> None:
    ask(campaign, mary)
    with pytest.raises(InvalidTransition):
        ask(campaign, mary)


@pytest.mark.django_db(transaction=True)
def test_of_two_approvers_at_once_one_decides(campaign: Campaign, mary: User, paul: User, app: App) -> None:
    asked, start, told = ask(campaign, mary), Barrier(2), []

    def answer(actor: User) -> None:
        start.wait(60)
        try:
            say_yes(asked, actor)
            told.append("decided")
        except Conflict as refused:
            told.append(refused.code)
        finally:
            connection.close()

    threads = [Thread(target=answer, args=(actor,)) for actor in (paul, make_user(app, role="approver"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(told) == ["already_answered", "decided"]
    assert AuditEntry.objects.filter(action="campaign.approved").count() == 1
