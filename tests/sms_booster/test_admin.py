"""The SMS log: readable by those of the app, changeable by nobody."""

import re

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.deliveries.models import Dispatch
from apps.sms_booster.models import BoostRule, SmsMessage, SmsReply
from apps.sms_booster.services.choose import choose_due
from tests.factories import make_app, make_device, make_user
from tests.factories.boosters import make_boost, make_reachable, make_unopened, receive
from tests.sms_booster.test_choose import LATER

pytestmark = pytest.mark.django_db
LOG = "/admin/sms_booster/smsmessage/"
REPLIES = "/admin/sms_booster/smsreply/"


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def message(app: App) -> SmsMessage:
    make_unopened(app)
    make_boost(app)
    choose_due(LATER)
    return SmsMessage.objects.get()


@pytest.fixture
def analyst(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="analyst"))
    return client


def test_the_log_shows_the_message_without_the_whole_number(analyst: Client, message: SmsMessage) -> None:
    for page in (LOG, f"{LOG}{message.pk}/change/"):
        shown = analyst.get(page).content.decode()
        assert message.rule.campaign.name in shown
        assert f"•••••{message.phone[-3:]}" in shown
        assert message.phone not in shown


def test_a_whole_number_finds_its_messages(analyst: Client, message: SmsMessage) -> None:
    assert "•••••" in analyst.get(LOG, {"q": message.phone}).content.decode()
    assert "•••••" not in analyst.get(LOG, {"q": message.phone[:-1]}).content.decode()


def test_foreign_messages_are_not_there(client: Client, message: SmsMessage) -> None:
    client.force_login(make_user(make_app(), role="owner"))
    assert message.rule.campaign.name not in client.get(LOG).content.decode()
    assert client.get(f"{LOG}{message.pk}/change/").status_code == 404


@pytest.mark.parametrize("page", ["add/", "{pk}/delete/"])
def test_nothing_can_be_added_or_deleted(client: Client, app: App, message: SmsMessage, page: str) -> None:
    client.force_login(make_user(app, role="owner"))
    assert client.get(LOG + page.format(pk=message.pk)).status_code == 403


def test_a_post_changes_nothing(client: Client, app: App, message: SmsMessage) -> None:
    client.force_login(make_user(app, role="owner"))
    assert client.post(f"{LOG}{message.pk}/change/", {"state": "delivered"}).status_code == 403
    assert SmsMessage.objects.get().state == "planned"


def test_replies_can_be_read(analyst: Client, app: App) -> None:
    SmsReply.objects.create(app=app, provider_id="SM9", phone="+48500600700", body="who is this?", received_at=LATER)
    shown = analyst.get(REPLIES).content.decode()
    assert "who is this?" in shown
    assert "+48500600700" not in shown


def test_the_report_says_where_everybody_went_and_its_lines_add_up(app: App, analyst: Client) -> None:
    people = make_unopened(app, 8)
    opened, silent, mute, shy, twin, late, sent, _other = people
    Customer.objects.filter(pk=mute.pk).update(phone="")
    Customer.objects.filter(pk=shy.pk).update(sms_consent=None)
    twin.phone = late.phone
    twin.save()
    make_device(make_reachable(app, push_consent=False))
    rule = make_boost(app, max_messages=2)
    silent.devices.update(secret_hash=b"")
    receive(rule.campaign, opened)
    choose_due(LATER)
    SmsMessage.objects.filter(customer=sent).update(state="delivered", sending_at=LATER)
    page = f"/admin/campaigns/campaign/{rule.campaign_id}/change/"
    told = lines_of(analyst.get(page).content.decode())
    assert told == [
        ("of", "People in the audience", 9),
        ("less", "Not sent the push", 1),
        ("less", "Opened the push", 1),
        ("less", "Their device reports no openings", 1),
        ("less", "No mobile number", 1),
        ("less", "No yes to SMS", 1),
        ("less", "Number of somebody chosen", 1),
        ("is", "Chosen for an SMS", 3),
        ("less", "Over the limit of this booster", 1),
        ("less", "Still to be sent", 1),
        ("is", "Sent", 1),
        ("in", "Delivered", 1),
    ]
    Customer.objects.filter(pk=shy.pk).update(sms_consent=True)
    assert lines_of(analyst.get(page).content.decode()) == told


def lines_of(page: str) -> list[tuple[str, str, int]]:
    """Role, name and count of each line of the booster's report."""
    found = re.findall(r'<li data-role="(\w+)"><span[^>]*>([^<]*)</span>.*?<b>−?(\d+)</b>', page)
    return [(role, name, int(count)) for role, name, count in found]


def test_where_nobody_was_chosen_the_report_says_why(app: App, analyst: Client) -> None:
    make_unopened(app, sms_consent=False)
    rule = make_boost(app)
    page = f"/admin/campaigns/campaign/{rule.campaign_id}/change/"
    assert "will be chosen then" in analyst.get(page).content.decode()
    choose_due(LATER)
    told = lines_of(analyst.get(page).content.decode())
    assert told == [("of", "People in the audience", 1), ("less", "No yes to SMS", 1), ("is", "Chosen for an SMS", 0)]
    BoostRule.objects.update(left_out=None, chosen_at=None)
    Dispatch.objects.update(state="cancelled")
    assert "no SMS follows it" in analyst.get(page).content.decode()
