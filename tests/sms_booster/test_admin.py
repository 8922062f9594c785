"""The SMS log: readable by those of the app, changeable by nobody."""

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.sms_booster.models import SmsMessage, SmsReply
from apps.sms_booster.services.choose import choose_due
from tests.factories import make_app, make_user
from tests.factories.boosters import make_boost, make_unopened
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


def test_the_report_says_who_was_chosen_and_not_who_did_not_open(
    app: App, analyst: Client, message: SmsMessage
) -> None:
    shown = analyst.get(f"/admin/campaigns/campaign/{message.rule.campaign_id}/change/").content.decode()
    assert "Chosen for an SMS" in shown
    assert "did not open it, has a mobile number and said yes to SMS" in shown
    assert "Had not opened" not in shown
