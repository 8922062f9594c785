"""Webhook endpoints by API: addresses that may be called, the secret once, switching, replay, the test button."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from standardwebhooks import Webhook

from apps.accounts.models import App, AuditEntry
from apps.api.webhooks.models import WebhookEndpoint, WebhookMessage
from apps.api.webhooks.services.endpoints import MOST_ENDPOINTS, url_problems
from tests.api.receiver import Receiver, receiving
from tests.factories import make_people
from tests.factories.api import ApiCaller, codes_of
from tests.factories.webhooks import deliver, make_endpoint, make_outcomes

HOOKS = "/v2.1/webhooks"
TYPES = ["delivery.accepted", "receipt.opened"]


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def on_this_machine(settings) -> None:
    settings.WEBHOOKS_ALLOW_LOOPBACK = True


@pytest.mark.django_db
def test_an_endpoint_is_made_and_its_secret_told_once(
    api: ApiCaller, on_this_machine: None, receiver: Receiver
) -> None:
    made = api.post(HOOKS, {"url": receiver.url, "types": TYPES, "description": "orders"})
    assert made.status_code == 201
    told = made.json()
    secret = told.pop("secret")
    assert secret.startswith("whsec_")
    shown = api.get(f"{HOOKS}/{told['id']}").json()
    assert shown == told
    assert (shown["state"], shown["types"], shown["description"]) == ("active", TYPES, "orders")
    assert api.get(HOOKS).json()["data"] == [shown]
    with connection.cursor() as cursor:
        cursor.execute("select secrets from api_webhookendpoint")
        assert secret[6:20] not in cursor.fetchone()[0], "stored encrypted"
    assert AuditEntry.objects.get(action="webhookendpoint.added").actor.startswith("key:hg_live_")


ADDRESSES = {
    "https_required": ["http://example.com/", "ftp://example.com/", "//example.com"],
    "url_invalid": ["javascript:alert(1)", "shop", "https://exa mple.com/"],
    "url_userinfo": ["https://user:pw@example.com/"],
    "url_port": ["https://example.com:22/"],
    "url_fragment": ["https://example.com/#part"],
    "url_ip_address": ["https://8.8.8.8/", "https://[2606:4700::1111]/"],
    "too_long": [f"https://example.com/{'x' * 2000}"],
    "resolves_to_private_address": [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/latest",
        "https://0/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
    ],
    "url_unresolved": ["https://no-such-name.invalid/"],
    "required": [""],
}


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "url"), [(code, url) for code, urls in ADDRESSES.items() for url in urls])
def test_110_an_address_that_may_not_be_called_is_refused_with_its_reason(api: ApiCaller, code: str, url: str) -> None:
    answer = api.post(HOOKS, {"url": url, "types": TYPES})
    assert (answer.status_code, codes_of(answer)) == (400, {code})
    assert not WebhookEndpoint.objects.exists()


def test_111_where_a_private_name_leads_is_not_told() -> None:
    (problem,) = url_problems(
        "https://intranet.example/", allows_loopback=False, resolve=lambda host, port: ["8.8.8.8", "10.20.30.40"]
    )
    assert problem.code == "resolves_to_private_address"
    assert "10.20" not in problem.message + problem.came


@pytest.mark.django_db
def test_112_an_app_has_fifty_at_most(api: ApiCaller, app: App, on_this_machine: None, receiver: Receiver) -> None:
    first = make_endpoint(app, receiver.url)
    rows = [WebhookEndpoint(app=app, url="x", types=TYPES, secrets=[], feed_xid=1, read_at=first.read_at,
                            created_at=first.created_at) for _ in range(MOST_ENDPOINTS - 1)]  # fmt: skip
    WebhookEndpoint.objects.bulk_create(rows)
    answer = api.post(HOOKS, {"url": receiver.url, "types": TYPES})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_endpoints")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("types", "code"), [(["delivery.acepted"], "choice"), ([], "required"), ("all", "type"), ([1], "type")]
)
def test_113_unknown_types_are_named_with_what_there_is(
    api: ApiCaller, on_this_machine: None, types: object, code: str
) -> None:
    answer = api.post(HOOKS, {"url": "http://127.0.0.1:9/", "types": types})
    assert codes_of(answer) == {code}
    if code == "choice":
        assert "Did you mean delivery.accepted?" in answer.json()["errors"][0]["message"]


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_is_changed_switched_and_removed(
    api: ApiCaller, app: App, on_this_machine: None, receiver: Receiver
) -> None:
    path = f"{HOOKS}/{make_endpoint(app, receiver.url).pk}"
    assert api.patch(path, {"types": ["receipt.opened"]}).json()["types"] == ["receipt.opened"]
    assert api.patch(path, {"state": "disabled"}).json()["disabled_reason"] == "by_hand"
    make_outcomes(app, make_people(app, 1))
    assert deliver() == 0
    again = api.patch(path, {"state": "disabled"})
    assert (again.status_code, again.json()["state"]) == (200, "disabled")
    assert AuditEntry.objects.filter(action="webhookendpoint.disabled").count() == 1, "nothing happened twice"
    api.patch(path, {"types": TYPES, "state": "active"})
    deliver()
    assert len(receiver.events) == 1, "what happened meanwhile is told"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {
        f"webhookendpoint.{verb}" for verb in ("changed", "disabled", "enabled", "deleted")
    }


@pytest.mark.django_db(transaction=True)
def test_a_rotated_secret_is_told_once_and_both_sign(
    api: ApiCaller, app: App, on_this_machine: None, receiver: Receiver
) -> None:
    made = api.post(HOOKS, {"url": receiver.url, "types": TYPES}).json()
    path = f"{HOOKS}/{made['id']}"
    new = api.patch(path, {"rotate_secret": True}).json()["secret"]
    assert new != made["secret"]
    assert "secret" not in api.patch(path, {"description": "x"}).json()
    assert api.post(f"{path}/test").json()["result"] == "delivered"
    for secret in (made["secret"], new):
        assert Webhook(secret).verify(receiver.calls[0].body, dict(receiver.calls[0].headers))["type"] == "webhook.test"


@pytest.mark.django_db(transaction=True)
def test_the_test_button_says_what_came_of_it(
    api: ApiCaller, app: App, on_this_machine: None, receiver: Receiver
) -> None:
    path = f"{HOOKS}/{make_endpoint(app, receiver.url).pk}/test"
    receiver.status, receiver.body = 401, b"who are you?"
    told = api.post(path).json()
    assert (told["result"], told["status"], told["detail"]) == ("refused", 401, "who are you?")
    WebhookEndpoint.objects.update(url="http://127.0.0.1:9/")
    told = api.post(path).json()
    assert (told["result"], told["status"]) == ("no_answer", None)


@pytest.mark.django_db(transaction=True)
def test_an_address_that_became_private_is_not_called(api: ApiCaller, app: App, receiver: Receiver, settings) -> None:
    """It was allowed when it was saved; it is judged anew at every try."""
    path = f"{HOOKS}/{make_endpoint(app, receiver.url).pk}/test"
    settings.WEBHOOKS_ALLOW_LOOPBACK = False
    assert api.post(path).json()["result"] == "not_called"
    assert receiver.calls == []


@pytest.mark.django_db(transaction=True)
def test_a_stretch_of_time_is_replayed(api: ApiCaller, app: App, on_this_machine: None, receiver: Receiver) -> None:
    now = datetime.now(UTC)
    endpoint = make_endpoint(app, receiver.url)
    people = make_people(app, 3)
    for days in (9, 5, 4, 1):
        make_outcomes(app, people, now=now - timedelta(days=days))
    deliver(now)
    told_before = {event["delivery_id"]: event["at"] for event in receiver.events}
    receiver.calls.clear()
    span = {"since": (now - timedelta(days=6)).isoformat(), "until": (now - timedelta(days=3)).isoformat()}
    answer = api.post(f"{HOOKS}/{endpoint.pk}/replay", span)
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    assert api.post(f"{HOOKS}/{endpoint.pk}/replay", span).json()["code"] == "replay_running"
    deliver(now)
    assert len(receiver.events) == 6
    assert {told_before[event["delivery_id"]] for event in receiver.events} == {
        at for at in told_before.values() if span["since"][:10] <= at[:10] <= span["until"][:10]
    }
    assert min(event["sequence"] for event in receiver.events) == 13
    assert endpoint.replays.get().state == "done"
    assert not WebhookMessage.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "span",
    [
        {"since": "2020-01-01T00:00:00Z"},
        {"since": "2999-01-01T00:00:00Z"},
        {"since": "2026-05-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"},
    ],
)
def test_a_span_that_cannot_be_replayed_is_refused(
    api: ApiCaller, app: App, receiver: Receiver, span: dict[str, str]
) -> None:
    endpoint = make_endpoint(app, receiver.url)
    answer = api.post(f"{HOOKS}/{endpoint.pk}/replay", span)
    assert (answer.status_code, codes_of(answer)) == (400, {"range"})
