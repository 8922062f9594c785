"""Who gets an SMS: those who could have opened the push and did not, as late as possible."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.customers.models import Customer
from apps.customers.preference_links import read_signed
from apps.deliveries.models import Content, Delivery, Dispatch
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Device
from apps.sms_booster.models import BoostRule, SmsMessage
from apps.sms_booster.queries import booster_report, sms_columns
from apps.sms_booster.services.choose import choose_due
from apps.sms_booster.services.rules import rule_warnings
from apps.sms_booster.sms_story import sms_story
from tests.factories import NOW, make_app, make_device
from tests.factories.boosters import deliver, make_boost, make_reachable, make_unopened, receive

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=60)


@pytest.fixture
def app() -> App:
    return make_app()


def chosen() -> set[int]:
    return set(SmsMessage.objects.filter(state="planned").values_list("customer_id", flat=True))


def test_who_did_not_open_is_chosen_once(app: App) -> None:
    (ada,) = make_unopened(app)
    make_boost(app)
    assert choose_due(LATER) == 1
    assert choose_due(LATER) == 0
    message = SmsMessage.objects.get()
    assert (message.customer, message.phone, message.body, message.parts) == (ada, ada.phone, "Come back", 1)


def test_the_page_of_a_message_can_tell_of_it_at_every_moment(app: App) -> None:
    (ada, bea) = make_unopened(app, 2)
    rule = make_boost(app)
    dispatch = Dispatch.objects.get(pk=rule.campaign.dispatch_id)
    receive(rule.campaign, bea)
    told = [sms_story(dispatch=dispatch, customer=one) for one in (ada, bea)]
    assert [(one.state, one.at) for one in told if one] == [("waiting", LATER)] * 2
    choose_due(LATER)
    told = [sms_story(dispatch=dispatch, customer=one) for one in (ada, bea)]
    assert [one.state for one in told if one] == ["planned", "not_needed"]


def test_whom_the_campaign_was_not_for_is_told_of_no_sms(app: App) -> None:
    (ada,) = make_unopened(app)
    dispatch = Dispatch.objects.get(pk=make_boost(app).campaign.dispatch_id)
    assert sms_story(dispatch=dispatch, customer=ada)
    stranger = make_reachable(app)
    assert sms_story(dispatch=dispatch, customer=stranger) is None
    choose_due(LATER)
    assert sms_story(dispatch=dispatch, customer=stranger) is None


def test_the_wait_begins_when_the_last_push_is_done(app: App) -> None:
    make_unopened(app)
    make_boost(app)
    assert choose_due(LATER - timedelta(seconds=1)) == 0
    assert SmsMessage.objects.count() == 0


@pytest.mark.parametrize("state", ["sending", "paused", "cancelled"])
def test_nobody_is_chosen_while_or_where_the_campaign_did_not_end(app: App, state: str) -> None:
    make_unopened(app)
    make_boost(app)
    Dispatch.objects.update(state=state)
    assert choose_due(LATER) == 0


def test_a_rule_that_is_off_chooses_nobody(app: App) -> None:
    make_unopened(app)
    make_boost(app, is_enabled=False)
    assert choose_due(LATER) == 0


@pytest.mark.parametrize("kind", ["opened", "clicked"])
def test_who_opened_on_any_device_is_left_alone(app: App, kind: str) -> None:
    ada, bob = make_unopened(app, 2)
    make_device(ada, gateway="webpush")
    rule = make_boost(app)
    receive(rule.campaign, ada, kind)
    choose_due(LATER)
    assert chosen() == {bob.pk}


@pytest.mark.parametrize("kind", ["received", "displayed", "dismissed"])
def test_seeing_is_not_opening(app: App, kind: str) -> None:
    (ada,) = make_unopened(app)
    receive(make_boost(app).campaign, ada, kind)
    choose_due(LATER)
    assert chosen() == {ada.pk}


@pytest.mark.parametrize("fields", [{"sms_consent": None}, {"sms_consent": False}, {"phone": ""}, {"erased_at": NOW}])
def test_who_may_not_get_an_sms_is_not_chosen(app: App, fields: dict[str, Any]) -> None:
    ada, bob = make_unopened(app, 2)
    make_boost(app)
    Customer.objects.filter(pk=bob.pk).update(**fields)
    choose_due(LATER)
    assert chosen() == {ada.pk}


@pytest.mark.parametrize("outcome", ["token_dead", "message_bad", "unknown_outcome", "expired"])
def test_only_a_push_that_was_accepted_is_followed(app: App, outcome: str) -> None:
    make_unopened(app)
    make_boost(app)
    Delivery.objects.update(outcome=OUTCOMES[outcome])
    choose_due(LATER)
    assert chosen() == set()


def test_a_device_that_cannot_report_an_open_proves_nothing(app: App) -> None:
    make_unopened(app)
    make_boost(app)
    Device.objects.update(secret_hash=b"")
    choose_due(LATER)
    assert chosen() == set()


def test_a_silent_push_cannot_be_opened(app: App) -> None:
    make_unopened(app)
    rule = make_boost(app)
    content = Content.objects.get(dispatch=rule.campaign.dispatch)
    content.body = {"silent": True}
    content.save()
    choose_due(LATER)
    assert chosen() == set()


def test_one_phone_gets_one_sms(app: App) -> None:
    ada, _bob = make_unopened(app, 2, phone="+48500000001")
    make_boost(app)
    choose_due(LATER)
    assert SmsMessage.objects.get().customer == ada


def test_above_the_limit_is_counted_not_sent(app: App) -> None:
    make_unopened(app, 5)
    rule = make_boost(app, max_messages=2, price_per_part=Decimal("0.05"))
    choose_due(LATER)
    states = Counter(SmsMessage.objects.values_list("state", flat=True))
    assert states == {"planned": 2, "over_budget": 3}
    report = booster_report(rule.campaign)
    assert (report.chosen, report.waiting, report.over_budget, report.parts) == (5, 2, 3, 0)


def test_each_text_is_made_for_its_person(app: App) -> None:
    make_unopened(app, first_name="Ada")
    make_unopened(app, first_name="Łucja", traits={"n": "x" * 70})
    make_boost(app, text='{{ first_name | default: "Hi" }}, come back{{ n }}')
    choose_due(LATER)
    assert list(SmsMessage.objects.order_by("pk").values_list("body", "parts")) == [
        ("Ada, come back", 1),
        ("Łucja, come back" + "x" * 70, 2),
    ]


def test_an_sms_carries_the_persons_preference_link(app: App) -> None:
    (ada,) = make_unopened(app)
    rule = make_boost(app, text="Come back. Settings: {{ preferences_url }}")
    assert "opt_out_missing" not in {found.code for found in rule_warnings(rule)}
    choose_due(LATER)
    key = read_signed(SmsMessage.objects.get().body.rpartition("/")[2], now=LATER)
    assert key is not None
    assert key.customer_id == ada.pk


@pytest.mark.parametrize(
    ("text", "code"),
    [("{{ n | divided_by: 0 }}", "template_failed"), ("{{ nothing }}", "empty_text"), ("{{ long }}", "too_many_parts")],
)
def test_a_text_that_cannot_be_made_costs_its_own_sms_only(app: App, text: str, code: str) -> None:
    make_unopened(app, traits={"n": 1, "long": "x" * 1531})
    make_boost(app, text=text)
    choose_due(LATER)
    message = SmsMessage.objects.get()
    assert (message.state, message.code) == ("failed", code)


def test_other_campaigns_people_are_not_touched(app: App) -> None:
    (ada,) = make_unopened(app)
    make_boost(app)
    stranger = make_app()
    make_unopened(stranger)
    make_boost(stranger, is_enabled=False)
    choose_due(LATER)
    assert chosen() == {ada.pk}


def test_the_csv_gets_its_columns(app: App) -> None:
    (ada,) = make_unopened(app)
    rule = make_boost(app)
    choose_due(LATER)
    compiled = sms_columns(rule.campaign.dispatch_id or 0)
    found = SmsMessage.objects.raw(f"select 1 as id, c.* from ({compiled.sql}) c", dict(compiled.params))[0]
    assert (found.customer_id, found.sms_state, found.sms_parts) == (ada.pk, "planned", 1)  # type: ignore[attr-defined]


def test_opens_after_the_sms_are_its_success(app: App) -> None:
    ada, bob = make_unopened(app, 2)
    rule = make_boost(app)
    choose_due(LATER)
    SmsMessage.objects.update(state="delivered", sending_at=LATER)
    receive(rule.campaign, ada, at=LATER + timedelta(minutes=5))
    receive(rule.campaign, bob, at=LATER - timedelta(minutes=5))
    assert booster_report(rule.campaign).opened_after == 1


def test_a_campaign_without_a_rule_has_an_empty_report(app: App) -> None:
    rule = make_boost(app)
    campaign = Campaign.objects.get(pk=rule.campaign_id)
    BoostRule.objects.all().delete()
    assert booster_report(campaign).as_json()["chosen"] == 0


def test_who_was_excluded_gets_no_sms(app: App) -> None:
    opted_out = make_reachable(app, push_consent=False)
    make_device(opted_out)
    make_boost(app)
    choose_due(LATER)
    assert chosen() == set()


def test_a_million_people_problem_is_one_statement(app: App, django_assert_max_num_queries: Any) -> None:
    make_unopened(app, 30)
    make_boost(app)
    with django_assert_max_num_queries(8):
        choose_due(LATER)
    assert len(chosen()) == 30


def test_the_ledger_row_of_another_device_does_not_hide_the_open(app: App) -> None:
    (ada,) = make_unopened(app)
    rule = make_boost(app)
    receive(rule.campaign, ada)
    second = make_device(ada, gateway="apns")
    assert rule.campaign.dispatch is not None
    deliver(rule.campaign.dispatch, second)
    choose_due(LATER)
    assert chosen() == set()
