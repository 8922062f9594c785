"""A campaign from an empty draft to its last SMS: every gateway's protocol, receipts, report, CSV and ledger.

The beat's ticks are called one after the other in this process; everything else is as in production.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.queries import campaign_report
from apps.campaigns.services import lifecycle
from apps.campaigns.services.drafts import DraftChanges, create_draft, save_draft
from apps.campaigns.services.launch import launch_due
from apps.campaigns.services.simulate import simulate_campaign
from apps.customers.models import Customer
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.fold import fold_counts
from apps.deliveries.services.gateway_of import gateway_of
from apps.deliveries.services.lifecycle import finish_dispatches
from apps.deliveries.services.release import release_due
from apps.deliveries.services.wire import Wire
from apps.deliveries.services.work import work
from apps.devices.models import Channel, Device
from apps.segments.models import Segment
from apps.sms_booster.models import SmsMessage
from apps.sms_booster.services.choose import choose_due
from apps.sms_booster.services.rules import RuleDraft, save_rule
from apps.sms_booster.services.send import Way, send_due
from tests.factories import make_app, make_user
from tests.factories.api import ApiCaller, make_key
from tests.fixtures_sandbox import RunningSandbox

pytestmark = pytest.mark.django_db(transaction=True)
LONDON = {"match": "all", "rules": [{"field": "trait.city", "op": "is", "value": "London"}]}
TEXTS = {
    "en": {
        "title": 'Hi {{ first_name | default: "you" }}',
        "body": "Sale in {{ city }}",
        "link": "https://shop.test/sale",
    },
    "pl": {"title": "Cześć {{ first_name }}", "body": "Wyprzedaż"},
}


@pytest.fixture
def app() -> App:
    return make_app(slug="shop")


@pytest.fixture
def api(app: App) -> ApiCaller:
    return ApiCaller(make_key(app))


@pytest.fixture
def channels(app: App, sandbox: RunningSandbox, settings: Settings) -> None:
    """The app's accounts at the sandbox, which this installation takes for the vendors."""
    settings.GATEWAY_ENDPOINTS = sandbox.endpoints
    account = sandbox.credentials.app("shop")
    for gateway, credentials in {
        "fcm": {"service_account": dict(account.fcm.service_account)},
        "apns": _fields(account.apns),
        "webpush": _fields(account.vapid),
        "sms": _fields(account.sms),
    }.items():
        Channel.objects.create(app=app, gateway=gateway, credentials=credentials)


@pytest.fixture
def people(api: ApiCaller, channels: None, sandbox: RunningSandbox) -> None:
    """Thirty Londoners and one from elsewhere; every tenth Android is dead, one person opted out, one has no device."""
    persons = [
        {
            "external_id": f"p-{number}",
            "first_name": f"Ada{number}",
            "language": "pl" if number % 3 == 0 else "en",
            "phone": f"+485002{number:05}",
            "consent": {"sms": number % 2 == 0} | ({"push": False} if number == 7 else {}),
            "traits": {"city": "Paris" if number == 30 else "London"},
        }
        for number in range(31)
    ]
    assert api.post("/v2.1/customers", {"customers": persons}).status_code in (200, 201)
    for number in range(29):
        device = _device(number, sandbox)
        answer = api.post("/v2.1/devices", {"app": "shop", "customer": f"p-{number}", **device})
        assert answer.status_code == 201, answer.json()


@pytest.fixture
def wire(sandbox: RunningSandbox) -> Iterator[Wire]:
    wire = Wire(
        lambda channel, is_test: gateway_of(channel, is_test=is_test, endpoints=sandbox.endpoints, is_production=False)
    )
    yield wire
    wire.close()


@pytest.fixture
def scheduled(app: App, people: None) -> Campaign:
    """Composed as a marketer does, step by step."""
    mary = make_user(app)
    segment = Segment.objects.create(app=app, name="London", kind="dynamic", rule=LONDON)
    campaign = create_draft(app=app, name="Sale", author=mary)
    changes = DraftChanges(fields={"respects_quiet_hours": False}, include_ids=[segment.pk], texts=TEXTS)
    now = timezone.now()
    version = save_draft(campaign=campaign, version=1, changes=changes, now=now)
    draft = RuleDraft(is_enabled=True, wait_minutes=15, text="{{ first_name }}, last day! STOP to end")
    version = save_rule(campaign=campaign, version=version, draft=draft, now=now)
    return lifecycle.schedule(campaign=campaign, version=version, actor=mary, now=now)


def send_all(wire: Wire) -> None:
    """What beat and the bulk worker do until the dispatch is done."""
    assert launch_due(timezone.now()) == 1
    for _tick in range(20):
        release_due(now=timezone.now())
        work(lane="bulk", wire=wire, slot_seconds=5, clock=timezone.now, chance=Random(7))
        fold_counts()
        finish_dispatches(now=timezone.now())
        if lifecycle.finish_done(timezone.now()):
            return
    pytest.fail("the campaign did not end")


def boost(sandbox: RunningSandbox, at: datetime) -> int:
    choose_due(at)
    return send_due(way=Way(sandbox.endpoints, sandbox.url), now=at)


def arrived(sandbox: RunningSandbox) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for message in sandbox.inbox()["messages"]:
        found.setdefault(message["gateway"], []).append(message)
    return found


def test_a_campaign_runs_from_draft_to_its_last_sms(
    scheduled: Campaign, wire: Wire, api: ApiCaller, sandbox: RunningSandbox
) -> None:
    foreseen = simulate_campaign(scheduled, timezone.now())
    send_all(wire)
    campaign = Campaign.objects.select_related("dispatch").get(pk=scheduled.pk)
    report = campaign_report(campaign).as_json()
    phones = arrived(sandbox)

    assert (campaign.state, report["state"]) == ("finished", "done")
    assert report["planned"] == {"people": 30, "devices": 30}
    assert report["excluded"] == {reason: devices for reason, (_p, devices) in foreseen.excluded.items()}
    assert report["excluded"] == {"no_consent": 1, "no_live_device": 1}
    assert report["outcomes"]["accepted"] == sum(map(len, phones.values())) == 28 - report["outcomes"]["token_dead"]
    assert set(phones) == {"fcm", "apns", "webpush"}
    assert check_ledger(None) == []

    titles = Counter(message["title"].split()[0] for messages in phones.values() for message in messages)
    assert titles.keys() == {"Hi", "Cześć"}
    assert Device.objects.filter(state="dead").count() == report["outcomes"]["token_dead"] == 1

    opener = phones["fcm"][0]
    receipts = {"receipts": [{"delivery_id": opener["notification_id"], "type": "opened"}]}
    assert api.post("/v2.1/receipts", receipts).status_code == 202
    due = campaign.dispatch.finished_at + timedelta(minutes=15)  # type: ignore[union-attr, operator]
    assert boost(sandbox, due - timedelta(seconds=1)) == 0
    sent = boost(sandbox, due)
    assert boost(sandbox, due + timedelta(hours=1)) == 0

    texted = {message["token"] for message in arrived(sandbox)["sms"]}
    assert sent == len(texted) == len(arrived(sandbox)["sms"]) == SmsMessage.objects.filter(state="accepted").count()
    assert texted == set(_should_be_texted(opener["token"]))

    rows = _csv(api, campaign)
    assert len(rows) == 30
    assert sum(row["outcome"] == "accepted" for row in rows) == report["outcomes"]["accepted"]
    assert sum(row["opened_at"] != "" for row in rows) == 1
    assert {row["customer_external_id"] for row in rows if row["sms_state"] == "accepted"} == {
        customer.external_id for customer in Customer.objects.all() if customer.phone in texted
    }


def test_a_cancelled_campaign_is_followed_by_nothing(scheduled: Campaign, wire: Wire, sandbox: RunningSandbox) -> None:
    launch_due(timezone.now())
    lifecycle.cancel(campaign=scheduled, actor="mary", now=timezone.now())
    work(lane="bulk", wire=wire, slot_seconds=5, clock=timezone.now, chance=Random(7))
    finish_dispatches(now=timezone.now())
    assert boost(sandbox, timezone.now() + timedelta(days=1)) == 0
    assert arrived(sandbox) == {}
    assert check_ledger(None) == []


def _fields(credentials: Any) -> dict[str, Any]:
    return {name: getattr(credentials, name) for name in credentials.__slots__}


def _device(number: int, sandbox: RunningSandbox) -> dict[str, Any]:
    if number % 3 == 0:
        address = f"{'dead' if number == 0 else 'ok'}-phone-{number}"
        return {"platform": "android", "provider": "fcm", "address": address}
    if number % 3 == 1:
        return {"platform": "ios", "provider": "apns", "address": f"{number + 1000:064x}", "environment": "production"}
    _status, browser = sandbox.call("POST", "/_subscriptions", {})
    return {
        "platform": "web",
        "provider": "webpush",
        "subscription": {"endpoint": browser["endpoint_tls"], "keys": browser["keys"]},
    }


def _should_be_texted(opened_token: str) -> list[str]:
    """Those with SMS consent whose push was accepted and not opened."""
    reached = Device.objects.exclude(state="dead").exclude(address=opened_token).exclude(customer__push_consent=False)
    return [device.customer.phone for device in reached.filter(customer__sms_consent=True).select_related("customer")]


def _csv(api: ApiCaller, campaign: Campaign) -> list[dict[str, str]]:
    answer = api.get(f"/v2.1/dispatches/{campaign.dispatch_id}/deliveries.csv")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
