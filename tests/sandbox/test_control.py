"""The sandbox's own doors."""

import http.client
from datetime import UTC, datetime, timedelta

import pytest

from tests.fixtures_sandbox import RunningSandbox
from tests.sandbox.fcm_client import FcmClient


def test_since_narrows_the_inbox(sandbox: RunningSandbox) -> None:
    FcmClient(sandbox).send({"token": "t", "data": {"nid": "n"}})
    past, future = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (-1, 1))
    assert sandbox.inbox(since=past.isoformat())["count"] == 1
    assert sandbox.inbox(since=future.isoformat()) == {"count": 0, "distinct": 0, "messages": []}


def test_limit_and_fields_narrow_what_is_listed_but_not_the_counts(sandbox: RunningSandbox) -> None:
    client = FcmClient(sandbox)
    for number in range(3):
        client.send({"token": "t", "data": {"nid": f"n{number}"}})
    found = sandbox.inbox(limit="1", fields="notification_id")
    assert found == {"count": 3, "distinct": 3, "messages": [{"notification_id": "n2"}]}


def test_delete_empties_the_inbox(sandbox: RunningSandbox) -> None:
    FcmClient(sandbox).send({"token": "t"})
    assert sandbox.call("DELETE", "/_inbox") == (200, {"deleted": 1})
    assert sandbox.inbox()["count"] == 0


def test_scripts_show_their_hits(sandbox: RunningSandbox) -> None:
    sandbox.script("fcm", "unregistered", token="t", times=5)
    client = FcmClient(sandbox)
    for token in ("t", "other", "t"):
        client.send({"token": token})
    (script,) = sandbox.call("GET", "/_script")[1]["scripts"]
    assert (script["hits"], script["is_over"]) == (2, False)


def test_a_script_for_a_token_goes_before_one_for_all(sandbox: RunningSandbox) -> None:
    sandbox.script("fcm", "ok", token="t")
    sandbox.script("fcm", "server_error")
    client = FcmClient(sandbox)
    assert [client.send({"token": token})[0] for token in ("t", "other")] == [200, 503]


def test_a_script_lives_for_its_seconds(sandbox: RunningSandbox) -> None:
    sandbox.script("fcm", "server_error", seconds=0)
    assert FcmClient(sandbox).send({"token": "t"})[0] == 200


@pytest.mark.parametrize(
    "script",
    [
        [],
        {"gateway": "pager", "behaviour": "ok"},
        {"gateway": "fcm", "behaviour": "explode"},
        {"gateway": "fcm", "behaviour": "ok", "match": {"title": "x"}},
        {"gateway": "fcm", "behaviour": "ok", "times": -1},
        {"gateway": "fcm", "behaviour": "slow", "seconds": "2"},
        {"gateway": "fcm", "behaviour": "slow", "surprise": 1},
        {"gateway": "fcm", "behaviour": "throttle", "retry_after": "1\r\nx: y"},
        {"gateway": "fcm", "behaviour": "answer", "headers": ["x"]},
    ],
)
def test_a_bad_script_is_refused_with_a_reason(sandbox: RunningSandbox, script: object) -> None:
    status, document = sandbox.call("POST", "/_script", script)
    assert status == 400
    assert document["error"]


@pytest.mark.parametrize("query", ["since=yesterday", "since=2026-01-01T00:00:00", "limit=-1", "gateway=x", "fields=y"])
def test_a_bad_question_is_refused_with_a_reason(sandbox: RunningSandbox, query: str) -> None:
    assert sandbox.call("GET", f"/_inbox?{query}")[0] == 400


def test_credentials_have_what_a_foreign_client_needs(sandbox: RunningSandbox) -> None:
    _, found = sandbox.call("GET", "/_credentials")
    assert set(found) == {"fcm_service_account", "apns", "vapid", "sms", "ca_pem"}
    assert {"key_p8", "key_id", "team_id", "topic"} <= set(found["apns"])
    assert {"public_key", "private_key", "subject"} <= set(found["vapid"])
    assert {"account_sid", "auth_token"} <= set(found["sms"])


@pytest.mark.parametrize("headers", [{"Host": "evil.example:80"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_foreign_page_cannot_steer_the_sandbox(sandbox: RunningSandbox, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=60)
    connection.request("DELETE", "/_inbox", headers=headers)
    assert connection.getresponse().status == 403
