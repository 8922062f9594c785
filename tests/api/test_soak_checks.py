"""The soak's checks of webhooks and automations object to each thing that is not so, and to nothing else."""

import http.client
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from apps.accounts.models import App
from apps.api.soak.check_automations import broken_automations
from apps.api.soak.check_caps import broken_caps
from apps.api.soak.check_texts import Text, broken_texts
from apps.api.soak.check_webhooks import broken_webhooks, lost_receipts
from apps.api.soak.journal import Came, Journal, begin_ban
from apps.api.soak.listener import Endpoint, Listener
from apps.api.soak.shoppers import CART, NEWS, WELCOME, make_automations
from apps.api.webhooks.event_types import EVENT_TYPES
from apps.api.webhooks.models import WebhookEndpoint
from apps.api.webhooks.services.signing import new_secret
from apps.campaigns.models import AutomationRun, AutomationSend
from apps.campaigns.services.automations.entering import take_arrivals
from apps.campaigns.services.automations.moving import move_due
from apps.customers.models import Customer
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Delivery, Dispatch
from apps.sms_booster.models import SmsMessage
from config.up.ports import LOOPBACK
from tests.factories import make_channel, make_customer, make_people
from tests.factories.automations import did
from tests.factories.webhooks import make_endpoint, make_outcomes

GRACE = 2.5
BOTH = ("delivery.accepted", "delivery.token_dead")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "log")


@pytest.fixture
def told(app: App) -> Endpoint:
    """A webhook that was told of everything, in two requests."""
    make_endpoint(app, "http://127.0.0.1:9/hooks", description="kept")
    dispatch = make_outcomes(app, make_people(app, 3))
    endpoint = Endpoint("kept", frozenset(EVENT_TYPES), new_secret())
    for device_id in Delivery.objects.values_list("device_id", flat=True):
        endpoint.told[dispatch.pk, device_id, "delivery.accepted"] += 1
    endpoint.taken.update({"one": (1, 3), "two": (3, 4)})
    endpoint.came_at.append(1000.0)
    return endpoint


def webhook_words(told: Endpoint, journal: Journal) -> str:
    return "\n".join(broken_webhooks({"kept": told}, journal, GRACE))


def test_a_webhook_that_was_told_everything_once_is_as_it_should_be(told: Endpoint, journal: Journal) -> None:
    assert webhook_words(told, journal) == ""


def test_an_event_that_was_told_twice_is_objected_to(told: Endpoint, journal: Journal) -> None:
    told.told[next(iter(told.told))] += 1
    assert "1 times too often" in webhook_words(told, journal)


def test_an_event_that_was_not_told_is_objected_to(told: Endpoint, journal: Journal) -> None:
    told.told.popitem()
    assert "was not told of" in webhook_words(told, journal)


def test_a_deleted_webhook_need_not_be_told_everything(told: Endpoint, journal: Journal) -> None:
    told.told.popitem()
    WebhookEndpoint.objects.all().delete()
    assert webhook_words(told, journal) == ""


@pytest.mark.parametrize("second", [(4, 5), (2, 4)], ids=["a gap", "an overlap"])
def test_a_sequence_that_does_not_rise_by_one_is_objected_to(
    told: Endpoint, journal: Journal, second: tuple[int, int]
) -> None:
    told.taken["two"] = second
    assert f"sequence {second[0]} comes after 2" in webhook_words(told, journal)


def test_a_call_after_it_was_switched_off_is_objected_to(told: Endpoint, journal: Journal) -> None:
    begin_ban(journal.silent["kept"], 998.0, "switched off")
    assert webhook_words(told, journal) == "", "on its way"
    told.came_at.append(1000.6)
    assert "2.6 s after it was switched off" in webhook_words(told, journal)


def test_a_receipt_that_was_taken_and_is_not_there_is_objected_to(told: Endpoint) -> None:
    delivery = Delivery.objects.all()[0]
    lost = make_delivery_id(
        planned_on=delivery.planned_on, dispatch_id=delivery.dispatch_id, device_id=delivery.device_id
    )
    assert list(lost_receipts([lost])) == [f"the receipt of {lost} was answered 202, but is not stored"]


@pytest.fixture
def listener(journal: Journal) -> Iterator[Listener]:
    listener = Listener(journal, Random(4))
    listener.endpoints["kept"] = Endpoint("kept", frozenset(BOTH), new_secret())
    with listener.listening():
        yield listener


def post(listener: Listener, message_id: str, type_: str, sequence: int, secret: str = "") -> int:
    """Tell it of one event; the status, 0 where the connection was cut."""
    now = timezone.now()
    body = json.dumps({"type": type_, "data": [{"delivery_id": "", "sequence": sequence}]})
    signature = Webhook(secret or listener.endpoints["kept"].secret).sign(message_id, now, body)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    port = int(listener.url_of("").split(":")[2].strip("/"))
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    try:
        connection.request("POST", "/kept", body, headers)
        return connection.getresponse().status
    except http.client.RemoteDisconnected:
        return 0
    finally:
        connection.close()


def test_the_listener_keeps_what_it_took_and_takes_every_second_try(listener: Listener, journal: Journal) -> None:
    statuses: list[int] = []
    for number in range(100):
        statuses.append(post(listener, f"m{number}", BOTH[0], number + 1))
        if statuses[-1] != 200:
            assert post(listener, f"m{number}", BOTH[0], number + 1) == 200
    assert len(set(statuses)) > 1, "nothing was refused"
    endpoint = listener.endpoints["kept"]
    assert sorted(endpoint.taken.values()) == [(number, number + 1) for number in range(1, 101)]
    assert endpoint.told.total() == 100
    assert journal.wrong == []


@pytest.mark.parametrize(
    ("type_", "secret", "objection"),
    [("delivery.accepted", new_secret(), "wrong signature"), ("receipt.opened", "", "bytes of receipt.opened")],
    ids=["signature", "type"],
)
def test_the_listener_objects_to(listener: Listener, journal: Journal, type_: str, secret: str, objection: str) -> None:
    post(listener, "m1", type_, 1, secret)
    assert objection in journal.wrong[0]


def test_the_listener_objects_to_a_second_copy_that_says_something_else(listener: Listener, journal: Journal) -> None:
    for sequence in (1, 2):
        post(listener, "m1", BOTH[0], sequence)
    assert "with other events" in journal.wrong[0]


@pytest.fixture
def through(app: App, journal: Journal) -> list[int]:
    """Two people who went through the automation that welcomes, and one through the cart's; nobody has a phone."""
    now = timezone.now()
    make_channel(app)
    make_channel(app, "sms")
    make_automations(app_id=app.pk, now=now)
    people = [make_customer(app) for _ in range(3)]
    for customer, event in zip(people, (WELCOME, WELCOME, CART), strict=True):
        did(app, [str(customer.external_id)], event, now=now)
        journal.came[customer.pk].append(Came(event, is_sure=True))
    take_arrivals(now)
    for minutes in (0, 0, 0, 2, 2, 2):
        move_due(now + timedelta(minutes=minutes))
    return [customer.pk for customer in people]


def automation_words(journal: Journal) -> str:
    return "\n".join(broken_automations(journal, [], GRACE))


def test_people_who_went_through_are_as_they_should_be(through: list[int], journal: Journal) -> None:
    assert automation_words(journal) == ""


def test_who_never_entered_is_missed_unless_they_were_erased(through: list[int], app: App, journal: Journal) -> None:
    lost = make_customer(app)
    journal.came[lost.pk].append(Came(CART, is_sure=True))
    assert f"customer {lost.pk} did {CART}, and never entered" in automation_words(journal)
    Customer.objects.filter(pk=lost.pk).update(erased_at=timezone.now())
    assert automation_words(journal) == ""


def test_who_entered_without_a_reason_is_objected_to(through: list[int], journal: Journal) -> None:
    del journal.came[through[0]]
    assert f"customer {through[0]} entered automation" in automation_words(journal)


def test_a_message_that_was_not_planned_is_missed(through: list[int], journal: Journal) -> None:
    Delivery.objects.filter(customer_id=through[0]).delete()
    assert "1 runs went past" in automation_words(journal)


def test_a_reminder_after_the_order_is_objected_to(through: list[int], journal: Journal) -> None:
    begin_ban(journal.ordered[through[2]], timezone.now().timestamp() + 30, "ordered")
    words = automation_words(journal)
    assert words.count("after they had ordered") == 1, "the first message had been planned before"


def test_a_push_of_a_paused_automation_is_objected_to(through: list[int], journal: Journal) -> None:
    sent = AutomationSend.objects.first()
    assert sent is not None
    begin_ban(journal.paused[sent.automation_id], 1000.0, "pause")
    assert not list(broken_automations(journal, [(sent.dispatch_id, 1002.4)], GRACE)), "on its way"
    assert "2.6 s after: pause" in "".join(broken_automations(journal, [(sent.dispatch_id, 1002.6)], GRACE))


@pytest.fixture
def texted(app: App, journal: Journal) -> list[Text]:
    """Somebody read the news and was sent the SMS, a minute after the push."""
    now = timezone.now()
    make_channel(app)
    make_channel(app, "sms")
    make_automations(app_id=app.pk, now=now)
    did(app, [str(make_customer(app, phone="+48570000001", sms_consent=True).external_id)], NEWS, now=now)
    take_arrivals(now)
    for minutes in (0, 0, 2, 2):
        move_due(now + timedelta(minutes=minutes))
    SmsMessage.objects.update(state="accepted")
    return [Text(one.pk, 1000.0) for one in SmsMessage.objects.all()]


def text_words(texts: list[Text], journal: Journal) -> str:
    return "\n".join(broken_texts(journal, texts, timezone.now(), GRACE))


def test_an_sms_that_came_once_is_as_it_should_be(texted: list[Text], journal: Journal) -> None:
    assert len(texted) == 1
    assert text_words(texted, journal) == ""


def test_an_sms_that_came_twice_or_never_is_objected_to(texted: list[Text], journal: Journal) -> None:
    assert "was sent 2 times" in text_words(texted * 2, journal)
    assert "is accepted, but never arrived" in text_words([], journal)
    SmsMessage.objects.update(state="planned", due_at=timezone.now())
    assert "arrived, but is called planned" in text_words(texted, journal)
    AutomationRun.objects.all().delete()
    assert "and went past it 0 times" in text_words(texted, journal)


def test_an_sms_after_a_no_or_a_pause_is_objected_to(texted: list[Text], journal: Journal) -> None:
    message = SmsMessage.objects.get()
    assert message.step is not None
    for bans in (journal.opted_out[message.customer_id], journal.paused[message.step.automation_id]):
        begin_ban(bans, 997.0, "no")
        assert "left 3.0 s after: no" in text_words(texted, journal)
        bans.clear()


def test_an_sms_that_was_left_behind_is_objected_to(texted: list[Text], journal: Journal) -> None:
    SmsMessage.objects.update(state="planned", due_at=timezone.now() - timedelta(minutes=5))
    assert "has not ended: planned" in text_words([], journal)


def test_a_campaign_too_many_is_objected_to(app: App) -> None:
    """Two campaigns about offers reached somebody; then their cap is told to be one."""
    (device,) = make_people(app, 1)
    dispatches = [make_outcomes(app, [device]) for _twice in range(2)]
    Dispatch.objects.update(kind="campaign", policy={"salt": "s", "topic": "offers", "topic_cap_count": 2})
    assert list(broken_caps()) == []
    Dispatch.objects.update(policy={"salt": "s", "topic": "offers", "topic_cap_count": 1})
    assert "got 2 campaigns of offers, whose cap is 1" in "".join(broken_caps())
    last = {"policy": {"salt": "s", "cap_count": 1}, "created_at": timezone.now() + timedelta(hours=1)}
    Dispatch.objects.filter(pk=dispatches[1].pk).update(**last)
    Dispatch.objects.filter(pk=dispatches[0].pk).update(policy={"salt": "s"})
    assert f"got dispatch {dispatches[1].pk} after 1 others" in "".join(broken_caps())
