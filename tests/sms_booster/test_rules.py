"""The booster rule: saved with its campaign's version, checked, copied and reported with it."""

from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import App, AuditEntry
from apps.campaigns.models import Campaign
from apps.campaigns.queries import campaign_report
from apps.campaigns.services import lifecycle
from apps.campaigns.services.readiness import NotReady, readiness_problems, readiness_warnings
from apps.core.problems import Conflict
from apps.devices.models import Channel
from apps.sms_booster.models import BoostRule
from apps.sms_booster.services.rules import RuleDraft, save_rule, stop_booster
from tests.factories import NOW, make_app, make_channel, make_ready_campaign

pytestmark = pytest.mark.django_db
GOOD = RuleDraft(is_enabled=True, wait_minutes=60, text="Hi {{ first_name }}, reply STOP to end")


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def campaign(app: App) -> Campaign:
    make_channel(app, "sms")
    return make_ready_campaign(app)


def found(campaign: Campaign) -> set[tuple[str, str]]:
    return {(problem.pointer, problem.code) for problem in readiness_problems(campaign, NOW)}


def save(campaign: Campaign, **fields: Any) -> None:
    defaults = {name: getattr(GOOD, name) for name in RuleDraft.__slots__}
    save_rule(campaign=campaign, version=1, draft=RuleDraft(**{**defaults, **fields}), now=NOW)


def test_a_complete_rule_is_no_problem(campaign: Campaign) -> None:
    save(campaign)
    assert found(campaign) == set()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"wait_minutes": 0}, ("/boost_rule/wait_minutes", "range")),
        ({"wait_minutes": 7 * 24 * 60 + 1}, ("/boost_rule/wait_minutes", "range")),
        ({"text": " \u200b"}, ("/boost_rule/text", "required")),
        ({"text": "x" * 1601}, ("/boost_rule/text", "too_long")),
        ({"text": "ą" * 671}, ("/boost_rule/text", "too_many_parts")),
        ({"text": "{{ first_name"}, ("/boost_rule/text", "template_syntax")),
        ({"text": "{{ shoe_size }}"}, ("/boost_rule/text", "unknown_variable")),
        ({"max_messages": 0}, ("/boost_rule/max_messages", "range")),
        ({"price_per_part": Decimal(-1)}, ("/boost_rule/price_per_part", "range")),
    ],
)
def test_an_incomplete_rule_stops_the_launch(
    campaign: Campaign, fields: dict[str, Any], problem: tuple[str, str]
) -> None:
    save(campaign, **fields)
    assert found(campaign) == {problem}


def test_a_rule_that_is_off_may_be_anything(campaign: Campaign) -> None:
    save(campaign, is_enabled=False, text="", wait_minutes=0)
    assert found(campaign) == set()


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (GOOD.text, set()),
        ("Come back, reply STOP to end", set()),
        ("Come back", {"opt_out_missing"}),
        ("x" * 100 + " ą STOP", {"dear_characters"}),
        ("Wróć! STOP", set()),
        ("{{ 100 | divided_by: first_name }} STOP", set()),
    ],
)
def test_advice_about_the_text_stops_nothing(campaign: Campaign, text: str, codes: set[str]) -> None:
    save(campaign, text=text)
    assert {warning.code for warning in readiness_warnings(campaign)} == codes
    assert found(campaign) == set()


def test_without_an_sms_provider_there_is_no_booster(campaign: Campaign) -> None:
    Channel.objects.filter(gateway="sms").delete()
    save(campaign)
    with pytest.raises(NotReady) as refused:
        lifecycle.schedule(campaign=campaign, version=2, actor="mary", now=NOW)
    assert [(one.pointer, one.code) for one in refused.value.problems] == [("/boost_rule", "channel_missing")]
    assert refused.value.status == 409


def test_saving_raises_the_campaigns_version(campaign: Campaign) -> None:
    assert save_rule(campaign=campaign, version=1, draft=GOOD, now=NOW) == 2
    with pytest.raises(lifecycle.StaleVersion):
        save_rule(campaign=campaign, version=1, draft=GOOD, now=NOW)


def test_a_frozen_campaigns_rule_stands_still(campaign: Campaign) -> None:
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    with pytest.raises(Conflict, match="only a draft"):
        save(campaign)


def test_a_copy_brings_its_rule_unchosen(campaign: Campaign) -> None:
    save(campaign)
    BoostRule.objects.update(chosen_at=NOW)
    copy = lifecycle.duplicate(campaign=campaign, actor="mary", now=NOW)
    rule = BoostRule.objects.get(campaign=copy)
    assert (rule.text, rule.is_enabled, rule.chosen_at) == (GOOD.text, True, None)
    assert BoostRule.objects.get(campaign=campaign).chosen_at == NOW


def test_the_campaigns_report_shows_it(campaign: Campaign) -> None:
    save(campaign)
    launched = lifecycle.launch_now(campaign=campaign, version=2, actor="mary", now=NOW)
    shown = campaign_report(launched).as_json()
    assert shown["dispatch_id"] == launched.dispatch_id
    assert (shown["boost_rule"]["is_enabled"], shown["boost_rule"]["chosen"]) == (True, 0)


def test_stopping_is_audited_and_done_once(campaign: Campaign) -> None:
    save(campaign)
    assert stop_booster(campaign=campaign, actor="mary", now=NOW)
    assert not stop_booster(campaign=campaign, actor="mary", now=NOW)
    assert AuditEntry.objects.get().action == "booster.stopped"
