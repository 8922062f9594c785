"""APNs against a vendor that speaks it: every row of the code table, headers, payload, the provider token."""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from apps.gateways.apns import ApnsGateway
from apps.gateways.apns_payload import payload_bytes
from apps.gateways.apns_token import ProviderTokens
from apps.gateways.contract import (
    ApnsCredentials,
    Button,
    Endpoints,
    PushContent,
    PushMessage,
    RetryReason,
    SendResult,
    Verdict,
)
from apps.gateways.wire import WireLimits
from tests.gateways.certificates import Authority
from tests.gateways.conftest import push, send_all
from tests.gateways.vendor import Act, Reply, Seen, Vendor

StartVendor = Callable[..., Vendor]
V, R = Verdict, RetryReason
TOKEN = "ab" * 32


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


KEY = ec.generate_private_key(ec.SECP256R1())
CREDENTIALS = ApnsCredentials(pem(KEY), "KEYID12345", "TEAMID1234", "com.example.shop")


def gateway_at(
    server: Vendor, authority: Authority, *, now: Callable[[], float] = time.time, deadline_seconds: float = 3.0
) -> ApnsGateway:
    endpoints = Endpoints(apns_host="127.0.0.1", apns_port=server.port, ca_file=authority.ca_file)
    return ApnsGateway(CREDENTIALS, endpoints, limits=WireLimits(deadline_seconds=deadline_seconds), now=now)


def send(server: Vendor, authority: Authority, *messages: PushMessage) -> list[SendResult]:
    return send_all(gateway_at(server, authority), messages)[0]


def refused(status: int, reason: str, **more: object) -> Reply:
    return Reply(status, json.dumps({"reason": reason, **more}).encode())


@pytest.mark.parametrize(
    ("reply", "verdict", "code", "reason", "wait"),
    [
        (Reply(200), V.ACCEPTED, "", None, None),
        *[
            (refused(400, word), V.MESSAGE_BAD, word, None, None)
            for word in (
                "BadCollapseId",
                "BadExpirationDate",
                "BadMessageId",
                "BadPriority",
                "InvalidPushType",
                "DuplicateHeaders",
                "PayloadEmpty",
                "MissingDeviceToken",
                "SomethingNew",
            )
        ],
        (refused(400, "BadDeviceToken"), V.TOKEN_DEAD, "BadDeviceToken", None, None),
        (refused(400, "DeviceTokenNotForTopic"), V.TOKEN_DEAD, "DeviceTokenNotForTopic", None, None),
        *[
            (refused(400, word), V.CONFIG_BAD, word, None, None)
            for word in ("BadTopic", "MissingTopic", "TopicDisallowed")
        ],
        (refused(400, "IdleTimeout"), V.RETRY, "IdleTimeout", R.NETWORK, None),
        *[
            (refused(403, word), V.CONFIG_BAD, word, None, None)
            for word in (
                "BadCertificate",
                "BadCertificateEnvironment",
                "InvalidProviderToken",
                "MissingProviderToken",
                "Forbidden",
                "UnrelatedKeyIdInToken",
                "BadEnvironmentKeyIdInToken",
                "BadEnvironmentKeyInToken",
                "ExpiredProviderToken",
            )
        ],
        (refused(404, "BadPath"), V.MESSAGE_BAD, "BadPath", None, None),
        (refused(405, "MethodNotAllowed"), V.MESSAGE_BAD, "MethodNotAllowed", None, None),
        (refused(410, "ExpiredToken"), V.TOKEN_DEAD, "ExpiredToken", None, None),
        (refused(413, "PayloadTooLarge"), V.MESSAGE_BAD, "PayloadTooLarge", None, None),
        (refused(429, "TooManyProviderTokenUpdates"), V.RETRY, "TooManyProviderTokenUpdates", R.THROTTLED, 1200.0),
        (refused(429, "TooManyRequests"), V.RETRY, "TooManyRequests", R.THROTTLED, 300.0),
        (refused(500, "InternalServerError"), V.RETRY, "InternalServerError", R.SERVER, 900.0),
        (refused(503, "ServiceUnavailable"), V.RETRY, "ServiceUnavailable", R.SERVER, None),
        (refused(503, "Shutdown"), V.RETRY, "Shutdown", R.SERVER, None),
        (Reply(400), V.MESSAGE_BAD, "400", None, None),
        (Reply(403, b"<html>"), V.CONFIG_BAD, "403", None, None),
        (Reply(410), V.TOKEN_DEAD, "410", None, None),
        (Reply(429, b"", {"retry-after": "30"}), V.RETRY, "429", R.THROTTLED, 30.0),
        (Reply(502, b"<html>"), V.RETRY, "502", R.SERVER, None),
        (Reply(307), V.CONFIG_BAD, "307", None, None),
        (
            Reply(400, b'{"reason":"BadDeviceToken"}', act=Act.ANSWER_IN_PIECES),
            V.TOKEN_DEAD,
            "BadDeviceToken",
            None,
            None,
        ),
        (Reply(act=Act.NEVER), V.RETRY, "timeout", R.UNKNOWN_OUTCOME, None),
    ],
)
def test_every_row_of_the_code_table(
    vendor: StartVendor,
    authority: Authority,
    reply: Reply,
    verdict: Verdict,
    code: str,
    reason: RetryReason | None,
    wait: float | None,
) -> None:
    result = send(vendor(lambda seen: reply), authority, push(TOKEN))[0]
    found = (result.verdict, result.vendor_code, result.retry_reason, result.retry_after_seconds)
    assert found == (verdict, code, reason, wait)


def test_apple_says_since_when_a_token_is_dead(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: refused(410, "Unregistered", timestamp=1_700_000_000_500))
    result = send(server, authority, push(TOKEN))[0]
    assert (result.verdict, result.token_dead_at) == (V.TOKEN_DEAD, 1_700_000_000.5)


def test_a_mixed_up_environment_retires_nobody(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: refused(400, "BadDeviceToken"))
    results = send(server, authority, *(push(f"{number:02x}" * 32) for number in range(12)))
    assert {result.verdict for result in results} == {V.CONFIG_BAD}


def seen_of(vendor: StartVendor, authority: Authority, message: PushMessage) -> Seen:
    server = vendor(lambda seen: Reply())
    send(server, authority, message)
    return server.seen[0]


def test_the_headers_of_an_alert(vendor: StartVendor, authority: Authority) -> None:
    message = push(TOKEN, nid="nid-7")
    seen = seen_of(vendor, authority, message)
    assert (seen.method, seen.path) == ("POST", f"/3/device/{TOKEN}")
    expected = {
        "apns-topic": "com.example.shop",
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-id": "f420089b-0198-5f1d-8b9f-c8765d1e1c93",
        "apns-collapse-id": "nid-7",
        "apns-expiration": str(int(message.expires_at)),
    }
    assert {name: value for name, value in seen.headers.items() if name.startswith("apns-")} == expected


def test_the_same_notification_has_the_same_id_in_every_try(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply())
    results = send(server, authority, push(TOKEN), push(TOKEN), push(TOKEN, nid="other"))
    ids = [seen.headers["apns-id"] for seen in server.seen]
    assert [result.vendor_message_id for result in results] == ids
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("content", "name", "value"),
    [
        (PushContent("T", "B", collapse_key="score"), "apns-collapse-id", "score"),
        (PushContent("T", "B", collapse_key="x" * 65), "apns-collapse-id", "lTfF_fEgSC99WNJentWD9SwCtOME6oFN"),
        (PushContent("T", "B", collapse_key="a\r\nX: y"), "apns-collapse-id", "GlIasS6qfkqk7Lru0BvPBJ18MykpIvCU"),
        (PushContent("T", "B", urgency="normal"), "apns-priority", "5"),
        (PushContent("T", "B", silent=True), "apns-priority", "5"),
        (PushContent("T", "B", silent=True), "apns-push-type", "background"),
    ],
)
def test_headers_follow_the_content(
    vendor: StartVendor, authority: Authority, content: PushContent, name: str, value: str
) -> None:
    headers = seen_of(vendor, authority, push(TOKEN, content=content)).headers
    assert headers[name] == value
    assert "x" not in headers


@pytest.mark.parametrize(("ttl", "shift"), [(-10, None), (60, 60), (90 * 86_400, 30 * 86_400)])
def test_the_expiration_stays_within_what_apple_keeps(
    vendor: StartVendor, authority: Authority, ttl: float, shift: float | None
) -> None:
    found = int(seen_of(vendor, authority, push(TOKEN, ttl=ttl)).headers["apns-expiration"])
    assert found == 0 if shift is None else abs(found - time.time() - shift) < 50


def test_everything_a_content_can_say(vendor: StartVendor, authority: Authority) -> None:
    content = PushContent(
        'Zażółć "gęślą"',
        "jaźń\n👍",
        image_url="https://x.test/i.png",
        link="shop://sale",
        data={"k": "v", "nid": "forged", "aps": "forged"},
        buttons=(Button("buy", "Kup", "shop://buy"), Button("no", "Nie")),
        badge=0,
        sound="ding.caf",
        interruption_level="time-sensitive",
        subtitle="Shop",
    )
    body = seen_of(vendor, authority, push(TOKEN, content=content)).body
    assert json.loads(body) == {
        "aps": {
            "alert": {"title": content.title, "subtitle": "Shop", "body": content.body},
            "mutable-content": 1,
            "badge": 0,
            "sound": "ding.caf",
            "category": "hg.buy.no",
            "interruption-level": "time-sensitive",
        },
        "k": "v",
        "nid": "nid-1",
        "link": "shop://sale",
        "image": "https://x.test/i.png",
        "buttons": [
            {"id": "buy", "label": "Kup", "link": "shop://buy"},
            {"id": "no", "label": "Nie", "link": ""},
        ],
    }


def test_a_silent_message_shows_nothing(vendor: StartVendor, authority: Authority) -> None:
    body = seen_of(vendor, authority, push(TOKEN, content=PushContent("T", "B", silent=True))).body
    assert json.loads(body) == {"aps": {"content-available": 1}, "nid": "nid-1"}


@pytest.mark.parametrize(("length", "verdict"), [(0, V.ACCEPTED), (1, V.MESSAGE_BAD)])
def test_a_payload_over_apples_limit_is_not_sent(
    vendor: StartVendor, authority: Authority, length: int, verdict: Verdict
) -> None:
    server = vendor(lambda seen: Reply())
    room = 4096 - payload_bytes(PushContent("T", ""))
    message = push(TOKEN, content=PushContent("T", "x" * (room + length)), nid="n" * 40)
    assert send(server, authority, message)[0].verdict is verdict
    assert [len(seen.body) for seen in server.seen] == ([4096] if verdict is V.ACCEPTED else [])


@pytest.mark.parametrize("address", ["", "ab" * 31, "abc" * 32 + "f", "zz" * 32, f"{TOKEN}/../x", f"{TOKEN}?a"])
def test_an_address_that_is_no_token_never_reaches_a_url(
    vendor: StartVendor, authority: Authority, address: str
) -> None:
    server = vendor(lambda seen: Reply())
    results = send(server, authority, push(address), push(TOKEN))
    assert [(result.verdict, result.vendor_code) for result in results] == [
        (V.TOKEN_DEAD, "BadDeviceToken"),
        (V.ACCEPTED, ""),
    ]
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("environment", "host"), [("production", "api.push.apple.com"), ("sandbox", "api.sandbox.push.apple.com")]
)
def test_the_environment_chooses_apples_host(environment: str, host: str) -> None:
    gateway = ApnsGateway(CREDENTIALS, Endpoints())
    assert gateway._url(push(TOKEN, environment=environment)) == f"https://{host}:443/3/device/{TOKEN}"


def test_the_provider_token_is_what_apple_wants(vendor: StartVendor, authority: Authority) -> None:
    kind, _, token = seen_of(vendor, authority, push(TOKEN)).headers["authorization"].partition(" ")
    claims = jwt.decode(token, KEY.public_key(), algorithms=["ES256"])
    assert kind == "bearer"
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "KEYID12345", "typ": "JWT"}
    assert claims["iss"] == "TEAMID1234"
    assert 0 <= time.time() - claims["iat"] <= 2400


def header_at(seconds: float) -> str:
    return ProviderTokens(CREDENTIALS, now=lambda: seconds).get_header()


_IN_ANOTHER_PROCESS = """
import sys
from apps.gateways.apns_token import ProviderTokens
from apps.gateways.contract import ApnsCredentials
print(ProviderTokens(ApnsCredentials(*sys.argv[1:5]), now=lambda: float(sys.argv[5])).get_header())
"""


def test_every_process_makes_the_same_provider_token() -> None:
    fields = [CREDENTIALS.key_p8, CREDENTIALS.key_id, CREDENTIALS.team_id, CREDENTIALS.topic]
    headers = {
        subprocess.run(
            [sys.executable, "-c", _IN_ANOTHER_PROCESS, *fields, str(seconds)],
            check=True,
            capture_output=True,
            text=True,
            timeout=150,
        ).stdout.strip()
        for seconds in (1_800_000_100.0, 1_800_000_900.5)
    }
    assert headers == {header_at(1_800_000_100.0)}


def test_the_provider_token_changes_every_forty_minutes() -> None:
    start = 750_000 * 2400
    assert header_at(start) == header_at(start + 2399) != header_at(start + 2400)


def test_an_expired_provider_token_is_renewed_once(vendor: StartVendor, authority: Authority) -> None:
    first: list[str] = []

    def script(seen: Seen) -> Reply:
        first.append(seen.headers["authorization"])
        return refused(403, "ExpiredProviderToken") if seen.headers["authorization"] == first[0] else Reply()

    server = vendor(script)
    late_in_window = 750_000 * 2400 + 2000
    gateway = gateway_at(server, authority, now=lambda: late_in_window)
    calls = send_all(gateway, [push(TOKEN, nid=str(number)) for number in range(5)], [push(TOKEN)])
    assert {result.verdict for results in calls for result in results} == {V.ACCEPTED}
    assert len(set(first)) == 2
    assert len(first) == 11


def test_a_clock_that_is_wrong_is_named(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: refused(403, "ExpiredProviderToken"))
    gateway = gateway_at(server, authority, now=lambda: 750_000 * 2400 + 100)
    result = send_all(gateway, [push(TOKEN)])[0][0]
    assert (result.verdict, result.vendor_code) == (V.CONFIG_BAD, "ExpiredProviderToken")
    assert "clock" in result.detail
    assert len(server.seen) == 1


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)])
def test_another_kind_of_key_is_refused(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    with pytest.raises(ValueError, match="P-256"):
        ProviderTokens(ApnsCredentials(pem(key), "K", "T", "t"))
