"""Webhooks: every recorded outcome and receipt is told, signed, once it is taken; a receiver's trouble is its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import pytest
from standardwebhooks import Webhook

from apps.accounts.models import App, AuditEntry
from apps.api.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from apps.api.webhooks.services.courier import Courier
from apps.api.webhooks.services.cutting import Bounds, cut_due
from apps.api.webhooks.services.leases import LEASE, claim_due
from apps.api.webhooks.services.signing import rotated, signed_headers
from apps.customers.services.erasure import erase
from apps.deliveries.delivery_ids import make_delivery_id, read_delivery_id
from apps.deliveries.models import Delivery
from apps.deliveries.services.receipts import ReceiptDraft, store
from apps.devices.models import Device
from tests.api.receiver import Receiver, receiving
from tests.factories import NOW, make_app, make_customer, make_device, make_people, make_user
from tests.factories.deliveries import wait_for_feed
from tests.factories.webhooks import deliver, make_endpoint, make_outcomes
from tests.house import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    return make_app(slug="shop")


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def hurrying() -> Iterator[datetime]:
    """A clock on which every look takes five seconds."""
    return (NOW + timedelta(seconds=number) for number in count(step=5))


def test_an_outcome_is_told_with_all_that_names_it(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    device = make_device(make_customer(app, external_id="ada"))
    dispatch = make_outcomes(app, [device], outcome=2, external_id="order-7")
    assert deliver() == 1
    (call,) = receiver.calls
    (event,) = call.told["data"]
    key = read_delivery_id(event.pop("delivery_id"))
    assert key is not None
    assert (key.dispatch_id, key.device_id) == (dispatch.pk, device.pk)
    assert (call.told["type"], call.told["timestamp"]) == ("delivery.token_dead", "2026-06-01T12:00:00.000Z")
    assert event == {
        "push_id": str(dispatch.pk), "campaign_id": None, "dispatch_id": dispatch.pk, "external_id": "order-7",
        "customer": "ada", "device_token": device.address, "outcome": "token_dead", "code": "UNREGISTERED",
        "at": "2026-06-01T12:00:00.000Z", "sequence": 1,
    }  # fmt: skip
    assert not WebhookMessage.objects.exists()


def test_a_request_is_signed_as_the_standards_library_wants_it(app: App, receiver: Receiver) -> None:
    endpoint = make_endpoint(app, receiver.url)
    now = datetime.now(UTC)
    make_outcomes(app, make_people(app, 1), now=now)
    deliver(now)
    (call,) = receiver.calls
    assert Webhook(endpoint.secrets[0]["secret"]).verify(call.body, dict(call.headers))["type"] == "delivery.accepted"
    assert call.headers["content-type"] == "application/json"


def test_the_signature_is_the_one_that_other_libraries_make() -> None:
    """The vector on which the reference libraries for Python and Node agree."""
    at = datetime.fromtimestamp(1614265330, UTC)
    kept = [{"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "until": None}]
    headers = signed_headers(message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", body=b'{"test": 2432232314}', kept=kept, now=at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_old_and_new_secret_both_verify(app: App, receiver: Receiver) -> None:
    now = datetime.now(UTC)
    endpoint = make_endpoint(app, receiver.url)
    old = endpoint.secrets[0]["secret"]
    endpoint.secrets = rotated(endpoint.secrets, secret=(new := "whsec_" + "A" * 43 + "="), now=now)
    endpoint.save()
    make_outcomes(app, make_people(app, 1), now=now)
    deliver(now)
    (call,) = receiver.calls
    for secret in (old, new):
        Webhook(secret).verify(call.body, dict(call.headers))
    over = signed_headers(message_id="m", body=b"{}", kept=endpoint.secrets, now=now + timedelta(days=2))
    assert over["webhook-signature"].count("v1,") == 1


def test_many_events_come_in_requests_below_20_kb_each_once_and_in_sequence(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    devices = make_people(app, 300)
    for second in range(3):
        make_outcomes(app, devices, now=NOW + timedelta(seconds=second))
    deliver(NOW + timedelta(minutes=1))
    assert max(len(call.body) for call in receiver.calls) < 20_000
    assert [event["sequence"] for event in receiver.events] == list(range(1, 901))
    assert len({event["delivery_id"] for event in receiver.events}) == 900
    assert len(receiver.calls) < 30


def test_only_what_an_endpoint_asked_for_is_told(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url, types=["delivery.excluded"])
    people = make_people(app, 2)
    make_outcomes(app, people)
    make_outcomes(app, people, outcome=22)
    deliver()
    assert {event["outcome"] for event in receiver.events} == {"excluded:capped"}


def test_each_person_without_a_device_is_told_of_under_an_id_of_their_own(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url, types=["delivery.excluded"])
    make_outcomes(app, [Device(pk=0, customer=make_customer(app)) for _ in range(3)], outcome=21)
    deliver()
    assert len({event["delivery_id"] for event in receiver.events}) == 3


def test_another_apps_pushes_and_the_teams_tests_are_not_told(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    other = make_app()
    make_outcomes(other, make_people(other, 1))
    make_outcomes(app, make_people(app, 1), kind="test")
    assert deliver() == 0
    assert receiver.calls == []


def test_receipts_are_told_with_their_action_and_the_outcome(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url, types=["receipt.opened", "receipt.clicked"])
    dispatch = make_outcomes(app, make_people(app, 1), kind="campaign", origin="campaign:12")
    row = Delivery.objects.get()
    told = make_delivery_id(planned_on=row.planned_on, dispatch_id=dispatch.pk, device_id=row.device_id, variant=1)
    drafts = [ReceiptDraft(told, "displayed"), ReceiptDraft(told, "clicked", NOW, "buy")]
    store(receipts=drafts, app_id=app.pk, now=NOW + timedelta(seconds=9))
    deliver(NOW + timedelta(minutes=1))
    (event,) = receiver.events
    assert (event["delivery_id"], event["campaign_id"], event["push_id"]) == (told, 12, None)
    assert (event["receipt"], event["action"], event["outcome"]) == ("clicked", "buy", "accepted")


def test_what_fails_is_tried_again_under_the_same_id_and_then_taken(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 3))
    receiver.status, receiver.body = 500, b"out of <b>order</b>\n"
    deliver()
    message = WebhookMessage.objects.get()
    assert (message.tries, message.last_error) == (1, "500 out of <b>order</b>")
    assert deliver() == 0, "not before its time"
    receiver.status = 204
    receiver.body = b""
    deliver(NOW + timedelta(seconds=6))
    first, second = receiver.calls
    assert (first.id, first.body) == (second.id, second.body)
    assert not WebhookMessage.objects.exists()
    assert list(WebhookAttempt.objects.order_by("id").values_list("number", "status", "result")) == [
        (1, 500, "failed"),
        (2, 204, "delivered"),
    ]


def test_a_message_is_tried_for_three_days_and_is_then_a_dead_letter(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 1))
    receiver.status = 503
    now = NOW
    while WebhookMessage.objects.filter(state="waiting").exists() or now == NOW:
        deliver(now)
        WebhookEndpoint.objects.update(probe_at=now)  # the breaker's own times: see below
        now += timedelta(minutes=30)
    assert timedelta(days=3) < now - NOW < timedelta(days=3.5)
    assert WebhookMessage.objects.get().state == "dead"


def test_an_endpoint_that_fails_is_left_alone_but_for_a_probe(app: App, receiver: Receiver) -> None:
    endpoint = make_endpoint(app, receiver.url, flight=8)
    people = make_people(app, 200)
    for second in range(4):
        make_outcomes(app, people, now=NOW + timedelta(seconds=second))
    receiver.status = 500
    deliver(NOW + timedelta(seconds=10))
    assert len(receiver.calls) == 8, "what was under way when it began to fail, and nothing more"
    endpoint.refresh_from_db()
    assert endpoint.state == "failing"
    make_outcomes(app, people, now=NOW + timedelta(seconds=20))
    waiting = WebhookMessage.objects.count()
    deliver(endpoint.probe_at)
    assert (len(receiver.calls), WebhookMessage.objects.count()) == (9, waiting)
    receiver.status = 200
    endpoint.refresh_from_db()
    deliver(endpoint.probe_at)
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.failures, endpoint.failing_since) == ("active", 0, None)
    assert len({event["sequence"] for event in receiver.events}) == 1000
    assert not WebhookMessage.objects.exists()


def test_five_days_of_failure_switch_an_endpoint_off_and_say_so(
    app: App, receiver: Receiver, settings, mailoutbox
) -> None:
    settings.EMAIL_URL = "memory://"
    user = make_user(app, role="developer")
    user.email = "dev@shop.example"
    user.save()
    since = NOW - timedelta(days=5)
    endpoint = make_endpoint(app, receiver.url, failing_since=since, failures=700, state="failing", probe_at=NOW)
    make_outcomes(app, make_people(app, 1))
    receiver.status = 404
    deliver()
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.disabled_reason) == ("disabled", "failing")
    assert AuditEntry.objects.filter(action="webhookendpoint.disabled", actor="system").exists()
    wait_for(lambda: bool(mailoutbox), 5)
    assert mailoutbox[0].to == ["dev@shop.example"]
    assert deliver(NOW + timedelta(days=1)) == 0


def test_gone_means_off_at_once(app: App, receiver: Receiver) -> None:
    endpoint = make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 1))
    receiver.status = 410
    deliver()
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.disabled_reason) == ("disabled", "gone")


def test_a_receiver_may_ask_for_a_pause_and_may_refuse_a_message_for_good(app: App, receiver: Receiver) -> None:
    endpoint = make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 1))
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}
    deliver()
    deliver(NOW + timedelta(minutes=50))
    assert len(receiver.calls) == 1
    receiver.status, receiver.headers = 400, {"webhook-delivery": "abort-message"}
    deliver(NOW + timedelta(minutes=70))
    assert WebhookMessage.objects.get().state == "dead"
    endpoint.refresh_from_db()
    assert endpoint.state == "active"


def test_a_redirect_is_not_followed(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 1))
    receiver.status, receiver.headers = 301, {"Location": receiver.url}
    deliver()
    assert (len(receiver.calls), WebhookAttempt.objects.get().result) == (1, "refused")


def test_an_endpoint_that_does_not_answer_slows_nobody(app: App, receiver: Receiver) -> None:
    with receiving() as silent, silent.holding():
        make_endpoint(app, silent.url, flight=8)
        make_endpoint(app, receiver.url)
        people = make_people(app, 200)
        for second in range(4):
            make_outcomes(app, people, now=NOW + timedelta(seconds=second))
        deliver(NOW + timedelta(seconds=10), is_stopping=lambda: len(receiver.events) == 800, seconds=60)
        assert len(receiver.events) == 800
        assert 1 <= len(silent.calls) <= 8


def test_a_process_killed_after_reading_the_feed_loses_nothing(app: App, receiver: Receiver) -> None:
    """What it had claimed goes out after its lease, under the same id."""
    make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 5))
    cut_due(now=NOW)
    (claimed,) = claim_due(now=NOW, most=10)
    assert claim_due(now=NOW, most=10) == []
    assert deliver() == 0
    deliver(NOW + LEASE)
    assert [call.id for call in receiver.calls] == [claimed.message_id]
    assert len(receiver.events) == 5


def test_a_request_that_takes_long_keeps_its_message(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 5))
    wait_for_feed()
    clock, later = hurrying(), NOW + 3 * LEASE
    courier = Courier(clock=lambda: next(clock), chance=Random(7), allows_loopback=True, renewal_seconds=0.0)
    with receiver.holding():
        courier.deliver(lambda: WebhookMessage.objects.filter(leased_until__gt=later).exists())
        assert claim_due(now=later, most=10) == []
    courier.deliver()
    assert (len(receiver.calls), WebhookMessage.objects.count()) == (1, 0)


def test_a_courier_told_to_stop_writes_down_the_answer_it_awaits(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    make_outcomes(app, make_people(app, 5))
    wait_for_feed()
    receiver.delay_seconds = 0.5
    courier = Courier(clock=lambda: NOW, chance=Random(7), allows_loopback=True)
    courier.wake()
    courier.run(lambda: bool(receiver.calls))
    assert len(receiver.events) == 5
    assert not WebhookMessage.objects.exists()


def test_whoever_is_erased_is_not_named_in_a_later_try(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    device = make_device(make_customer(app, external_id="ada-canary"))
    make_outcomes(app, [device])
    receiver.status = 500
    deliver()
    erase(customer=device.customer, actor="test", now=NOW)
    receiver.status = 200
    deliver(NOW + timedelta(minutes=1))
    assert b"ada-canary" in receiver.calls[0].body
    assert b"ada-canary" not in receiver.calls[1].body
    assert device.address.encode() not in receiver.calls[1].body


def test_everybody_whom_a_large_plan_left_out_is_told_in_parts(app: App, receiver: Receiver) -> None:
    make_endpoint(app, receiver.url)
    people = make_people(app, 100)
    make_outcomes(app, people, outcome=24)
    make_outcomes(app, people[:5], now=NOW + timedelta(seconds=1))
    wait_for_feed()
    readings = 0
    while cut_due(now=NOW + timedelta(minutes=1), bounds=Bounds(events=30, large_page=50)):
        readings += 1
    assert readings >= 4
    deliver(NOW + timedelta(minutes=1))
    assert len({event["delivery_id"] for event in receiver.events}) == len(receiver.events) == 105
