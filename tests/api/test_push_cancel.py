"""`DELETE /v2.1/push/{id}`, and critical alerts as the API takes and shows them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEntry
from apps.api.webhooks.services.bodies import EventKey, events_of
from apps.deliveries.models import CriticalAlert, Delivery, Dispatch
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Device
from tests.factories import make_app, make_customer, make_device
from tests.factories.api import codes_of
from tests.factories.boosters import deliver

pytestmark = pytest.mark.django_db
PUSH = "/v2.1/push"


@pytest.fixture
def body(app):
    device = make_device(make_customer(app, external_id="c1"))
    return {"device_tokens": [device.address], "title": "t", "body": "b"}


def test_a_push_for_later_is_cancelled_and_cancelling_again_is_fine(api, body):
    later = (timezone.now() + timedelta(days=1)).isoformat()
    push_id = api.post(PUSH, {**body, "send_at": later}).json()["meta"]["uniqId"]
    for _ in range(2):
        answer = api.delete(f"{PUSH}/{push_id}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert [one["status"] for one in answer.json()["deliveries"]] == ["cancelled"]
    assert Delivery.objects.get().outcome == OUTCOMES["cancelled"]
    assert AuditEntry.objects.get(action="push.cancelled").subject == f"push:{push_id}"


def test_what_is_over_cannot_be_cancelled(api, body):
    push_id = api.post(PUSH, {**body, "device_tokens": ["nobodys"]}).json()["meta"]["uniqId"]
    answer = api.delete(f"{PUSH}/{push_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_foreign_push_is_404(api, body):
    push_id = api.post(PUSH, body).json()["meta"]["uniqId"]
    Dispatch.objects.update(app=make_app())
    assert api.delete(f"{PUSH}/{push_id}").status_code == 404


def test_a_critical_push_keeps_how_it_insists(api, body):
    api.post(PUSH, {**body, "critical": {"resend_after_seconds": 30, "times": 5}})
    alert = CriticalAlert.objects.get()
    assert (alert.resend_after_seconds, alert.times, alert.state) == (30, 5, "waiting")
    assert alert.next_at == alert.dispatch.created_at + timedelta(seconds=30)


def test_critical_has_defaults(api, body):
    api.post(PUSH, {**body, "critical": {}})
    assert (CriticalAlert.objects.get().resend_after_seconds, CriticalAlert.objects.get().times) == (60, 3)


def test_cancelling_ends_an_alert_whose_push_is_done(api, body):
    push_id = api.post(PUSH, {**body, "critical": {}}).json()["meta"]["uniqId"]
    Dispatch.objects.update(state="done", finished_at=timezone.now())
    assert api.delete(f"{PUSH}/{push_id}").status_code == 200
    assert CriticalAlert.objects.get().state == "stopped"


@pytest.mark.parametrize(
    ("critical", "code"),
    [
        (True, "type"),
        ({"times": 0}, "range"),
        ({"times": 11}, "range"),
        ({"resend_after_seconds": 9}, "range"),
        ({"resend_after_seconds": "60"}, "type"),
        ({"every": 60}, "unknown_field"),
    ],
)
def test_how_it_insists_is_judged(api, body, critical, code):
    answer = api.post(PUSH, {**body, "critical": critical})
    assert (answer.status_code, codes_of(answer)) == (400, {code})


def test_the_copies_of_an_alert_are_told_nowhere_as_pushes_of_their_own(api, app, body):
    push_id = api.post(PUSH, body).json()["meta"]["uniqId"]
    push, device = Dispatch.objects.get(pk=push_id), Device.objects.get()
    deliver(push, device)
    key = EventKey(push.planned_on, push.pk, device.customer_id, device.pk, 0)
    assert events_of([key]) != [None]
    assert api.get(PUSH).json()["data"] != []
    Dispatch.objects.update(origin="copy:1")
    assert events_of([key]) == [None]
    assert api.get(PUSH).json()["data"] == api.get(f"{PUSH}?customer=c1").json()["data"] == []
    assert api.get(f"{PUSH}/{push_id}").status_code == 404
