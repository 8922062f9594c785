"""Test sends of SMS: to the team's numbers, as a chosen person, at most once, and counted nowhere."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App, AuditEntry
from apps.campaigns.models import Automation, Campaign
from apps.campaigns.services.automations.lifecycle import StepDraft
from apps.deliveries.services.stop import stop_sending
from apps.devices.models import Channel
from apps.sms_booster.admin_trial import REPORT_PATIENCE
from apps.sms_booster.models import BoostRule, SmsMessage, SmsTrial, TrialNumber
from apps.sms_booster.services.callbacks import take_callback
from apps.sms_booster.services.send import Way
from apps.sms_booster.services.trials import EXPIRES_AFTER, KEPT_FOR, MOST_AN_HOUR, purge_trials, send_trials
from tests.factories import make_app, make_campaign, make_customer, make_user
from tests.factories.automations import PUSH, make_automation
from tests.fixtures_sandbox import RunningSandbox
from tests.sms_booster.test_callbacks import sign
from tests.sms_booster.test_send import arrived, open_account

pytestmark = pytest.mark.django_db
PHONE = "+48500600700"


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def way(app: App, sandbox: RunningSandbox) -> Way:
    return open_account(app, sandbox)


@pytest.fixture
def campaign(app: App) -> Campaign:
    """A draft whose booster is written."""
    rule = BoostRule(campaign=make_campaign(app), is_enabled=True, text='Hi {{ first_name | default: "you" }}')
    rule.save()
    return rule.campaign


@pytest.fixture
def marketer(client: Client, app: App) -> Client:
    client.force_login(make_user(app, role="marketer"))
    return client


@pytest.fixture
def number(app: App) -> TrialNumber:
    return TrialNumber.objects.create(app=app, name="Mine", phone=PHONE, added_at=timezone.now())


def page(draft: Campaign | Automation, name: str) -> str:
    return f"/admin/campaigns/{draft._meta.model_name}/{draft.pk}/sms-trial{name}/"


def try_it(marketer: Client, draft: Campaign | Automation, *numbers: TrialNumber, **sent: str) -> str:
    answer = marketer.post(page(draft, "-send"), {"on": [one.pk for one in numbers], **sent})
    return unescape(answer.content.decode())


def test_it_arrives_as_the_chosen_person_reads_it_and_counts_nowhere(
    marketer: Client, campaign: Campaign, number: TrialNumber, way: Way, sandbox: RunningSandbox
) -> None:
    ada = make_customer(campaign.app, first_name="Ada")
    assert "Queued" in try_it(marketer, campaign, number, preview_customer=str(ada.external_id))
    assert [send_trials(way=way, now=timezone.now()) for _twice in range(2)] == [1, 0]
    assert [(one["token"], one["body"]) for one in sandbox.inbox()["messages"]] == [(PHONE, "Hi Ada")]
    assert not SmsMessage.objects.exists()
    assert AuditEntry.objects.get(action="campaign.tried").details["numbers"] == ["Mine"]


def result(marketer: Client, draft: Campaign) -> str:
    return marketer.get(page(draft, "-result"), {"sms": SmsTrial.objects.get().pk}).content.decode()


def report(sandbox: RunningSandbox, status: str, **changes: str) -> str:
    """What the provider calls later, at the address that was handed over with the SMS."""
    (message,) = sandbox.inbox()["messages"]
    account = sandbox.credentials.app("shop").sms
    url, sid = message["payload"]["StatusCallback"], message["notification_id"]
    form = {"AccountSid": account.account_sid, "MessageSid": sid, "MessageStatus": status, **changes}
    signature = sign(form, account.auth_token, url)
    return take_callback(provider="twilio", form=form, url=url, signature=signature, now=timezone.now())


@pytest.mark.parametrize(
    ("status", "changes", "said"),
    [("delivered", {}, "that it arrived"), ("undelivered", {"ErrorCode": "30003"}, "is off or out of reach (30003)")],
)
def test_the_phones_answer_comes_to_the_same_panel(
    status: str,
    changes: dict[str, str],
    said: str,
    marketer: Client,
    campaign: Campaign,
    number: TrialNumber,
    way: Way,
    sandbox: RunningSandbox,
) -> None:
    try_it(marketer, campaign, number)
    send_trials(way=way, now=timezone.now())
    told = result(marketer, campaign)
    assert ("Accepted" in told, "is awaited" in told, "hx-get" in told, PHONE in told) == (True, True, True, False)
    assert report(sandbox, status, MessageSid="SM404") == ""
    assert report(sandbox, status, **changes) == status
    told = result(marketer, campaign)
    assert (said in told, "hx-get" in told) == (True, False)


def test_an_answer_that_does_not_come_is_not_awaited_for_ever(
    marketer: Client, campaign: Campaign, number: TrialNumber, way: Way
) -> None:
    try_it(marketer, campaign, number)
    send_trials(way=way, now=timezone.now())
    SmsTrial.objects.update(settled_at=timezone.now() - REPORT_PATIENCE)
    told = result(marketer, campaign)
    assert ("has not reported whether it arrived" in told, "hx-get" in told) == (True, False)


def test_a_person_nobody_can_be_called_is_nobody(marketer: Client, campaign: Campaign, number: TrialNumber) -> None:
    assert "has no SMS provider yet" in try_it(marketer, campaign, number, preview_customer="a\0b")


def test_an_automations_sms_speaks_with_its_fallbacks(
    marketer: Client, app: App, number: TrialNumber, way: Way, sandbox: RunningSandbox
) -> None:
    text = 'Your {{ event.product | default: "order" }} waits'
    automation = make_automation(app, StepDraft("sms", {"text": text}))
    try_it(marketer, automation, number, step="0")
    send_trials(way=way, now=timezone.now())
    assert [one["body"] for one in sandbox.inbox()["messages"]] == ["Your order waits"]
    assert AuditEntry.objects.filter(action="automation.tried", subject=f"automation:{automation.pk}").exists()


def trial_buttons(page: str) -> list[tuple[str, str]]:
    """Where each button leads, and what it says."""
    return re.findall(r'data-open-trial hx-get="([^"]*)".*?(Send a test(?: SMS)?)</button>', unescape(page), re.DOTALL)


def test_each_button_leads_to_the_test_of_its_own_step(marketer: Client, app: App, campaign: Campaign) -> None:
    automation = make_automation(app, PUSH, StepDraft("sms", {"text": "Hi"}))
    for draft, said in ((automation, {"Send a test", "Send a test SMS"}), (campaign, {"Send a test SMS"})):
        root = f"/admin/campaigns/{draft._meta.model_name}/{draft.pk}"
        page = marketer.get(f"{root}/change/", {"step": "sms_booster"}).content.decode()
        buttons = dict(trial_buttons(page))
        assert set(buttons.values()) >= said
        for path in buttons:
            assert re.fullmatch(rf"{root}/(sms-)?trial/(\?step=\d+)?", path)
            assert marketer.get(path).status_code == 200


def test_what_cannot_be_sent_is_said_at_once(marketer: Client, campaign: Campaign, number: TrialNumber) -> None:
    assert "has no SMS provider yet" in try_it(marketer, campaign, number)
    channel = Channel.objects.create(app=campaign.app, gateway="sms", credentials={})
    assert "Choose at least one test number" in try_it(marketer, campaign)
    BoostRule.objects.update(text="Hi {{ frist_name }}")
    assert "first_name" in try_it(marketer, campaign, number)
    BoostRule.objects.update(text="Hi")
    now, common = timezone.now(), {"app": campaign.app, "subject": "campaign:1", "name": "x", "sealed": {}, "parts": 1}
    SmsTrial.objects.bulk_create(SmsTrial(**common, planned_at=now) for _ in range(MOST_AN_HOUR))
    assert "An app may send 100 test SMS an hour" in try_it(marketer, campaign, number)
    SmsTrial.objects.update(planned_at=now - timedelta(hours=2))
    stop_sending(scope="transactional", reason="wrong price", actor="olga", now=now)
    assert "All sending is stopped" in try_it(marketer, campaign, number)
    Channel.objects.filter(pk=channel.pk).update(state="paused", paused_reason="20003")
    assert "SMS is paused: 20003" in try_it(marketer, campaign, number)


def test_what_the_provider_refuses_is_shown_and_not_tried_again(
    marketer: Client, campaign: Campaign, number: TrialNumber, way: Way, sandbox: RunningSandbox
) -> None:
    sandbox.script("sms", "throttle", PHONE, times=1)
    try_it(marketer, campaign, number)
    assert [send_trials(way=way, now=timezone.now()) for _twice in range(2)] == [1, 0]
    told = marketer.get(page(campaign, "-result"), {"sms": SmsTrial.objects.get().pk}).content.decode()
    assert "Not sent" in told
    assert (SmsTrial.objects.get().state, arrived(sandbox)) == ("failed", [])


def test_what_nobody_takes_in_time_is_given_up_and_forgotten_after_a_week(
    marketer: Client, campaign: Campaign, number: TrialNumber, way: Way
) -> None:
    try_it(marketer, campaign, number)
    assert send_trials(way=way, now=timezone.now() + EXPIRES_AFTER + timedelta(minutes=1)) == 0
    told = marketer.get(page(campaign, "-result"), {"sms": SmsTrial.objects.get().pk}).content.decode()
    assert ("nobody took it in time" in told, "hx-get" in told) == (True, False)
    later = timezone.now() + KEPT_FOR
    assert [purge_trials(now=later + timedelta(hours=hours)) for hours in (-1, 1)] == [0, 1]


def test_numbers_are_added_once_named_and_removed(marketer: Client, campaign: Campaign) -> None:
    added = marketer.post(page(campaign, "-add"), {"phone": "500 600 700", "name": "Mary"}).content.decode()
    assert ("Mary" in added, PHONE in added) == (True, False)
    marketer.post(page(campaign, "-add"), {"phone": PHONE, "name": "Mary Stone"})
    assert [(one.name, one.phone) for one in TrialNumber.objects.all()] == [("Mary Stone", PHONE)]
    assert [one.action for one in AuditEntry.objects.order_by("pk")] == ["trialnumber.added", "trialnumber.renamed"]
    refused = marketer.post(page(campaign, "-add"), {"phone": "22 555"}).content.decode()
    assert ('aria-invalid="true"' in refused, 'value="22 555"' in refused) == (True, True)
    elsewhere = TrialNumber.objects.create(app=make_app(), name="Theirs", phone=PHONE, added_at=timezone.now())
    assert "Theirs" not in marketer.get(page(campaign, "")).content.decode()
    assert marketer.post(page(campaign, "-remove"), {"number": elsewhere.pk}).status_code == 404
    assert marketer.get(page(campaign, ""), {"known": ["9" * 5000, "x"]}).status_code == 200
    marketer.post(page(campaign, "-remove"), {"number": TrialNumber.objects.get(name="Mary Stone").pk})
    assert [one.name for one in TrialNumber.objects.all()] == ["Theirs"]
