"""`POST /v2.1/push`: one verdict per recipient, and what cannot be sent. Numbers are of bad-input.md, part F."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.campaigns.models import MessageTemplate
from apps.deliveries.delivery_ids import read_delivery_id
from apps.deliveries.models import Batch, Content, Dispatch
from apps.deliveries.services.stop import resume_sending, stop_sending
from tests.factories import make_app, make_customer, make_device, make_people, make_segment
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
PUSH = "/v2.1/push"
TEXTS = {"title": "Your code", "body": "123456"}


@pytest.fixture
def device(app):
    return make_device(make_customer(app, external_id="c1"))


def statuses(answer):
    return [entry["status"] for entry in answer.json()["data"]]


def test_a_push_is_accepted_and_stored(api, device):
    answer = api.post(PUSH, {"device_tokens": [device.address], "external_id": "order-7", **TEXTS})
    assert answer.status_code == 202
    said = answer.json()
    dispatch = Dispatch.objects.get()
    assert said["meta"] == {"uniqId": str(dispatch.pk), "status": 202, "numberOfData": 1, "numberOfErrors": 0}
    entry = said["data"][0]
    assert (entry["device_token"], entry["status"], entry["external_id"]) == (device.address, "queued", "order-7")
    assert read_delivery_id(entry["delivery_id"]).device_id == device.pk
    assert said["errors"] == []
    assert (dispatch.kind, dispatch.lane, dispatch.external_id) == ("transactional", "urgent", "order-7")
    assert Batch.objects.get().device_ids == [device.pk]


def test_96_to_99_every_token_has_its_verdict_in_input_order(api, app, device):
    dead = make_device(make_customer(app), state="dead")
    unwilling = make_device(make_customer(app, push_consent=False))
    foreign = make_device(make_customer(make_app()))
    tokens = ["nobodys", device.address, dead.address, unwilling.address, device.address, foreign.address]
    answer = api.post(PUSH, {"device_tokens": tokens, **TEXTS})
    assert [entry["device_token"] for entry in answer.json()["data"]] == tokens
    assert statuses(answer) == ["unknown_token", "queued", "dead_token", "no_consent", "duplicate", "unknown_token"]
    assert answer.json()["meta"]["numberOfData"] == 1
    assert [error["code"] for error in answer.json()["errors"]] == [
        "unknown_token",
        "dead_token",
        "no_consent",
        "duplicate",
        "unknown_token",
    ]
    assert answer.json()["errors"][1]["meta"] == {
        "parameter": "device_tokens/2",
        "value": dead.address,
        "source": "/device_tokens/2",
    }
    assert Batch.objects.get().device_ids == [device.pk]


def test_a_customer_gets_it_on_every_live_device(api, app, device):
    second = make_device(device.customer, gateway="apns")
    make_device(device.customer, state="dead")
    answer = api.post(PUSH, {"customers": ["c1"], **TEXTS})
    (entry,) = answer.json()["data"]
    assert (entry["customer"], entry["status"]) == ("c1", "queued")
    assert {one["device_id"] for one in entry["deliveries"]} == {device.pk, second.pk}
    assert {tuple(batch.device_ids) for batch in Batch.objects.all()} == {(device.pk,), (second.pk,)}


def test_97_to_99_customers_have_their_verdicts(api, app, device):
    make_customer(app, external_id="bare")
    make_device(make_customer(app, external_id="unwilling", push_consent=False))
    make_device(make_customer(app, external_id="erased", erased_at=timezone.now()))
    names = ["c1", "stranger", "bare", "unwilling", "erased", "c1"]
    answer = api.post(PUSH, {"customers": names, **TEXTS})
    assert statuses(answer) == [
        "queued",
        "unknown_customer",
        "no_live_device",
        "no_consent",
        "no_consent",
        "duplicate",
    ]


def test_a_segment_gets_it(api, app):
    devices = make_people(app, 3)
    segment = make_segment(app, [device.customer for device in devices])
    answer = api.post(PUSH, {"segment": segment.pk, **TEXTS})
    assert statuses(answer) == ["queued"] * 3
    assert {entry["customer"] for entry in answer.json()["data"]} == {one.customer.external_id for one in devices}


def test_a_push_to_nobody_is_done_at_once(api):
    answer = api.post(PUSH, {"device_tokens": ["nobodys"], **TEXTS})
    assert (answer.status_code, answer.json()["meta"]["numberOfData"]) == (202, 0)
    assert Dispatch.objects.get().state == "done"


def test_an_apns_token_is_found_in_either_case(api, app):
    phone = make_device(make_customer(app), gateway="apns", address="ab" * 32)
    answer = api.post(PUSH, {"device_tokens": ["AB" * 32, "ab" * 32], **TEXTS})
    assert statuses(answer) == ["queued", "duplicate"]
    assert Batch.objects.get().device_ids == [phone.pk]


def test_a_test_key_never_reaches_a_phone(app, device):
    ApiCaller(make_key(app, kind="test")).post(PUSH, {"device_tokens": [device.address], **TEXTS})
    assert Dispatch.objects.get().policy["is_test"] is True


def test_send_at_and_ttl_bound_its_life(api, device):
    send_at = datetime.now(UTC) + timedelta(hours=2)
    body = {"device_tokens": [device.address], "send_at": send_at.isoformat(), "ttl_seconds": 600, **TEXTS}
    assert api.post(PUSH, body).status_code == 202
    batch = Batch.objects.get()
    assert (batch.release_at, batch.expires_at) == (send_at, send_at + timedelta(seconds=600))


def test_warnings_tell_what_a_screen_cuts_off(api, device):
    answer = api.post(
        PUSH, {"device_tokens": [device.address], "title": "T" * 60, "body": "b", "image": "https://x.pl/a.tiff"}
    )
    assert {warning["parameter"] for warning in answer.json()["warnings"]} == {"title", "image"}


def test_a_fraction_is_told_what_is_asked_for(api, device):
    fields = {"ttl_seconds": 1.5, "badge": 0.5, "critical": {"times": 2.0}}
    errors = api.post("/v2.1/push", {"device_tokens": [device.address], **TEXTS, **fields}).json()["errors"]
    assert {error["meta"]["source"]: error["message"] for error in errors} == {
        "/ttl_seconds": "must be a whole number of seconds (came: 1.5)",
        "/critical/times": "must be a whole number (came: 2.0)",
        "/badge": "must be a whole number (came: 0.5)",
    }


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"device_tokens": None}, 400, "exactly_one_audience"),
        ({"customers": ["c1"]}, 400, "exactly_one_audience"),
        ({"device_tokens": []}, 400, "required"),
        ({"device_tokens": [""]}, 400, "required"),
        ({"device_tokens": [7]}, 400, "type"),
        ({"device_tokens": "t"}, 400, "type"),
        ({"device_tokens": ["t"] * 1001}, 413, "too_many_recipients"),
        ({"device_tokens": None, "customers": [str(n) for n in range(1001)]}, 413, "too_many_recipients"),
        ({"device_tokens": None, "segment": "7"}, 400, "type"),
        ({"device_tokens": None, "segment": True}, 400, "type"),
        ({"device_tokens": None, "segment": -1}, 400, "range"),
        ({"device_tokens": None, "segment": 2**63}, 400, "range"),
        ({"device_tokens": None, "segment": 1.5}, 400, "type"),
        ({"titel": "x"}, 400, "unknown_field"),
        ({"title": None}, 400, "required"),
        ({"title": "   "}, 400, "required"),
        ({"title": "\u200b\u200b"}, 400, "required"),
        ({"title": "x" * 10_000}, 400, "too_long"),
        ({"title": "a\nb"}, 400, "newline_not_allowed"),
        ({"title": 5}, 400, "type"),
        ({"body": None}, 400, "required"),
        ({"title": "{{ first_name"}, 400, "template_syntax"),
        ({"title": "{{ first_name | shout }}"}, 400, "unknown_filter"),
        ({"title": "{% include 'x' %}"}, 400, "expression_not_allowed"),
        ({"title": "{{ ''.__class__ }}"}, 400, "expression_not_allowed"),
        ({"title": "Hi {{ nickname }}"}, 422, "missing_variables"),
        ({"image": "http://x.pl/a.png"}, 400, None),
        ({"image": "javascript:alert(1)"}, 400, None),
        ({"deep_link": "javascript:alert(1)"}, 400, None),
        ({"deep_link": "/relative"}, 400, None),
        ({"deep_link": "file:///etc/passwd"}, 400, None),
        ({"buttons": [{"id": "a", "label": "A"}] * 4}, 400, "too_many"),
        ({"buttons": [{"id": "a", "label": "A"}] * 2}, 400, "duplicate"),
        ({"buttons": [{"id": "a", "label": " "}]}, 400, "required"),
        ({"badge": -1}, 400, None),
        ({"badge": "abc"}, 400, None),
        ({"badge": 10**6}, 400, None),
        ({"badge": True}, 400, None),
        ({"sound": "../x"}, 400, None),
        ({"urgency": "now"}, 400, None),
        ({"data": {"from": "x"}}, 400, "reserved_key"),
        ({"data": {"google.x": "x"}}, 400, "reserved_key"),
        ({"data": {"gcm.y": "x"}}, 400, "reserved_key"),
        ({"data": {"aps": "x"}}, 400, "reserved_key"),
        ({"data": {"a": 1}}, 400, "type"),
        ({"data": []}, 400, "type"),
        ({"data": {str(n): "x" * 1000 for n in range(5)}}, 400, "payload_too_large"),
        ({"silent": "yes"}, 400, "type"),
        ({"ttl_seconds": -1}, 400, "range"),
        ({"ttl_seconds": 29 * 86_400}, 400, "range"),
        ({"ttl_seconds": "1h"}, 400, "type"),
        ({"ttl_seconds": True}, 400, "type"),
        ({"send_at": "2020-01-01T00:00:00Z"}, 400, "schedule_in_past"),
        ({"send_at": "2126-01-01T00:00:00Z"}, 400, "range"),
        ({"send_at": "2026-12-01T10:00:00"}, 400, "time_zone_required"),
        ({"send_at": "tomorrow"}, 400, "date_format"),
        ({"send_at": "2026-13-01T10:00:00Z"}, 400, "date_format"),
        ({"send_at": 1790000000}, 400, "type"),
        ({"traits": []}, 400, "type"),
        ({"traits": {"a": {"b": 1}}}, 400, "too_deep"),
        ({"external_id": "x" * 256}, 400, "too_long"),
        ({"external_id": 7}, 400, "type"),
        ({"template": "welcome"}, 404, "not_found"),
        ({"template": 7}, 404, "not_found"),
        ({"template": True}, 400, "type"),
        ({"template": ""}, 400, "type"),
        ({"template": 2**63}, 400, "type"),
    ],
)
def test_94_to_102_what_cannot_be_sent(api, device, changes, status, code):
    answer = api.post(PUSH, {"device_tokens": [device.address], **TEXTS, **changes})
    assert answer.status_code == status
    assert answer.json().keys() >= {"meta", "data", "errors"}
    assert answer.json()["meta"]["status"] == status
    assert code is None or code in codes_of(answer)
    assert not Dispatch.objects.exists()


def test_95_one_recipient_too_many_points_at_campaigns(api):
    answer = api.post(PUSH, {"device_tokens": ["t"] * 1001, **TEXTS})
    assert "campaign" in answer.json()["errors"][0]["message"]


def test_95_a_segment_is_counted_after_expansion(api, app):
    from apps.customers.models import Customer
    from tests.factories import NOW

    people = Customer.objects.bulk_create(
        Customer(app=app, external_id=str(number), created_at=NOW, updated_at=NOW) for number in range(1001)
    )
    answer = api.post(PUSH, {"segment": make_segment(app, people).pk, **TEXTS})
    assert (answer.status_code, codes_of(answer)) == (413, {"too_many_recipients"})


def test_5_a_foreign_segment_is_404(api):
    answer = api.post(PUSH, {"segment": make_segment(make_app()).pk, **TEXTS})
    assert (answer.status_code, codes_of(answer)) == (404, {"not_found"})


def test_a_broken_segment_is_not_sent_to(api, app):
    segment = make_segment(app, state="broken", kind="dynamic", broken_reason="no such trait")
    answer = api.post(PUSH, {"segment": segment.pk, **TEXTS})
    assert (answer.status_code, codes_of(answer)) == (409, {"segment_broken"})


def test_variables_may_come_from_the_request_the_profile_or_a_default(api, device):
    body = {"device_tokens": [device.address], "traits": {"code": "77"}, "body": "b"}
    title = "{{ code }} {{ first_name }} {{ nickname | default: 'friend' }}"
    assert api.post(PUSH, {**body, "title": title}).status_code == 202


def test_101_all_missing_variables_are_listed(api, device):
    body = {"device_tokens": [device.address], "title": "{{ a }}", "body": "{{ b }} {{ a }}"}
    answer = api.post(PUSH, body)
    assert [error["meta"]["source"] for error in answer.json()["errors"]] == ["/traits/a", "/traits/b"]


def test_a_silent_push_needs_no_words(api, device):
    assert api.post(PUSH, {"device_tokens": [device.address], "silent": True, "data": {"k": "v"}}).status_code == 202


def test_a_refusal_keeps_the_envelope_whatever_the_status(app, api):
    for caller, status in ((ApiCaller(""), 401), (ApiCaller(make_key(app, "erase")), 403)):
        answer = caller.post(PUSH, TEXTS)
        assert (answer.status_code, answer.json()["meta"]["status"], answer.json()["data"]) == (status, status, [])
    assert api.send("PUT", PUSH, TEXTS).json()["errors"][0]["code"] == "method_not_allowed"
    assert api.post(PUSH, "{").json()["errors"][0]["code"] == "json_syntax"


@pytest.fixture
def template(app):
    texts = {"en": {"title": "Hi {{ first_name | default: 'you' }}", "body": "Code {{ code }}"}, "pl": {"title": "Kod"}}
    texts["pl"] |= {"body": "Kod {{ code }}", "link": "https://shop.example/pl"}
    return MessageTemplate.objects.create(app=app, name="log-in code", texts=texts, created_at=timezone.now())


@pytest.mark.parametrize("by", ["pk", "name"])
def test_a_template_is_sent_in_all_its_languages(api, device, template, by):
    body = {"device_tokens": [device.address], "template": getattr(template, by), "traits": {"code": "7"}}
    assert api.post(PUSH, {**body, "collapse_key": "k"}).status_code == 202
    texts = {content.language: (content.body, content.facts) for content in Content.objects.all()}
    assert texts == {
        language: ({**text, "collapse_key": "k"}, {"code": "7"}) for language, text in template.texts.items()
    }


def test_100_a_template_of_another_app_is_404(api, device, template):
    MessageTemplate.objects.update(app=make_app())
    answer = api.post(PUSH, {"device_tokens": [device.address], "template": template.pk})
    assert (answer.status_code, codes_of(answer)) == (404, {"not_found"})


def test_101_what_a_template_lacks_is_listed(api, device, template):
    answer = api.post(PUSH, {"device_tokens": [device.address], "template": template.pk})
    assert (answer.status_code, codes_of(answer)) == (422, {"missing_variables"})


def test_a_fault_in_a_template_is_told_as_such(api, device, template):
    template.texts["pl"]["title"] = ""
    template.save()
    answer = api.post(PUSH, {"device_tokens": [device.address], "template": template.pk, "traits": {"code": "7"}})
    assert [error["meta"]["source"] for error in answer.json()["errors"]] == ["/template/pl/title"]


def test_a_push_that_the_emergency_stop_holds_says_so_on_a_replay_too(api, device):
    stop_sending(scope="transactional", reason="r", actor="a", now=timezone.now())
    body = {"device_tokens": [device.address], **TEXTS}
    first = api.post(PUSH, body, idempotency_key="k")
    assert (first.status_code, [one["code"] for one in first.json()["warnings"]]) == (202, ["sending_stopped"])
    resume_sending(scope="transactional", actor="a", now=timezone.now())
    assert api.post(PUSH, body, idempotency_key="k").content == first.content
    assert api.post(PUSH, body).json()["warnings"] == []


@pytest.mark.parametrize(("came", "spelled"), [(True, "true"), (False, "false"), (1.5, "1.5"), ("Ł", "Ł")])
def test_what_came_is_shown_as_json_spells_it(api, device, came, spelled):
    answer = api.post("/v2.1/push", {"device_tokens": [device.address], "ttl_seconds": came, **TEXTS})
    (error,) = answer.json()["errors"]
    assert error["message"].endswith(f"(came: {spelled})")
    assert error["meta"]["value"] == spelled
