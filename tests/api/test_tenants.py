"""Two apps, one installation: with a key of the one, nothing of the other can be seen, changed or told from nothing."""

import json
import re

import pytest

from apps.api.scopes import PUBLISHABLE
from apps.api.urls import urlpatterns
from apps.campaigns.models import SegmentTrigger
from tests.factories import NOW, make_app, make_campaign, make_customer, make_device, make_segment
from tests.factories.api import ApiCaller, make_key
from tests.factories.automations import make_active
from tests.factories.webhooks import make_endpoint

pytestmark = pytest.mark.django_db
MARK = "only-of-the-other-app"


def calls():
    """Every (path pattern, method) that the API declares."""
    return [
        (str(pattern.pattern), method)
        for pattern in urlpatterns
        for method in getattr(getattr(pattern.callback, "view_class", None), "calls", {})
    ]


@pytest.fixture
def foreign(db):
    """One of each in another app: {name in a path: value}."""
    other = make_app(name=MARK)
    customer = make_customer(other, external_id=MARK, first_name=MARK)
    device = make_device(customer, model=MARK)
    sent = ApiCaller(make_key(other)).post(
        "/v2.1/push", {"device_tokens": [device.address], "title": "t", "body": "b", "external_id": MARK}
    )
    campaign = make_campaign(other, name=MARK)
    trigger = SegmentTrigger.objects.create(
        campaign=campaign, segment_id=1, occurrence=MARK, is_test=False, requested_at=NOW
    )
    return {
        "external_id": MARK,
        "device_id": device.pk,
        "segment_id": make_segment(other, [customer], name=MARK).pk,
        "campaign_id": campaign.pk,
        "trigger_id": trigger.pk,
        "automation_id": make_active(other, name=MARK).pk,
        "webhook_id": make_endpoint(other, f"http://127.0.0.1:9/{MARK}").pk,
        "dispatch_id": sent.json()["meta"]["uniqId"],
        "push_id": sent.json()["meta"]["uniqId"],
    }


def test_the_calls_are_found():
    assert len(calls()) > 20


@pytest.mark.parametrize(("pattern", "method"), calls())
def test_another_apps_things_are_not_there(api, foreign, pattern, method):
    path = "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(foreign[found[1]]), pattern)
    is_named = (pattern, method) in {("v2.1/customers", "GET"), ("v2.1/customers", "DELETE")}
    path += f"?external_id={MARK}" if is_named else ""
    answer = api.send(method, path, {} if method in ("POST", "PATCH") else None)
    assert MARK not in answer.content.decode().replace(path, "")
    if "<" in pattern or is_named:
        assert answer.status_code == 404, "a foreign thing must look like none"
    elif method == "GET":
        assert answer.json()["data"] == []


@pytest.mark.parametrize(("pattern", "method"), calls())
def test_a_key_without_scopes_for_it_gets_nowhere(app, foreign, pattern, method):
    path = "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(foreign[found[1]]), pattern)
    wanted = next(one for one in urlpatterns if str(one.pattern) == pattern).callback.view_class.calls[method].scope
    other_scope = "erase" if wanted != "erase" else "push:send"
    answer = ApiCaller(make_key(app, other_scope)).send(method, path, {})
    assert answer.status_code == 403
    assert wanted in json.dumps(answer.json())


@pytest.mark.parametrize(("pattern", "method"), calls())
def test_a_publishable_key_reaches_devices_events_and_receipts_only(app, foreign, pattern, method):
    path = "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(foreign[found[1]]), pattern)
    answer = ApiCaller(make_key(app, kind="pub")).send(method, path, {})
    is_public = path.split("/")[2] in ("devices", "events", "receipts")
    assert (answer.status_code == 403) == (not is_public)


def test_the_scopes_of_a_publishable_key_open_nothing_else():
    opened = {
        pattern.pattern._route.split("/")[1]
        for pattern in urlpatterns
        for call in getattr(getattr(pattern.callback, "view_class", None), "calls", {}).values()
        if call.scope in PUBLISHABLE
    }
    assert opened == {"devices", "events", "receipts"}
