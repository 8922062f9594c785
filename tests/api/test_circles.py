"""What a call leaves behind: what goes in circles waits for the collector, which stops the whole process."""

import gc
import json
from collections.abc import Iterator

import pytest
from django.test import RequestFactory
from django.test.client import ClientHandler

from tests.factories import make_customer, make_device
from tests.factories.api import make_key

pytestmark = pytest.mark.django_db
PUSH = {"device_tokens": ["here"], "title": "Hi", "body": "There"}
CALLS = {
    "a push": ("POST", "/v2.1/push", PUSH, 202),
    "with a key of its own": ("POST", "/v2.1/push", {**PUSH, "title": "Once"}, 202),
    "to a token that nobody has": ("POST", "/v2.1/push", {**PUSH, "device_tokens": ["gone"]}, 202),
    "to a segment that is not there": ("POST", "/v2.1/push", {"segment": 999_999, "title": "Hi", "body": "There"}, 404),
    "with a wrong field": ("POST", "/v2.1/push", {**PUSH, "titel": "Hi"}, 400),
    "the log": ("GET", "/v2.1/push", None, 200),
    "the log's head": ("HEAD", "/v2.1/push", None, 200),
    "a push that is not there": ("GET", "/v2.1/push/1", None, 404),
    "another method": ("PUT", "/v2.1/push", {}, 405),
    "an event": ("POST", "/v2.1/events", {"events": [{"customer": "ann", "name": "seen"}]}, 202),
    "a launch": ("POST", "/v2.1/devices", {"platform": "android", "provider": "fcm", "address": "here"}, 200),
}


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_leaves_nothing_that_goes_in_circles(name, app, collector_off):
    method, path, body, status = CALLS[name]
    make_device(make_customer(app, external_id="ann"), address="here")
    headers = {"Authorization": f"Bearer {make_key(app)}"}
    if name == "with a key of its own":
        headers["Idempotency-Key"] = "once"
    answer = ClientHandler()

    def call() -> int:
        asked = RequestFactory().generic(
            method, path, json.dumps(body), content_type="application/json", headers=headers
        )
        return answer(asked.environ).status_code

    assert [call(), call()] == [status, status]  # caches are full now
    gc.collect()
    assert [call() for _ in range(10)] == [status] * 10
    assert gc.collect() == 0
