"""Whatever JSON comes, a call answers with a clear refusal or does it: never a 500, never an unnamed error."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.api.messageflow import MESSAGEFLOW
from apps.api.push_request import PUSH
from apps.api.shapes import Record
from apps.api.views.customers import CUSTOMER
from apps.api.views.devices import REGISTRATION
from apps.api.views.events import EVENT
from apps.api.views.receipts import RECEIPT

pytestmark = pytest.mark.django_db

# Fixtures may stay over a test's examples: what earlier ones stored makes later ones only harder.
FUZZED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WORDS = ["", " ", "\u200b", "\u202e", "é", "💥" * 300, "{{ x }}", "{{", "{% for a in b %}", "' OR 1=1--", "%s", "\\"]
TIMES = ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
HARD_TEXTS = st.sampled_from([*WORDS, *TIMES, "a/b~c", "true", "ios", "fcm", "webpush"])
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=30) | HARD_TEXTS
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | HARD_TEXTS, inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40)


def spoilt(shape: Record, **sound: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A sound body in which any of its fields has any value, now and then with a field that does not exist."""
    fields = st.sampled_from([*shape.fields, "unknown"])
    return st.dictionaries(fields, ANYTHING, max_size=4).map(lambda changes: {**sound, **changes})


def many(name: str, item: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A batch of such bodies."""
    return st.lists(item, max_size=3).map(lambda items: {name: items})


MESSAGEFLOW_LEAST = {
    "applications": ["shop"],
    "to": [{"receiver": "t"}],
    "title": {"pl": "t"},
    "body": {"pl": "b"},
    "defaultLanguage": "pl",
}
CASES = {
    "push": ("/v2.1/push", spoilt(PUSH, device_tokens=["t"], title="t", body="b")),
    "messageflow": ("/v2.1/push", spoilt(MESSAGEFLOW, **MESSAGEFLOW_LEAST)),
    "devices": ("/v2.1/devices", spoilt(REGISTRATION, platform="android", provider="fcm", address="t")),
    "browsers": ("/v2.1/devices", spoilt(REGISTRATION, platform="web", provider="webpush", subscription={})),
    "customer": ("/v2.1/customers", spoilt(CUSTOMER, external_id="c")),
    "customers": ("/v2.1/customers", many("customers", spoilt(CUSTOMER, external_id="c"))),
    "events": ("/v2.1/events", many("events", spoilt(EVENT, customer="c", name="n"))),
    "receipts": ("/v2.1/receipts", many("receipts", spoilt(RECEIPT, delivery_id="d", type="opened"))),
}


@pytest.mark.parametrize("name", CASES)
@FUZZED
@given(data=st.data())
def test_any_body_is_answered_with_a_code(api, name, data):
    path, strategy = CASES[name]
    answer = api.post(path, data.draw(strategy))
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert all(error["code"] for error in answer.json()["errors"])


@FUZZED
@given(raw=st.binary(max_size=120), header=HEADERS)
def test_any_bytes_and_headers_are_answered(api, raw, header):
    assert api.post("/v2.1/push", raw, Idempotency_Key=header).status_code < 500
    assert api.post("/v2.1/push", {}, Authorization=header).status_code in (400, 401)
