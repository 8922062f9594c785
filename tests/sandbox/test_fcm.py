"""The FCM emulator, spoken to over a socket."""

import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fixtures_sandbox import RunningSandbox
from tests.sandbox.fcm_client import FcmClient, fcm_code, log_in, violated_fields


@pytest.fixture
def client(sandbox: RunningSandbox) -> FcmClient:
    return FcmClient(sandbox)


def test_a_message_reaches_the_phone(sandbox: RunningSandbox, client: FcmClient) -> None:
    message = {"token": "ok-1", "notification": {"title": "Hi", "body": "There"}, "data": {"nid": "n1"}}
    status, document = client.send(message)
    assert status == 200
    assert document["name"].startswith(f"projects/{client.project}/messages/")
    (kept,) = sandbox.inbox(token="ok-1")["messages"]
    assert (kept["gateway"], kept["notification_id"], kept["title"], kept["body"]) == ("fcm", "n1", "Hi", "There")
    assert kept["payload"] == message
    assert "authorization" not in kept["headers"]


def test_camel_case_and_snake_case_are_both_understood(client: FcmClient) -> None:
    for android in ({"collapse_key": "a", "ttl": "3.5s"}, {"collapseKey": "a", "restrictedPackageName": "b"}):
        assert client.send({"token": "t", "android": android})[0] == 200


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "nobody@example.com"}, "invalid_grant"),
        ({"aud": "https://example.com"}, "invalid_grant"),
        ({"exp": int(time.time()) + 7200}, "invalid_grant"),
        ({"iat": int(time.time()) - 9000, "exp": int(time.time()) - 5400}, "invalid_grant"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
def test_a_bad_assertion_is_refused(sandbox: RunningSandbox, claims: dict[str, Any], error: str) -> None:
    status, document = log_in(sandbox, **claims)
    assert (status, document["error"]) == (400, error)


def test_a_foreign_key_is_refused(sandbox: RunningSandbox) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    status, document = log_in(sandbox, key=key.private_bytes(*form).decode())
    assert (status, document) == (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})


def test_a_revoked_bearer_token_is_401_until_the_next_login(sandbox: RunningSandbox, client: FcmClient) -> None:
    sandbox.call("DELETE", "/_bearers")
    status, document = client.send({"token": "t"})
    assert (status, document["error"]["status"], fcm_code(document)) == (401, "UNAUTHENTICATED", "")
    assert FcmClient(sandbox).send({"token": "t"})[0] == 200


def test_a_bearer_token_expires(sandbox: RunningSandbox) -> None:
    sandbox.call("POST", "/_limits", {"bearer_seconds": 0})
    assert FcmClient(sandbox).send({"token": "t"})[0] == 401


def test_an_unknown_project_has_no_fcm_code(client: FcmClient) -> None:
    status, document = client.send({"token": "t"}, project="no-such-project")
    assert (status, document["error"]["status"], fcm_code(document)) == (404, "NOT_FOUND", "")


def test_another_apps_project_is_denied(sandbox: RunningSandbox, client: FcmClient) -> None:
    other = sandbox.credentials.app("news").project_id
    status, document = client.send({"token": "t"}, project=other)
    assert (status, document["error"]["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"token": "t", "nonsense": 1}, "message"),
        ({"token": "t", "data": {"n": 5}}, "message.data[0].value"),
        ({"token": "t", "data": {"from": "x"}}, "message.data"),
        ({"token": "t", "data": {"google.x": "x"}}, "message.data"),
        ({"token": "t", "android": {"ttl": "5"}}, "message.android.ttl"),
        ({"token": "t", "android": {"ttl": "2419201s"}}, "message.android.ttl"),
        ({"token": "t", "android": {"priority": "URGENT"}}, "message.android.priority"),
        ({"token": "t", "android": {"notification": {"clickAction": 1}}}, "message.android.notification.click_action"),
        ({"token": "t", "android": {}, "androidV2": {}}, "message.android_v2"),
        ({"token": "t", "webpush": {"fcm_options": {"link": "http://x"}}}, "message.webpush.fcm_options.link"),
        ({"token": "t", "fcm_options": {"analytics_label": "a b"}}, "message.fcm_options.analytics_label"),
        ({"token": "t", "topic": "t"}, "message"),
        ({"notification": {"title": "x"}}, "message"),
        ({"topic": "no spaces"}, "message.topic"),
    ],
)
def test_a_bad_message_names_its_field(client: FcmClient, message: dict[str, Any], field: str) -> None:
    status, document = client.send(message)
    assert (status, fcm_code(document)) == (400, "INVALID_ARGUMENT")
    assert violated_fields(document) == [field]


def test_4096_bytes_fit_and_one_more_does_not(client: FcmClient) -> None:
    assert client.send({"token": "t", "data": {"k": "ż" * 2047 + "z"}})[0] == 200
    status, document = client.send({"token": "t", "data": {"k": "ż" * 2048}})
    assert (status, violated_fields(document)) == (400, ["message"])


def test_a_bad_token_has_no_bad_request(client: FcmClient) -> None:
    status, document = client.send({"token": "not a token"})
    assert (status, fcm_code(document), violated_fields(document)) == (400, "INVALID_ARGUMENT", [])


def test_what_is_not_json_is_400(client: FcmClient) -> None:
    status, _, document = client.send_raw(b'{"message": ')
    assert (status, document["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_validate_only_delivers_nothing(sandbox: RunningSandbox, client: FcmClient) -> None:
    assert client.send({"token": "t"}, validate_only=True)[0] == 200
    assert sandbox.inbox()["count"] == 0


def test_the_quota_of_a_minute_runs_out(sandbox: RunningSandbox, client: FcmClient) -> None:
    sandbox.call("POST", "/_limits", {"fcm_per_minute": 2})
    answers = [client.send({"token": "t"}) for _ in range(3)]
    assert [status for status, _ in answers] == [200, 200, 429]
    assert fcm_code(answers[2][1]) == "QUOTA_EXCEEDED"


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        ("unregistered", 404, "UNREGISTERED"),
        ("bad_token", 400, "INVALID_ARGUMENT"),
        ("payload_bad", 400, "INVALID_ARGUMENT"),
        ("config_bad", 403, ""),
        ("throttle", 429, "QUOTA_EXCEEDED"),
        ("server_error", 503, "UNAVAILABLE"),
        ("sender_mismatch", 403, "SENDER_ID_MISMATCH"),
    ],
)
def test_a_scripted_refusal_delivers_nothing(
    sandbox: RunningSandbox, client: FcmClient, behaviour: str, status: int, code: str
) -> None:
    sandbox.script("fcm", behaviour, times=1)
    answered, document = client.send({"token": "t"})
    assert (answered, fcm_code(document)) == (status, code)
    assert sandbox.inbox()["count"] == 0
    assert client.send({"token": "t"})[0] == 200


def test_retry_after_is_passed_on_word_for_word(sandbox: RunningSandbox, client: FcmClient) -> None:
    sandbox.script("fcm", "throttle", retry_after="soon, perhaps")
    _, headers, _ = client.send_raw(json.dumps({"message": {"token": "t"}}).encode())
    assert headers["retry-after"] == "soon, perhaps"


@pytest.mark.parametrize(
    ("token", "statuses"), [("dead-1", [404, 404]), ("bad-1", [400, 400]), ("flaky-1", [503, 200])]
)
def test_a_token_carries_its_fate(client: FcmClient, token: str, statuses: list[int]) -> None:
    assert [client.send({"token": token})[0] for _ in statuses] == statuses


def test_the_same_tag_replaces_the_first_copy(sandbox: RunningSandbox, client: FcmClient) -> None:
    message = {"token": "t", "data": {"nid": "n"}, "android": {"notification": {"tag": "n"}}}
    for _ in range(2):
        client.send(message)
    found = sandbox.inbox(token="t")
    assert (found["count"], found["distinct"]) == (2, 1)
    assert [kept["replaced"] for kept in found["messages"]] == [True, False]


def test_a_fifth_collapse_key_pushes_the_oldest_out(sandbox: RunningSandbox, client: FcmClient) -> None:
    for key in "abcde":
        client.send({"token": "t", "android": {"collapse_key": key}})
    assert [kept["replaced"] for kept in sandbox.inbox(token="t")["messages"]] == [True, False, False, False, False]
