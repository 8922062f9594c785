"""`POST /v2.1/receipts`. Numbers are of bad-input.md, part I."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.deliveries.models import Receipt
from tests.factories import make_app, make_customer, make_device
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
RECEIPTS = "/v2.1/receipts"


@pytest.fixture
def delivery_id(api, app):
    device = make_device(make_customer(app))
    sent = api.post("/v2.1/push", {"device_tokens": [device.address], "title": "t", "body": "b"})
    return sent.json()["data"][0]["delivery_id"]


def test_a_receipt_is_stored_once(api, delivery_id):
    opened = {"delivery_id": delivery_id, "type": "opened"}
    answer = api.post(RECEIPTS, {"receipts": [opened, opened, {**opened, "type": "clicked", "action": "buy"}]})
    assert answer.status_code == 202
    api.post(RECEIPTS, {"receipts": [opened]})
    assert Receipt.objects.count() == 2


def test_119_forged_foreign_and_unknown_ids_look_like_any_other(api, app, delivery_id):
    forged = delivery_id[:-1] + ("A" if delivery_id[-1] != "A" else "B")
    bodies = [{"receipts": [{"delivery_id": one, "type": "opened"}]} for one in (delivery_id, forged, "nonsense")]
    answers = [api.post(RECEIPTS, body) for body in bodies]
    answers.append(
        ApiCaller(make_key(make_app())).post(RECEIPTS, {"receipts": [{"delivery_id": delivery_id, "type": "clicked"}]})
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize("years", [-10, 10])
def test_120_wild_clocks_are_corrected(api, delivery_id, years):
    at = (timezone.now() + timedelta(days=365 * years)).isoformat()
    api.post(RECEIPTS, {"receipts": [{"delivery_id": delivery_id, "type": "opened", "at": at}]})
    assert abs(Receipt.objects.get().at - timezone.now()) < timedelta(days=1)


@pytest.mark.parametrize(
    ("receipts", "status", "code"),
    [
        ([], 400, "required"),
        (None, 400, "required"),
        ([{"delivery_id": "x", "type": "opened"}] * 501, 413, "too_many"),
        ([{"delivery_id": "x", "type": "seen"}], 400, "choice"),
        ([{"delivery_id": 7, "type": "opened"}], 400, "type"),
        ([{"type": "opened"}], 400, "required"),
        ([{"delivery_id": "x", "type": "opened", "at": "now"}], 400, "date_format"),
        ([{"delivery_id": "x", "type": "opened", "at": "2026-01-01T00:00:00"}], 400, "time_zone_required"),
        ([{"delivery_id": "x", "type": "opened", "action": "a" * 61}], 400, "too_long"),
    ],
)
def test_121_malformed_receipts(api, receipts, status, code):
    answer = api.post(RECEIPTS, {"receipts": receipts})
    assert (answer.status_code, codes_of(answer)) == (status, {code})


def test_a_bad_receipt_costs_no_other(api, delivery_id):
    receipts = [{"delivery_id": delivery_id, "type": "seen"}, {"delivery_id": delivery_id, "type": "opened"}]
    answer = api.post(RECEIPTS, {"receipts": receipts})
    assert (answer.status_code, answer.json()["refused"]) == (202, 1)
    assert Receipt.objects.count() == 1


def test_a_publishable_key_sends_receipts(app, delivery_id):
    public = ApiCaller(make_key(app, kind="pub"))
    assert public.post(RECEIPTS, {"receipts": [{"delivery_id": delivery_id, "type": "opened"}]}).status_code == 202
    assert Receipt.objects.count() == 1
