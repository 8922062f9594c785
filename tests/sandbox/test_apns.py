"""The APNs emulator, spoken to over TLS and HTTP/2."""

import json
import socket
import ssl
import time
import uuid
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from apps.gateways.contract import ApnsCredentials
from tests.fixtures_sandbox import RunningSandbox
from tests.sandbox.h2_client import H2Client, Headers, Seen

TOKEN = "a1" * 32
ALERT = {"aps": {"alert": {"title": "Hi", "body": "There"}}, "nid": "n1"}


def provider_token(apns: ApnsCredentials, issued_at: float | None = None, **headers: str) -> str:
    claims = {"iss": apns.team_id, "iat": int(time.time() if issued_at is None else issued_at)}
    return jwt.encode(claims, apns.key_p8, "ES256", {"kid": apns.key_id} | headers)


class ApnsClient:
    """Says to Apple what a test wants said."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.apns = sandbox.credentials.app("shop").apns
        self.wire = H2Client(sandbox.port + 1, sandbox.ca_file)
        self.token = provider_token(self.apns)

    def start(self, token: str = TOKEN, payload: Any = ALERT, extra: Headers | None = None, **changes: str) -> int:
        """Start a request. changes: headers with underscores, "" removes one; `path` and `method` too."""
        headers = {
            ":method": changes.pop("method", "POST"),
            ":scheme": "https",
            ":path": changes.pop("path", f"/3/device/{token}"),
            ":authority": "localhost",
            "authorization": f"bearer {self.token}",
            "apns-topic": self.apns.topic,
            "apns-push-type": "alert",
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.wire.request([*((name, value) for name, value in headers.items() if value), *(extra or [])], body)

    def send(self, *args: Any, **changes: Any) -> Seen:
        return self.wire.wait(self.start(*args, **changes))

    def reason(self, *args: Any, **changes: Any) -> tuple[int, str]:
        """(status, Apple's reason) of a refused request."""
        seen = self.send(*args, **changes)
        return seen.status, json.loads(seen.body)["reason"]


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[ApnsClient]:
    client = ApnsClient(sandbox)
    yield client
    client.wire.close()


def test_a_notification_reaches_the_phone(sandbox: RunningSandbox, client: ApnsClient) -> None:
    apns_id = str(uuid.uuid4())
    seen = client.send(apns_id=apns_id, apns_collapse_id="n1")
    assert (seen.status, seen.body, seen.headers["apns-id"]) == (200, b"", apns_id)
    (kept,) = sandbox.inbox(token=TOKEN)["messages"]
    assert (kept["notification_id"], kept["title"], kept["body"], kept["payload"]) == ("n1", "Hi", "There", ALERT)
    assert kept["headers"]["apns-collapse-id"] == "n1"


def test_an_absent_id_is_made(client: ApnsClient) -> None:
    assert uuid.UUID(client.send().headers["apns-id"])


def test_host_stands_in_for_authority(client: ApnsClient) -> None:
    headers = [(":method", "POST"), (":scheme", "https"), (":path", f"/3/device/{TOKEN}"), ("host", "localhost")]
    headers += [("authorization", f"bearer {client.token}"), ("apns-topic", client.apns.topic)]
    assert client.wire.wait(client.wire.request(headers, json.dumps(ALERT).encode())).status == 200


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"method": "PUT"}, 405, "MethodNotAllowed"),
        ({"path": "/4/device"}, 404, "BadPath"),
        ({"path": "/3/device/"}, 400, "MissingDeviceToken"),
        ({"path": "/3/device/xyz"}, 400, "BadDeviceToken"),
        ({"path": "/3/device/" + "a" * 63}, 400, "BadDeviceToken"),
        ({"apns_id": "nope"}, 400, "BadMessageId"),
        ({"apns_expiration": "soon"}, 400, "BadExpirationDate"),
        ({"apns_priority": "7"}, 400, "BadPriority"),
        ({"apns_push_type": "background", "apns_priority": "10"}, 400, "BadPriority"),
        ({"apns_collapse_id": "ż" * 33}, 400, "BadCollapseId"),
        ({"apns_push_type": "shout"}, 400, "InvalidPushType"),
        ({"extra": [("apns-priority", "5"), ("apns-priority", "5")]}, 400, "DuplicateHeaders"),
        ({"authorization": ""}, 403, "MissingProviderToken"),
        ({"authorization": "bearer x.y.z"}, 403, "InvalidProviderToken"),
        ({"apns_topic": ""}, 400, "MissingTopic"),
        ({"apns_topic": "no spaces"}, 400, "BadTopic"),
        ({"apns_topic": "com.example.other"}, 400, "TopicDisallowed"),
        ({"apns_push_type": "voip"}, 400, "TopicDisallowed"),
        ({"payload": b"x" * 4097}, 413, "PayloadTooLarge"),
        ({"payload": b""}, 400, "PayloadEmpty"),
        ({"payload": b"{}"}, 400, "PayloadEmpty"),
    ],
)
def test_a_bad_request_has_apples_reason(
    sandbox: RunningSandbox, client: ApnsClient, changes: dict[str, Any], status: int, reason: str
) -> None:
    assert client.reason(**changes) == (status, reason)
    assert sandbox.inbox()["count"] == 0


def test_voip_may_be_longer_on_its_own_topic(client: ApnsClient) -> None:
    payload = {"aps": {}, "x": "y" * 5000}
    topic = client.apns.topic + ".voip"
    assert client.send(payload=payload, apns_push_type="voip", apns_topic=topic).status == 200


@pytest.mark.parametrize(("age_minutes", "reason"), [(61, "ExpiredProviderToken"), (-70, "InvalidProviderToken")])
def test_a_provider_token_lives_an_hour(client: ApnsClient, age_minutes: int, reason: str) -> None:
    client.token = provider_token(client.apns, time.time() - age_minutes * 60)
    assert client.reason() == (403, reason)


def test_a_foreign_key_is_refused(sandbox: RunningSandbox, client: ApnsClient) -> None:
    other = sandbox.credentials.app("news").apns
    client.token = provider_token(other, kid=client.apns.key_id)
    assert client.reason() == (403, "InvalidProviderToken")


def test_a_connection_belongs_to_its_first_team(sandbox: RunningSandbox, client: ApnsClient) -> None:
    assert client.send().status == 200
    other = sandbox.credentials.app("news").apns
    client.token = provider_token(other)
    assert client.reason(apns_topic=other.topic) == (403, "InvalidProviderToken")


def test_a_second_new_token_is_too_many_where_the_sandbox_minds(sandbox: RunningSandbox, client: ApnsClient) -> None:
    client.send()
    sandbox.call("POST", "/_limits", {"apns_token_updates": True})
    client.token = provider_token(client.apns, time.time() - 5)
    assert client.reason() == (429, "TooManyProviderTokenUpdates")


def test_one_stream_until_a_token_was_accepted(client: ApnsClient) -> None:
    client.reason(apns_topic="")
    assert client.wire.stream_limits == [1]
    client.send()
    client.send()
    assert client.wire.stream_limits == [1, 1000]


def test_a_stream_too_many_is_refused_and_not_processed(sandbox: RunningSandbox, client: ApnsClient) -> None:
    sandbox.script("apns", "slow", token=TOKEN, seconds=1.5)
    client.reason(apns_topic="")
    client.wire.forget_stream_limit()
    first, second = client.start(), client.start(token="b2" * 32)
    assert client.wire.wait(second).is_reset
    assert client.wire.wait(first).status == 200
    assert sandbox.inbox(token="b2" * 32)["count"] == 0


def test_the_same_collapse_id_replaces_the_first_copy(sandbox: RunningSandbox, client: ApnsClient) -> None:
    for _ in range(2):
        client.send(apns_collapse_id="n1")
    assert [kept["replaced"] for kept in sandbox.inbox(token=TOKEN)["messages"]] == [True, False]


@pytest.mark.parametrize(
    ("prefix", "status", "reason"),
    [
        ("dead0000", 410, "Unregistered"),
        ("bad00000", 400, "BadDeviceToken"),
        ("e4910000", 410, "ExpiredToken"),
        ("70910000", 400, "DeviceTokenNotForTopic"),
        ("f1a40000", 503, "ServiceUnavailable"),
    ],
)
def test_a_token_carries_its_fate(client: ApnsClient, prefix: str, status: int, reason: str) -> None:
    assert client.reason(token=prefix + "a" * 56) == (status, reason)


def test_unregistered_says_since_when(sandbox: RunningSandbox, client: ApnsClient) -> None:
    sandbox.script("apns", "unregistered", timestamp=1700000000000)
    assert json.loads(client.send().body) == {"reason": "Unregistered", "timestamp": 1700000000000}


def test_slow_answers_late_and_lets_others_pass(sandbox: RunningSandbox, client: ApnsClient) -> None:
    client.send(token="b2" * 32)
    sandbox.script("apns", "slow", token=TOKEN, seconds=1.5)
    began = time.monotonic()
    slow = client.start()
    assert client.send(token="b2" * 32).status == 200
    assert not client.wire.is_answered(slow)
    assert client.wire.wait(slow).status == 200
    assert time.monotonic() - began >= 1.5


def test_a_window_widened_before_the_answer_does_not_lose_it(sandbox: RunningSandbox, client: ApnsClient) -> None:
    sandbox.script("apns", "slow", token=TOKEN, seconds=0.2)
    slow = client.start()
    client.wire.widen(slow)
    assert client.wire.wait(slow).status == 200


def test_never_stays_silent_and_the_connection_lives(sandbox: RunningSandbox, client: ApnsClient) -> None:
    client.send(token="b2" * 32)  # a new connection has one stream until a token was accepted
    sandbox.script("apns", "never", token=TOKEN)
    assert client.wire.wait(client.start(), seconds=0.3).status == 0
    assert client.send(token="b2" * 32).status == 200
    assert sandbox.inbox(token=TOKEN)["count"] == 0


def test_reset_ends_the_stream_alone(sandbox: RunningSandbox, client: ApnsClient) -> None:
    sandbox.script("apns", "reset", times=1)
    assert client.send().is_reset
    assert client.send().status == 200


def test_goaway_answers_earlier_streams_and_not_this_one(sandbox: RunningSandbox, client: ApnsClient) -> None:
    sandbox.script("apns", "slow", token=TOKEN, seconds=0.3)
    sandbox.script("apns", "goaway", token="b2" * 32)
    client.send(token="c3" * 32)
    earlier = client.start()
    later = client.start(token="b2" * 32)
    assert client.wire.wait(earlier).status == 200
    assert client.wire.wait(later).status == 0
    assert client.wire.is_closed
    assert (client.wire.last_stream, json.loads(client.wire.debug)) == (earlier, {"reason": "Shutdown"})
    assert sandbox.inbox(token="b2" * 32)["count"] == 0


def test_drop_after_accept_delivers_and_hangs_up(sandbox: RunningSandbox, client: ApnsClient) -> None:
    sandbox.script("apns", "drop_after_accept", times=1)
    assert client.send().status == 0
    assert client.wire.is_closed
    assert sandbox.inbox(token=TOKEN)["count"] == 1


@pytest.mark.parametrize(("behaviour", "kept"), [("drop_before_headers", 0), ("drop_after_headers", 1)])
def test_a_connection_can_break_around_the_headers(
    sandbox: RunningSandbox, client: ApnsClient, behaviour: str, kept: int
) -> None:
    sandbox.script("apns", behaviour, times=1)
    seen = client.send()
    assert (seen.is_ended, client.wire.is_closed, seen.status) == (False, True, 200 if kept else 0)
    assert sandbox.inbox()["count"] == kept


def test_oddities_of_the_field_can_be_scripted(sandbox: RunningSandbox, client: ApnsClient) -> None:
    sandbox.script("apns", "split_body", times=1)
    assert len(client.send().data) == 2
    sandbox.script("apns", "empty_error", times=1, status=403)
    assert (lambda seen: (seen.status, seen.body))(client.send()) == (403, b"")
    sandbox.script("apns", "upper_case_id", times=1)
    apns_id = str(uuid.uuid4())
    assert client.send(apns_id=apns_id).headers["apns-id"] == apns_id.upper()
    sandbox.script("apns", "answer", times=1, status=429, body={"reason": "TooManyProviderTokenUpdates"})
    assert client.reason() == (429, "TooManyProviderTokenUpdates")


def test_http1_is_hung_up_on(sandbox: RunningSandbox) -> None:
    context = ssl.create_default_context(cafile=sandbox.ca_file)
    plain = socket.create_connection(("127.0.0.1", sandbox.port + 1), timeout=60)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert wire.recv(100) == b""
