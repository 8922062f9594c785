"""Idempotency keys: the same request twice, or twenty times at once, is one push. Item 20 of bad-input.md."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.api.models import IdempotencyRecord
from apps.api.services.idempotency import purge_expired
from apps.deliveries.models import Dispatch
from tests.factories import make_app, make_customer, make_device, make_people, make_segment
from tests.factories.api import ApiCaller, codes_of, make_key

PUSH = "/v2.1/push"
TEXTS = {"title": "Your code", "body": "secret-words"}


@pytest.fixture
def body(app):
    return {"device_tokens": [make_device(make_customer(app)).address, "nobodys"], **TEXTS, "external_id": "e"}


@pytest.mark.django_db
def test_a_repeat_gets_identical_json(api, body):
    first = api.post(PUSH, body, Idempotency_Key="k1")
    again = api.post(PUSH, {**dict(reversed(body.items()))}, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.content == again.content
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Dispatch.objects.count() == 1


@pytest.mark.django_db
def test_the_key_may_stand_in_the_body(api, body):
    keyed = {**body, "idempotency_key": "k1"}
    assert api.post(PUSH, keyed).content == api.post(PUSH, keyed).content
    assert Dispatch.objects.count() == 1


@pytest.mark.django_db
def test_a_repeat_is_answered_even_when_it_could_not_be_accepted_any_more(api, app, body):
    soon = timezone.now() + timedelta(seconds=1)
    first = api.post(PUSH, {**body, "send_at": soon.isoformat()}, Idempotency_Key="k1")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(days=29))
    app.link_schemes = []
    assert api.post(PUSH, {**body, "send_at": soon.isoformat()}, Idempotency_Key="k1").content == first.content


@pytest.mark.django_db
def test_a_segment_that_changed_meanwhile_changes_no_answer(api, app):
    devices = make_people(app, 2)
    segment = make_segment(app, [device.customer for device in devices])
    asked = {"segment": segment.pk, **TEXTS}
    first = api.post(PUSH, asked, Idempotency_Key="k1")
    segment.memberships.all().delete()
    assert api.post(PUSH, asked, Idempotency_Key="k1").content == first.content


@pytest.mark.django_db
def test_another_body_is_422(api, body):
    api.post(PUSH, body, Idempotency_Key="k1")
    answer = api.post(PUSH, {**body, "title": "Other"}, Idempotency_Key="k1")
    assert (answer.status_code, codes_of(answer)) == (422, {"idempotency_key_reuse"})


@pytest.mark.django_db
def test_live_test_and_foreign_keys_do_not_meet(api, app, body):
    stranger = ApiCaller(make_key(make_app()))
    tester = ApiCaller(make_key(app, kind="test"))
    for caller in (api, stranger, tester):
        assert caller.post(PUSH, body, Idempotency_Key="k1").status_code == 202
    assert Dispatch.objects.count() == 3


@pytest.mark.django_db
def test_a_refused_request_does_not_use_up_its_key(api, body):
    assert api.post(PUSH, {**body, "title": ""}, Idempotency_Key="k1").status_code == 400
    assert api.post(PUSH, body, Idempotency_Key="k1").status_code == 202


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\x7f"])
def test_20_bad_keys(api, body, key):
    answer = api.post(PUSH, {**body, "idempotency_key": key})
    assert (answer.status_code, codes_of(answer)) == (400, {"idempotency_key_invalid"})


@pytest.mark.django_db
def test_letters_beyond_ascii_go_into_the_field(api, body):
    """A web server hands on a header that has them as something else, or as nothing."""
    assert api.post(PUSH, {**body, "idempotency_key": "zamówienie"}).status_code == 202
    answer = api.post(PUSH, body, Idempotency_Key="zamówienie")
    assert codes_of(answer) == {"idempotency_key_invalid"}
    message = answer.json()["errors"][0]["message"]
    assert ("ASCII" in message, "came" in message) == (True, False)


@pytest.mark.django_db
def test_20_a_key_that_is_no_text_or_differs_from_the_header(api, body):
    assert codes_of(api.post(PUSH, {**body, "idempotency_key": 7})) == {"type"}
    answer = api.post(PUSH, {**body, "idempotency_key": "a"}, Idempotency_Key="b")
    assert codes_of(answer) == {"idempotency_key_invalid"}


@pytest.mark.django_db
def test_no_text_of_the_push_is_kept_with_the_key(api, body):
    api.post(PUSH, body, Idempotency_Key="k1")
    assert "secret-words" not in str(IdempotencyRecord.objects.get().answer)


@pytest.mark.django_db
def test_keys_are_forgotten_after_thirty_days(api, body):
    api.post(PUSH, body, Idempotency_Key="old")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(days=31))
    api.post(PUSH, body, Idempotency_Key="new")
    assert purge_expired(now=timezone.now()) == 1
    assert IdempotencyRecord.objects.get().key == "new"


@pytest.mark.django_db(transaction=True)
def test_twenty_twins_at_once_are_one_push(api, body):
    start, answers = threading.Barrier(20), []

    def send():
        start.wait()
        try:
            answers.append(ApiCaller(api.key).post(PUSH, body, Idempotency_Key="k1"))
        finally:
            connections.close_all()

    twins = [threading.Thread(target=send) for _ in range(20)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join(120)
    assert len(answers) == 20
    assert Dispatch.objects.count() == 1
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert len({answer.content for answer in accepted}) == 1
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 409)
    assert sum("Idempotency-Replayed" not in answer.headers for answer in accepted) == 1
