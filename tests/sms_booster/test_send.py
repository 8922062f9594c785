"""SMS through the real client to the sandbox: at most once, and only to those who still want it."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.campaigns.queries import campaign_report
from apps.customers.models import Customer
from apps.deliveries.services.stop import resume_sending, stop_sending
from apps.devices.models import Channel
from apps.devices.services.channels import pause_channel
from apps.gateways.contract import TextMessage, Verdict
from apps.gateways.faults import TOO_LATE
from apps.sms_booster.models import BoostRule, SmsMessage
from apps.sms_booster.services.choose import choose_due
from apps.sms_booster.services.provider import provider_of, send_texts
from apps.sms_booster.services.rules import stop_booster
from apps.sms_booster.services.send import Way, mark_crashed, send_due
from tests.factories import NOW, make_app
from tests.factories.boosters import make_boost, make_unopened, receive
from tests.fixtures_sandbox import RunningSandbox
from tests.sms_booster.test_choose import LATER

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def open_account(app: App, sandbox: RunningSandbox) -> Way:
    """The app's account at the sandbox."""
    account = sandbox.credentials.app("shop").sms
    credentials = {"account_sid": account.account_sid, "auth_token": account.auth_token, "sender": account.sender}
    Channel.objects.create(app=app, gateway="sms", credentials=credentials)
    return Way(sandbox.endpoints, public_url=f"http://127.0.0.1:{sandbox.port}")


@pytest.fixture
def way(app: App, sandbox: RunningSandbox) -> Way:
    return open_account(app, sandbox)


@pytest.fixture
def people(app: App, way: Way) -> list[Customer]:
    """Two, chosen."""
    found = make_unopened(app, 2)
    make_boost(app)
    choose_due(LATER)
    return found


def states() -> list[tuple[str, str]]:
    return list(SmsMessage.objects.order_by("pk").values_list("state", "code"))


def arrived(sandbox: RunningSandbox) -> list[str]:
    return [message["token"] for message in sandbox.inbox()["messages"] if message["gateway"] == "sms"]


def test_what_could_not_leave_within_2_s_of_the_last_look_stays(
    people: list[Customer], way: Way, sandbox: RunningSandbox
) -> None:
    """As after a process that was held between the commit and the call: the person may have said no since."""
    provider = provider_of(Channel.objects.get(gateway="sms"), way.endpoints)
    (result,) = send_texts(provider, [TextMessage("1", people[0].phone, "Hello")], start_by=time.monotonic() - 0.001)
    assert (result.verdict, result.vendor_code) == (Verdict.RETRY, TOO_LATE)
    assert arrived(sandbox) == []


def test_an_sms_arrives_once(people: list[Customer], way: Way, sandbox: RunningSandbox) -> None:
    assert send_due(way=way, now=LATER) == 2
    assert send_due(way=way, now=LATER) == 0
    assert sorted(arrived(sandbox)) == sorted(customer.phone for customer in people)
    assert states() == [("accepted", ""), ("accepted", "")]
    assert all(sid.startswith("SM") for sid in SmsMessage.objects.values_list("provider_id", flat=True))


def test_the_text_is_the_frozen_one(people: list[Customer], way: Way, sandbox: RunningSandbox) -> None:
    BoostRule.objects.update(text="changed later")
    send_due(way=way, now=LATER)
    assert {message["body"] for message in sandbox.inbox()["messages"]} == {"Come back"}


def opened_meanwhile(customer: Customer) -> None:
    receive(BoostRule.objects.get().campaign, customer)


def opted_out_meanwhile(customer: Customer) -> None:
    Customer.objects.filter(pk=customer.pk).update(sms_consent=False)


def got_a_new_phone(customer: Customer) -> None:
    customer.phone = "+48511511511"
    customer.save()


def was_erased(customer: Customer) -> None:
    Customer.objects.filter(pk=customer.pk).update(erased_at=NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (opened_meanwhile, "opened"),
        (opted_out_meanwhile, "no_consent"),
        (got_a_new_phone, "no_phone"),
        (was_erased, "no_phone"),
    ],
)
def test_who_needs_none_any_more_is_spared(
    people: list[Customer], way: Way, sandbox: RunningSandbox, change: Callable[[Customer], None], reason: str
) -> None:
    change(people[0])
    assert send_due(way=way, now=LATER) == 1
    assert states() == [("spared", reason), ("accepted", "")]
    assert arrived(sandbox) == [people[1].phone]


def test_a_damaged_number_costs_its_own_sms_alone(people: list[Customer], way: Way, sandbox: RunningSandbox) -> None:
    with connection.cursor() as cursor:
        cursor.execute("update customers_customer set phone = left(phone, -4) || '0000' where id = %s", [people[0].pk])
    assert send_due(way=way, now=LATER) == 1
    assert states() == [("failed", "broken_contact"), ("accepted", "")]
    assert arrived(sandbox) == [people[1].phone]


def test_a_stopped_booster_spares_the_rest(people: list[Customer], way: Way, sandbox: RunningSandbox) -> None:
    stop_booster(campaign=BoostRule.objects.get().campaign, actor="mary", now=LATER)
    assert send_due(way=way, now=LATER) == 0
    assert states() == [("spared", "stopped")] * 2


def test_the_report_tells_programs_why_some_were_spared(people: list[Customer], way: Way) -> None:
    campaign = BoostRule.objects.get().campaign
    stop_booster(campaign=campaign, actor="mary", now=LATER)
    send_due(way=way, now=LATER)
    assert json.loads(json.dumps(campaign_report(campaign).as_json()))["boost_rule"]["spared_why"] == {"stopped": 2}


def test_what_waited_a_day_comes_too_late(people: list[Customer], way: Way) -> None:
    assert send_due(way=way, now=LATER + timedelta(hours=24, seconds=1)) == 0
    assert states() == [("spared", "too_late")] * 2


def test_quiet_hours_are_the_recipients_own(
    app: App, people: list[Customer], way: Way, sandbox: RunningSandbox
) -> None:
    """13:00 UTC is 15:00 in Warsaw, where the numbers are, and 22:00 in Tokyo, where one of the people is."""
    App.objects.update(quiet_from="20:00", quiet_until="09:00")
    Customer.objects.filter(pk=people[1].pk).update(time_zone="Asia/Tokyo")
    assert send_due(way=way, now=LATER) == 1
    assert arrived(sandbox) == [people[0].phone]
    waiting = SmsMessage.objects.get(state="planned")
    assert waiting.due_at == NOW + timedelta(hours=12)
    assert send_due(way=way, now=waiting.due_at) == 1


@pytest.mark.parametrize(
    ("behaviour", "settings", "state"),
    [
        ("bad_token", {}, "failed"),
        ("payload_bad", {}, "failed"),
        ("server_error", {}, "unknown"),
        ("reset", {}, "unknown"),
        ("throttle", {"retry_after": 5}, "planned"),
        ("config_bad", {}, "planned"),
    ],
)
def test_the_providers_answer_decides(
    people: list[Customer], way: Way, sandbox: RunningSandbox, behaviour: str, settings: dict[str, Any], state: str
) -> None:
    sandbox.script("sms", behaviour, people[0].phone, **settings)
    send_due(way=way, now=LATER)
    assert [word for word, _code in states()] == [state, "accepted"]


def test_what_was_not_taken_is_sent_later_and_arrives_once(
    people: list[Customer], way: Way, sandbox: RunningSandbox
) -> None:
    sandbox.script("sms", "throttle", people[0].phone, times=1, retry_after=5)
    send_due(way=way, now=LATER)
    assert send_due(way=way, now=LATER + timedelta(seconds=4)) == 0
    assert send_due(way=way, now=LATER + timedelta(seconds=6)) == 1
    assert sorted(arrived(sandbox)) == sorted(customer.phone for customer in people)


@pytest.mark.parametrize(("behaviour", "least"), [("server_error", 0), ("drop_after_accept", 1)])
def test_what_has_no_answer_is_never_sent_again(
    people: list[Customer], way: Way, sandbox: RunningSandbox, behaviour: str, least: int
) -> None:
    sandbox.script("sms", behaviour)
    send_due(way=way, now=LATER)
    sandbox.call("DELETE", "/_script")
    assert send_due(way=way, now=LATER + timedelta(hours=1)) == 0
    assert {word for word, _code in states()} == {"unknown"}
    assert least <= len(arrived(sandbox)) == len(set(arrived(sandbox)))


def test_wrong_credentials_stop_the_channel_and_fail_nobody(
    app: App, people: list[Customer], way: Way, sandbox: RunningSandbox
) -> None:
    channel = Channel.objects.get(app=app, gateway="sms")
    right = channel.credentials
    channel.credentials = {**right, "auth_token": "0" * 32}
    channel.save()
    send_due(way=way, now=LATER)
    channel.refresh_from_db()
    assert (channel.state, [word for word, _code in states()]) == ("paused", ["planned", "planned"])
    assert send_due(way=way, now=LATER + timedelta(seconds=30)) == 0
    channel.credentials = right
    channel.save()
    assert send_due(way=way, now=LATER + timedelta(minutes=2)) == 2
    channel.refresh_from_db()
    assert channel.state == "active"
    assert len(arrived(sandbox)) == 2


def test_a_closed_account_stays_closed_until_the_provider_answers(
    people: list[Customer], way: Way, sandbox: RunningSandbox
) -> None:
    channel = Channel.objects.get(gateway="sms")
    pause_channel(channel_id=channel.pk, reason="20003", now=LATER, probe_after=LATER)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        nowhere = replace(way.endpoints, sms_base_url=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        send_due(way=Way(nowhere, way.public_url), now=LATER)
    channel.refresh_from_db()
    assert (channel.state, channel.probe_after) == ("paused", LATER + timedelta(minutes=1))
    channel.save()
    assert send_due(way=way, now=LATER + timedelta(minutes=1)) == 2
    channel.refresh_from_db()
    assert (channel.state, len(arrived(sandbox))) == ("active", 2)


def test_a_number_that_answered_stop_loses_its_consent(
    people: list[Customer], way: Way, sandbox: RunningSandbox
) -> None:
    sandbox.script("sms", "unregistered", people[0].phone)
    send_due(way=way, now=LATER)
    assert states()[0] == ("failed", "21610")
    assert Customer.objects.get(pk=people[0].pk).sms_consent is False


def test_a_stopping_worker_takes_nothing_more(people: list[Customer], way: Way) -> None:
    assert send_due(way=Way(way.endpoints, way.public_url, lambda: True), now=LATER) == 0
    assert states() == [("planned", "")] * 2


def test_a_crashed_senders_sms_are_unknown_after_two_minutes(people: list[Customer]) -> None:
    SmsMessage.objects.update(state="sending", sending_at=LATER)
    assert mark_crashed(LATER + timedelta(minutes=2)) == 0
    assert mark_crashed(LATER + timedelta(minutes=2, seconds=1)) == 2
    assert states() == [("unknown", "crashed")] * 2


def test_other_apps_accounts_are_not_used(people: list[Customer], way: Way, sandbox: RunningSandbox) -> None:
    Channel.objects.filter(gateway="sms").update(app=make_app())
    assert send_due(way=way, now=LATER) == 0
    assert arrived(sandbox) == []


def test_the_tick_ends_in_time(app: App, way: Way, sandbox: RunningSandbox) -> None:
    make_unopened(app, 25)
    make_boost(app)
    choose_due(LATER)
    sent = send_due(way=way, now=LATER, seconds=0.0001)
    assert sent <= 20
    assert sent + send_due(way=way, now=LATER) == 25


def test_the_emergency_stop_holds_sms_and_lets_them_go_on(
    people: list[Customer], way: Way, sandbox: RunningSandbox
) -> None:
    stop_sending(scope="marketing", reason="wrong price", actor="olga", now=LATER)
    assert (send_due(way=way, now=LATER), arrived(sandbox)) == (0, [])
    resume_sending(scope="marketing", actor="olga", now=LATER)
    assert (send_due(way=way, now=LATER), len(arrived(sandbox))) == (2, 2)


def test_nobody_is_chosen_while_everything_stands_still(app: App) -> None:
    make_unopened(app, 2)
    make_boost(app)
    stop_sending(scope="marketing", reason="wrong price", actor="olga", now=LATER)
    assert (choose_due(LATER), SmsMessage.objects.count()) == (0, 0)
