"""The counted link of an SMS: short, counted in parts, stored as what it leads to."""

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client

from apps.accounts.models import App
from apps.campaigns.services.frozen import is_same
from apps.deliveries.models import Content
from apps.gateways.sms_text import measure
from apps.sms_booster.click_links import counted, link_in, read_signed, sample
from apps.sms_booster.models import BoostRule, SmsMessage
from apps.sms_booster.queries import booster_report
from apps.sms_booster.services.choose import choose_due
from apps.sms_booster.services.clicks import follow_link
from apps.sms_booster.services.rules import BoosterPart
from apps.sms_booster.services.send import Way, send_due
from tests.factories import NOW, make_app
from tests.factories.boosters import make_boost, make_unopened
from tests.fixtures_sandbox import RunningSandbox
from tests.sms_booster.test_choose import LATER
from tests.sms_booster.test_send import open_account

pytestmark = pytest.mark.django_db
PAGE = "https://shop.example/autumn-collection/shoes?size=42#top"
BROWSER = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1"}


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (f"Look: {PAGE}. STOP to end", PAGE),
        (f"({PAGE}) and https://b.example", PAGE),
        (f"Yours: {settings.PUBLIC_URL}/preferences/x {PAGE}", PAGE),
        ("http://plain.example and shop://cart", ""),
        ("no link", ""),
    ],
)
def test_the_first_foreign_web_link_is_the_one(text: str, link: str) -> None:
    assert link_in(text) == link


def test_the_number_is_signed() -> None:
    signed = counted(PAGE, 77).rpartition("/")[2]
    assert read_signed(signed) == 77
    others = [signed[:-1] + ("A" if signed[-1] != "A" else "B"), signed[:-1], f"{signed}A", "", "é" * 20, "*" * 20]
    assert {read_signed(other) for other in others} == {None}


def test_parts_are_those_of_what_is_sent(app: App) -> None:
    people = make_unopened(app, 2)
    text = f"{'x' * 95} {PAGE}"
    make_boost(app, text=text, counts_clicks=True)
    make_boost(app, text=f"{text}{{{{ nothing }}}}", counts_clicks=True)
    choose_due(LATER)
    parts = set(SmsMessage.objects.values_list("parts", flat=True))
    assert parts == {measure(sample(text)).parts}
    assert SmsMessage.objects.filter(body=text).count() == 2 * len(people)


def test_it_is_sent_short_followed_and_counted_once(app: App, sandbox: RunningSandbox) -> None:
    way: Way = open_account(app, sandbox)
    make_unopened(app)
    rule = make_boost(app, text=f"Come back: {PAGE}", counts_clicks=True)
    choose_due(LATER)
    assert send_due(way=way, now=LATER) == 1
    body = next(one["body"] for one in sandbox.inbox()["messages"] if one["gateway"] == "sms")
    path = re.fullmatch(rf"Come back: {re.escape(settings.PUBLIC_URL)}(/c/[\w-]{{20}})", body)
    assert path is not None
    answers = [Client().get(path[1], headers=BROWSER) for _ in range(2)]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, PAGE)}
    assert booster_report(rule.campaign).clicked == 1


def test_the_page_gets_the_tags_of_the_pushs_links(app: App) -> None:
    make_unopened(app)
    make_boost(app, text=PAGE, counts_clicks=True)
    choose_due(LATER)
    SmsMessage.objects.update(state="accepted", sending_at=NOW)
    for content in Content.objects.all():
        content.body["link_tags"] = {"utm_source": "shop", "utm_medium": "push", "utm_campaign": "autumn"}
        content.save()
    link = follow_link(signed=counted(PAGE, SmsMessage.objects.get().pk).rpartition("/")[2], is_person=False, now=NOW)
    page, tags = PAGE.partition("#")[0], "utm_source=shop&utm_medium=sms&utm_campaign=autumn"
    assert link == f"{page}&{tags}#top"


def test_a_program_and_a_message_that_was_never_sent_count_nothing(app: App) -> None:
    make_unopened(app)
    rule = make_boost(app, text=PAGE, counts_clicks=True)
    choose_due(LATER)
    message = SmsMessage.objects.get()
    path = counted(PAGE, message.pk).removeprefix(settings.PUBLIC_URL)
    assert Client().get(path, headers=BROWSER).status_code == 404
    SmsMessage.objects.update(state="accepted", sending_at=NOW)
    assert Client().get(path, headers={"User-Agent": "WhatsApp/2.23"}).status_code == 302
    assert booster_report(rule.campaign).clicked == 0
    BoostRule.objects.update(counts_clicks=False)
    assert Client().get(path, headers=BROWSER).status_code == 404


def test_what_was_approved_without_the_setting_stays_the_same(app: App) -> None:
    rule = make_boost(app)
    former = frozen_rule(rule)
    del former["parts"]["boost_rule"]["counts_clicks"]
    assert is_same(former, frozen_rule(rule))
    BoostRule.objects.update(counts_clicks=True)
    assert not is_same(former, frozen_rule(rule))


def frozen_rule(rule: BoostRule) -> dict[str, Any]:
    """As it comes back from an approval's column."""
    frozen = {"parts": {"boost_rule": BoosterPart().frozen(campaign=rule.campaign)}}
    return dict(json.loads(json.dumps(frozen, cls=DjangoJSONEncoder)))
