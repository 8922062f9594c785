"""`POST /v2.1/events`."""

import pytest

from apps.customers.models import Customer, Event
from tests.factories import make_customer
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
EVENTS = "/v2.1/events"
BOUGHT = {"customer": "c1", "name": "bought", "properties": {"amount": 9.5}}


def test_events_are_stored_and_people_created(api, app):
    answer = api.post(EVENTS, {"events": [BOUGHT, {**BOUGHT, "name": "seen"}]})
    assert answer.status_code == 202
    assert answer.json() == {"stored": 2, "refused": 0, "errors": [], "warnings": []}
    customer = Customer.objects.get(app=app, external_id="c1")
    assert set(Event.objects.filter(customer_id=customer.pk).values_list("name", flat=True)) == {"bought", "seen"}


def test_a_bad_event_costs_no_other_and_is_named_by_its_place(api):
    events = [{**BOUGHT, "nam": 1}, BOUGHT, {**BOUGHT, "name": ""}, {**BOUGHT, "occurred_at": "2026-01-01T10:00:00"}]
    answer = api.post(EVENTS, {"events": events})
    assert answer.status_code == 202
    assert (answer.json()["stored"], answer.json()["refused"]) == (1, 3)
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        ("/events/0/nam", "unknown_field"),
        ("/events/3/occurred_at", "time_zone_required"),
        ("/events/2/name", "required"),
    ]


@pytest.mark.parametrize(
    ("events", "status", "code"),
    [
        ([], 400, "required"),
        ({}, 400, "type"),
        ("x", 400, "type"),
        ([BOUGHT] * 501, 413, "too_many"),
        ([5], 400, "type"),
        ([{"customer": "c1"}], 400, "required"),
        ([{**BOUGHT, "properties": {"a": {"b": 1}}}], 400, "too_deep"),
        ([{**BOUGHT, "occurred_at": "yesterday"}], 400, "date_format"),
    ],
)
def test_121_nothing_sound_is_a_refusal(api, events, status, code):
    answer = api.post(EVENTS, {"events": events})
    assert answer.status_code == status
    assert codes_of(answer) == {code}


def test_a_clock_ten_years_off_is_corrected_with_a_warning(api):
    answer = api.post(EVENTS, {"events": [{**BOUGHT, "occurred_at": "2036-01-01T10:00:00Z"}]})
    assert answer.json()["warnings"][0]["code"] == "clock_corrected"


def test_a_publishable_key_writes_events_of_its_own_device_only(app):
    public = ApiCaller(make_key(app, kind="pub"))
    device = {"platform": "android", "provider": "fcm", "address": "t1", "customer": "c1"}
    mine = public.post("/v2.1/devices", device).json()
    shown = {"X_Device_Id": str(mine["device_id"]), "X_Device_Secret": mine["device_secret"]}
    make_customer(app, external_id="c2")
    assert public.post(EVENTS, {"events": [BOUGHT]}).status_code == 404
    assert public.post(EVENTS, {"events": [BOUGHT]}, **shown).status_code == 202
    assert public.post(EVENTS, {"events": [{**BOUGHT, "customer": "c2"}]}, **shown).status_code == 404
    assert public.post(EVENTS, {"events": [BOUGHT]}, X_Device_Id="x").status_code == 404
