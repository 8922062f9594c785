"""`fallback_sms`: an SMS after a push, to whoever has not answered, at most once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.deliveries.models import Dispatch, Receipt
from apps.deliveries.services.stop import resume_sending, stop_sending
from apps.devices.models import Channel
from apps.sms_booster.models import Fallback, SmsMessage
from apps.sms_booster.services.fall_back import choose_fallbacks, purge_fallbacks
from apps.sms_booster.services.send import Way, send_due
from tests.factories import make_device, make_dispatch, make_user
from tests.factories.api import ApiCaller, codes_of, make_key
from tests.factories.boosters import make_reachable
from tests.fixtures_sandbox import RunningSandbox

pytestmark = pytest.mark.django_db
PUSH = "/v2.1/push"
SMS = {"text": "Code {{ code }} for {{ first_name }}", "after_seconds": 60}


@pytest.fixture
def way(app: App, sandbox: RunningSandbox) -> Way:
    account = sandbox.credentials.app("shop").sms
    credentials = {"account_sid": account.account_sid, "auth_token": account.auth_token, "sender": account.sender}
    Channel.objects.create(app=app, gateway="sms", credentials=credentials)
    return Way(sandbox.endpoints, public_url=f"http://127.0.0.1:{sandbox.port}")


@pytest.fixture
def anna(app: App) -> Customer:
    customer = make_reachable(app, external_id="anna", first_name="Anna")
    make_device(customer)
    return customer


def push(api: ApiCaller, *names: str, **fields: Any) -> str:
    """The push's id."""
    body = {"customers": names or ["anna"], "title": "t", "body": "b", "traits": {"code": "7"}, "fallback_sms": SMS}
    answer = api.post(PUSH, {**body, **fields})
    assert answer.status_code == 202, answer.content
    return str(answer.json()["meta"]["uniqId"])


def pass_time(way: Way, seconds: int = 61) -> list[tuple[str, str]]:
    """What beat does after so long; the states of the SMS."""
    now = timezone.now() + timedelta(seconds=seconds)
    choose_fallbacks(now=now)
    send_due(way=way, now=now, after_pushes=True)
    return list(SmsMessage.objects.order_by("pk").values_list("state", "code"))


def arrived(sandbox: RunningSandbox) -> list[tuple[str, str]]:
    return [(one["token"], one["body"]) for one in sandbox.inbox()["messages"] if one["gateway"] == "sms"]


def answer(push_id: str, customer: Customer) -> None:
    dispatch, device = Dispatch.objects.get(pk=push_id), customer.devices.get()
    at = {"at": timezone.now(), "received_at": timezone.now(), "action": ""}
    Receipt.objects.create(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, device_id=device.pk, type=1, **at)


def explained(api: ApiCaller, push_id: str, *names: str) -> list[str]:
    """The states that explain tells of these people's SMS."""
    answers = [api.get(f"/v2.1/customers/{name}/explain?dispatch={push_id}") for name in names]
    return [one.json()["sms"]["state"] for one in answers]


def test_what_became_of_each_sms_is_told_at_every_moment(api, app, anna, way, client) -> None:
    ben = make_reachable(app, external_id="ben")
    for person in (ben, make_reachable(app, external_id="no", sms_consent=False)):
        make_device(person)
    push_id = push(api, "anna", "ben", "no")
    page = reverse("admin:delivery_story", args=[api.get(f"{PUSH}/{push_id}").json()["deliveries"][0]["delivery_id"]])
    client.force_login(make_user(app, role="marketer"))
    assert "It waits until" in client.get(page).content.decode()
    answer(push_id, ben)
    assert explained(api, push_id, "anna", "ben", "no") == ["waiting", "not_needed", "waiting"]
    pass_time(way)
    assert explained(api, push_id, "anna", "ben", "no") == ["accepted", "not_needed", "spared"]
    told = api.get(f"{PUSH}/{push_id}").json()["fallback_sms"]
    assert told["reason"] == "It was for 3 people, of whom 2 had not answered in time."
    assert [one["reason"] for one in told["messages"]] == [
        "Sent: the SMS provider took it, and has not reported yet whether it arrived.",
        "Not sent: they have not agreed to SMS.",
    ]
    assert "Sent: the SMS provider took it" in client.get(page).content.decode()
    assert api.get(f"/v2.1/customers/anna/explain?dispatch={make_dispatch(app).pk}").json()["sms"] is None


def test_who_does_not_answer_gets_one_sms(api, anna, way, sandbox) -> None:
    push_id = push(api)
    assert pass_time(way, 59) == []
    assert pass_time(way) == pass_time(way) == [("accepted", "")]
    assert arrived(sandbox) == [(anna.phone, "Code 7 for Anna")]
    said = api.get(f"{PUSH}/{push_id}").json()["fallback_sms"]
    assert (said["state"], [(one["customer"], one["status"]) for one in said["messages"]]) == (
        "chosen", [("anna", "accepted")],
    )  # fmt: skip


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_what_could_not_go_in_time_does_not_go_days_later(api, anna, way, is_forgotten: bool) -> None:
    """Sending was stopped, or beat away; after a week not even its text is left."""
    push(api)
    if is_forgotten:
        Fallback.objects.update(text=None)
    assert pass_time(way, 61 + 3_605) == [("spared", "too_late")]


def test_quiet_hours_do_not_hold_it(api, app, anna, way) -> None:
    App.objects.update(quiet_from="00:00", quiet_until="23:59", time_zone="UTC")
    push(api)
    assert pass_time(way) == [("accepted", "")]


def test_who_answers_in_time_gets_none(api, anna, way, sandbox) -> None:
    answer(push(api), anna)
    assert pass_time(way) == []


def test_who_answers_while_the_sms_waits_is_spared(api, anna, way) -> None:
    push_id = push(api)
    choose_fallbacks(now=timezone.now() + timedelta(seconds=61))
    answer(push_id, anna)
    assert pass_time(way) == [("spared", "answered")]


def test_who_cannot_be_reached_by_push_gets_it_too(api, app, way, sandbox) -> None:
    bare = make_reachable(app, external_id="bare")
    dead = make_device(make_reachable(app), state="dead")
    push(api, "bare", fallback_sms={"text": "x"})
    push(api, customers=None, device_tokens=[dead.address], fallback_sms={"text": "x"})
    assert pass_time(way, 121) == [("accepted", "")] * 2
    assert {phone for phone, _text in arrived(sandbox)} == {bare.phone, dead.customer.phone}


@pytest.mark.parametrize(
    ("profile", "code"),
    [({"sms_consent": None}, "no_consent"), ({"sms_consent": False}, "no_consent"), ({"phone": ""}, "no_phone")],
)
def test_without_a_yes_and_a_phone_there_is_none(api, app, anna, way, sandbox, profile, code) -> None:
    Customer.objects.update(**profile)
    push(api)
    assert pass_time(way) == [("spared", code)]
    assert arrived(sandbox) == []


@pytest.mark.parametrize(
    ("damaged", "text", "state"),
    [
        ("phone", "Hi", ("failed", "broken_contact")),
        ("email", "Hi", ("accepted", "")),
        ("email", "Hi {{ email }}", ("failed", "broken_contact")),
    ],
)
def test_a_damaged_contact_costs_its_own_sms_alone(api, app, anna, way, sandbox, damaged, text, state) -> None:
    make_device(make_reachable(app, external_id="ben", email="ben@example.com"))
    anna.email = "anna@example.com"
    anna.save()
    with connection.cursor() as cursor:
        where = f"update customers_customer set {damaged} = left({damaged}, -4) || '0000' where id = %s"
        cursor.execute(where, [anna.pk])
    push(api, "anna", "ben", fallback_sms={**SMS, "text": text})
    assert pass_time(way) == [state, ("accepted", "")]


def test_an_app_sends_no_more_than_its_budget_of_a_day(api, app, anna, way, sandbox) -> None:
    App.objects.update(fallback_sms_per_day=2)
    for name in ("ben", "cleo"):
        make_device(make_reachable(app, external_id=name))
    push_id = push(api, "anna", "ben", "cleo")
    assert pass_time(way) == [("accepted", ""), ("accepted", ""), ("over_budget", "per_day")]
    push(api, "cleo")
    assert pass_time(way)[3:] == [("over_budget", "per_day")]
    told = api.get(f"{PUSH}/{push_id}").json()["fallback_sms"]["messages"]
    assert [one["status"] for one in told] == ["accepted", "accepted", "over_budget"]
    assert len(arrived(sandbox)) == 2
    SmsMessage.objects.update(planned_at=timezone.now() - timedelta(hours=24))
    push(api, "cleo")
    assert pass_time(way)[4:] == [("accepted", "")]


def test_what_was_not_sent_does_not_count_against_the_budget(api, app, anna, way) -> None:
    App.objects.update(fallback_sms_per_day=1)
    make_device(make_reachable(app, external_id="no", sms_consent=False))
    push(api, "no", "anna")
    assert sorted(pass_time(way)) == [("accepted", ""), ("spared", "no_consent")]


def test_without_a_limit_there_is_none(api, app, anna, way) -> None:
    App.objects.update(fallback_sms_per_day=None)
    push(api)
    assert pass_time(way) == [("accepted", "")]


def test_a_test_key_sends_none(app, anna, way, sandbox) -> None:
    push(ApiCaller(make_key(app, kind="test")))
    assert pass_time(way) == [("spared", "test_key")]


def test_two_with_one_phone_get_one(api, app, anna, way, sandbox) -> None:
    make_device(make_reachable(app, external_id="ben", phone=anna.phone))
    push(api, "anna", "ben")
    assert sorted(pass_time(way)) == [("accepted", ""), ("spared", "same_phone")]


def test_a_cancelled_push_is_followed_by_none(api, anna, way) -> None:
    push_id = push(api)
    assert api.delete(f"{PUSH}/{push_id}").status_code == 200
    assert (pass_time(way), Fallback.objects.get().state) == ([], "cancelled")


def test_cancelling_spares_an_sms_that_waits(api, anna, way) -> None:
    push_id = push(api)
    choose_fallbacks(now=timezone.now() + timedelta(seconds=61))
    Dispatch.objects.update(state="done", finished_at=timezone.now())
    assert api.delete(f"{PUSH}/{push_id}").status_code == 200
    assert pass_time(way) == [("spared", "cancelled")]


def test_the_emergency_stop_holds_it(api, anna, way) -> None:
    push(api)
    stop_sending(scope="transactional", reason="r", actor="a", now=timezone.now())
    assert pass_time(way) == []
    resume_sending(scope="transactional", actor="a", now=timezone.now())
    assert pass_time(way) == [("accepted", "")]


def test_after_an_alert_it_waits_until_it_was_repeated_for_the_last_time(api, anna, way) -> None:
    push(api, critical={"resend_after_seconds": 60, "times": 2})
    assert Fallback.objects.get().due_at - Dispatch.objects.get().created_at == timedelta(seconds=180)


def test_its_text_is_never_stored_in_clear_and_forgotten_with_the_pushs(api, anna, way) -> None:
    push(api)
    pass_time(way)
    assert SmsMessage.objects.get().sealed == "Code 7 for Anna"
    with connection.cursor() as cursor:
        cursor.execute("select sealed || body from sms_booster_smsmessage")
        assert "Code" not in cursor.fetchone()[0]
    assert purge_fallbacks(now=timezone.now() + timedelta(days=9)) == 1
    assert (SmsMessage.objects.get().sealed, Fallback.objects.get().text) == (None, None)


@pytest.mark.parametrize(
    ("sms", "status", "code", "source"),
    [
        ({}, 400, "required", "/fallback_sms/text"),
        ("text", 400, "type", "/fallback_sms"),
        ({"text": ""}, 400, "required", "/fallback_sms/text"),
        ({"text": " "}, 400, "required", "/fallback_sms/text"),
        ({"text": "{{ x"}, 400, "template_syntax", "/fallback_sms/text"),
        ({"text": "x" * 1001}, 400, "too_long", "/fallback_sms/text"),
        ({"text": "ą" * 700}, 400, "too_many_parts", "/fallback_sms/text"),
        ({"text": "{{ nickname }}"}, 422, "missing_variables", "/traits/nickname"),
        ({"text": "x", "after_seconds": 29}, 400, "range", "/fallback_sms/after_seconds"),
        ({"text": "x", "to": "+48"}, 400, "unknown_field", "/fallback_sms/to"),
    ],
)
def test_what_is_wrong_with_it_is_named(api, anna, way, sms, status, code, source) -> None:
    answer = api.post(PUSH, {"customers": ["anna"], "title": "t", "body": "b", "fallback_sms": sms})
    assert (answer.status_code, codes_of(answer)) == (status, {code})
    assert [error["meta"]["source"] for error in answer.json()["errors"]] == [source]


def test_without_an_sms_provider_it_is_refused(api, anna) -> None:
    answer = api.post(PUSH, {"customers": ["anna"], "title": "t", "body": "b", "fallback_sms": {"text": "x"}})
    assert (answer.status_code, codes_of(answer)) == (409, {"channel_missing"})
