"""Web Push against a vendor that speaks it: every row of the code table, headers, payload, VAPID."""

import time
from collections.abc import Callable
from itertools import count

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from apps.gateways.contract import (
    Button,
    Endpoints,
    PushContent,
    PushMessage,
    RetryReason,
    SendResult,
    VapidCredentials,
    Verdict,
)
from apps.gateways.identifiers import short_name
from apps.gateways.vapid import VapidHeaders
from apps.gateways.webpush import WebPushGateway
from apps.gateways.webpush_payload import payload_bytes
from apps.gateways.wire import WireLimits
from tests.gateways.browser import Browser, base64url, point, unbase64url, vapid_credentials
from tests.gateways.certificates import Authority
from tests.gateways.conftest import send_all
from tests.gateways.vendor import Act, Reply, Seen, Vendor

StartVendor = Callable[..., Vendor]
V, R = Verdict, RetryReason
KEY = ec.generate_private_key(ec.SECP256R1())
LIMITS = WireLimits(connections=4, deadline_seconds=3.0)


def gateway_at(authority: Authority, *, hosts: tuple[str, ...] = ("127.0.0.1",)) -> WebPushGateway:
    endpoints = Endpoints(webpush_allowed_hosts=hosts, ca_file=authority.ca_file)
    return WebPushGateway(vapid_credentials(KEY), endpoints, limits=LIMITS)


def send(authority: Authority, *messages: PushMessage) -> list[SendResult]:
    return send_all(gateway_at(authority), messages)[0]


@pytest.mark.parametrize(
    ("reply", "verdict", "code", "reason", "wait"),
    [
        (Reply(201), V.ACCEPTED, "", None, None),
        (Reply(202), V.ACCEPTED, "", None, None),
        (Reply(200), V.ACCEPTED, "", None, None),
        (Reply(404), V.TOKEN_DEAD, "404", None, None),
        (Reply(410), V.TOKEN_DEAD, "410", None, None),
        (Reply(400), V.MESSAGE_BAD, "400", None, None),
        (Reply(413), V.MESSAGE_BAD, "413", None, None),
        (Reply(401), V.CONFIG_BAD, "401", None, None),
        (Reply(403), V.CONFIG_BAD, "403", None, None),
        (Reply(406), V.RETRY, "406", R.THROTTLED, 60.0),
        (Reply(429, b"", {"retry-after": "120"}), V.RETRY, "429", R.THROTTLED, 120.0),
        (Reply(500), V.RETRY, "500", R.SERVER, None),
        (Reply(502, b"<html>"), V.RETRY, "502", R.SERVER, None),
        (Reply(503, b"", {"retry-after": "9"}), V.RETRY, "503", R.SERVER, 9.0),
        (Reply(504), V.RETRY, "504", R.UNKNOWN_OUTCOME, None),
        (Reply(301, b"", {"location": "/x"}), V.MESSAGE_BAD, "301", None, None),
        (Reply(418), V.MESSAGE_BAD, "418", None, None),
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
    server = vendor(lambda seen: reply)
    result = send(authority, Browser(f"{server.url}/wp/1").message())[0]
    found = (result.verdict, result.vendor_code, result.retry_reason, result.retry_after_seconds)
    assert found == (verdict, code, reason, wait)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(400, b'{"errno": 111, "message": "missing TTL"}'), "missing TTL"),
        (Reply(403, b'{"reason": "BadJwtToken"}'), "BadJwtToken"),
        (Reply(400, b"", {"x-wns-error-description": "ttl conflict"}), "ttl conflict"),
        (Reply(400, b"plain words"), "plain words"),
    ],
)
def test_each_vendor_explains_itself_in_its_own_place(
    vendor: StartVendor, authority: Authority, reply: Reply, words: str
) -> None:
    server = vendor(lambda seen: reply)
    assert send(authority, Browser(f"{server.url}/wp/1").message())[0].detail == words


def test_a_subscription_of_another_key_is_dead_if_our_key_is_good_elsewhere(
    vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(lambda seen: Reply(201 if seen.path == "/wp/1" else 403))
    one, two = (Browser(f"{server.url}/wp/{number}").message() for number in (1, 2))
    assert [result.verdict for result in send(authority, two, one)] == [V.TOKEN_DEAD, V.ACCEPTED]


def test_a_refused_token_of_ours_kills_no_subscription(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(201) if seen.path == "/wp/1" else Reply(403, b'{"reason": "BadJwtToken"}'))
    one, two = (Browser(f"{server.url}/wp/{number}").message() for number in (1, 2))
    assert [result.verdict for result in send(authority, two, one)] == [V.CONFIG_BAD, V.ACCEPTED]


def test_a_key_that_most_subscriptions_refuse_retires_none(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(201 if seen.path == "/wp/0" else 403))
    results = send(authority, *(Browser(f"{server.url}/wp/{number}").message() for number in range(12)))
    assert {result.verdict for result in results[1:]} == {V.CONFIG_BAD}


def test_the_location_is_kept(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(201, b"", {"location": "https://push.test/m/1"}))
    assert send(authority, Browser(f"{server.url}/wp/1").message())[0].vendor_message_id == "https://push.test/m/1"


def seen_of(
    vendor: StartVendor, authority: Authority, content: PushContent | None = None, **rest: object
) -> tuple[Browser, Seen]:
    server = vendor(lambda seen: Reply(201))
    browser = Browser(f"{server.url}/wp/1")
    send(authority, browser.message(content, **rest))
    return browser, server.seen[0]


def test_the_headers(vendor: StartVendor, authority: Authority) -> None:
    headers = seen_of(vendor, authority, nid="nid-7", ttl=600.9)[1].headers
    assert headers["ttl"] == "600"
    assert headers["urgency"] == "high"
    assert headers["topic"] == short_name("nid-7")
    assert headers["content-encoding"] == "aes128gcm"


@pytest.mark.parametrize(("ttl", "sent"), [(-5, "60"), (0, "60"), (90 * 86_400, "2419200")])
def test_the_time_to_live_suits_every_vendor(vendor: StartVendor, authority: Authority, ttl: float, sent: str) -> None:
    assert seen_of(vendor, authority, ttl=ttl)[1].headers["ttl"] == sent


def test_a_collapse_key_of_the_sender_wins(vendor: StartVendor, authority: Authority) -> None:
    browser, seen = seen_of(vendor, authority, PushContent("T", "B", collapse_key="score"))
    assert seen.headers["topic"] == short_name("score")
    assert browser.read(seen.body)["notification"]["tag"] == "score"


def test_everything_a_content_can_say(vendor: StartVendor, authority: Authority) -> None:
    content = PushContent(
        'Zażółć "gęślą"',
        "jaźń 👍",
        image_url="https://x.test/i.png",
        link="https://x.test/sale",
        data={"k": "v"},
        buttons=(Button("buy", "Kup", "https://x.test/buy", "https://x.test/b.png"), Button("no", "Nie")),
        badge=3,
    )
    browser, seen = seen_of(vendor, authority, content)
    assert browser.read(seen.body) == {
        "web_push": 8030,
        "mutable": True,
        "nid": "nid-1",
        "app_badge": 3,
        "notification": {
            "title": content.title,
            "body": content.body,
            "navigate": "https://x.test/sale",
            "tag": "nid-1",
            "image": "https://x.test/i.png",
            "data": {"k": "v"},
            "actions": [
                {"action": "buy", "title": "Kup", "navigate": "https://x.test/buy", "icon": "https://x.test/b.png"},
                {"action": "no", "title": "Nie", "navigate": "https://x.test/sale"},
            ],
        },
    }


def test_a_silent_message_still_shows_something(vendor: StartVendor, authority: Authority) -> None:
    browser, seen = seen_of(vendor, authority, PushContent("T", "B", silent=True))
    assert browser.read(seen.body)["notification"] == {
        "title": "T",
        "body": "B",
        "navigate": "/",
        "tag": "nid-1",
        "silent": True,
    }


@pytest.mark.parametrize(("length", "verdict"), [(0, V.ACCEPTED), (1, V.MESSAGE_BAD)])
def test_a_payload_over_the_limit_is_not_sent(
    vendor: StartVendor, authority: Authority, length: int, verdict: Verdict
) -> None:
    server = vendor(lambda seen: Reply(201))
    content = PushContent("T", "x" * (3993 - payload_bytes(PushContent("T", "")) + length))
    result = send(authority, Browser(f"{server.url}/wp/1").message(content, nid="n" * 40))[0]
    assert result.verdict is verdict
    assert [len(seen.body) for seen in server.seen] == ([4096] if verdict is V.ACCEPTED else [])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"webpush_p256dh": ""}, "keys_invalid"),
        ({"webpush_p256dh": base64url(b"\x04" + b"\x01" * 64)}, "keys_invalid"),
        ({"webpush_auth": base64url(b"short")}, "keys_invalid"),
        ({"webpush_auth": "!"}, "keys_invalid"),
    ],
)
def test_a_broken_subscription_harms_no_other(
    vendor: StartVendor, authority: Authority, changes: dict[str, str], code: str
) -> None:
    server = vendor(lambda seen: Reply(201))
    browser = Browser(f"{server.url}/wp/1")
    results = send(authority, browser.message(), browser.message(**changes), browser.message())
    assert [(result.verdict, result.vendor_code) for result in results] == [
        (V.ACCEPTED, ""),
        (V.TOKEN_DEAD, code),
        (V.ACCEPTED, ""),
    ]


def test_nothing_is_sent_to_a_host_that_is_not_allowed(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(201))
    message = Browser(f"{server.url}/wp/1").message()
    refused = send_all(gateway_at(authority, hosts=()), [message])[0][0]
    assert (refused.verdict, refused.vendor_code) == (V.TOKEN_DEAD, "endpoint_not_allowed")
    assert not server.seen
    assert send(authority, message)[0].verdict is V.ACCEPTED


def test_vapid_says_who_sends_to_whom(vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(201))
    send(authority, Browser(f"{server.url}/wp/1").message(), Browser(f"{server.url}/wp/2").message())
    headers = {seen.headers["authorization"] for seen in server.seen}
    kind, _, rest = headers.pop().partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(","))
    claims = jwt.decode(parts["t"], KEY.public_key(), algorithms=["ES256"], audience=server.url)
    assert kind == "vapid"
    assert not headers
    assert unbase64url(parts["k"]) == point(KEY)
    assert claims["sub"] == "mailto:push@example.com"
    assert 0 < claims["exp"] - time.time() < 86_400


def test_each_push_service_gets_its_own_vapid_header_for_hours() -> None:
    clock = count(1_800_000_000, 3600)
    headers = VapidHeaders(vapid_credentials(KEY), now=lambda: next(clock))
    mozilla = [headers.header("https://updates.push.services.mozilla.com") for _ in range(14)]
    assert len(set(mozilla)) == 2
    audience = jwt.decode(
        headers.header("https://web.push.apple.com").partition("t=")[2].partition(",")[0],
        options={"verify_signature": False},
    )["aud"]
    assert audience == "https://web.push.apple.com"


OTHER = vapid_credentials(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    "credentials",
    [
        VapidCredentials(OTHER.private_key, vapid_credentials(KEY).public_key, OTHER.subject),
        VapidCredentials(OTHER.private_key, OTHER.public_key, "somebody"),
        VapidCredentials("short", OTHER.public_key, OTHER.subject),
        VapidCredentials("", "", ""),
    ],
)
def test_unusable_credentials_are_refused(credentials: VapidCredentials) -> None:
    with pytest.raises(ValueError, match=r"."):
        WebPushGateway(credentials, Endpoints())
