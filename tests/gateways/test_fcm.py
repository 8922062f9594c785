"""FCM against a vendor that speaks it: every row of the code table, the message, the access token."""

import json
import time
from collections.abc import Callable

import pytest

from apps.gateways.contract import (
    Button,
    Endpoints,
    FcmCredentials,
    PushContent,
    PushMessage,
    RetryReason,
    SendResult,
    Verdict,
)
from apps.gateways.fcm import FcmGateway
from tests.gateways.certificates import Authority
from tests.gateways.conftest import push, send_all
from tests.gateways.google import Google, accepted, gateway_at, refused, service_account
from tests.gateways.vendor import Act, Reply, Vendor

StartVendor = Callable[..., Vendor]
V, R = Verdict, RetryReason


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def server(vendor: StartVendor, google: Google) -> Vendor:
    return vendor(google)


def send(server: Vendor, authority: Authority, *messages: PushMessage) -> list[SendResult]:
    return send_all(gateway_at(server.url, authority.ca_file), messages)[0]


def sent_messages(server: Vendor) -> list[dict[str, object]]:
    return [json.loads(seen.body)["message"] for seen in server.seen if seen.path != "/token"]


@pytest.mark.parametrize(
    ("reply", "verdict", "code", "reason", "wait"),
    [
        (accepted(), V.ACCEPTED, "", None, None),
        (Reply(200, b'{"na', {}), V.ACCEPTED, "", None, None),
        (Reply(200, b"<html>log in</html>"), V.RETRY, "not_fcm", R.SERVER, None),
        (refused(404, "NOT_FOUND", "UNREGISTERED"), V.TOKEN_DEAD, "UNREGISTERED", None, None),
        (refused(404, "NOT_FOUND"), V.CONFIG_BAD, "NOT_FOUND", None, None),
        (refused(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), V.TOKEN_DEAD, "SENDER_ID_MISMATCH", None, None),
        (refused(403, "PERMISSION_DENIED"), V.CONFIG_BAD, "PERMISSION_DENIED", None, None),
        (
            refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", fields=True),
            V.MESSAGE_BAD,
            "INVALID_ARGUMENT",
            None,
            None,
        ),
        (
            refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "The registration token is not valid"),
            V.MESSAGE_BAD,
            "INVALID_ARGUMENT",
            None,
            None,
        ),
        (refused(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), V.CONFIG_BAD, "THIRD_PARTY_AUTH_ERROR", None, None),
        (refused(401, "UNAUTHENTICATED", "APNS_AUTH_ERROR"), V.CONFIG_BAD, "APNS_AUTH_ERROR", None, None),
        (refused(401, "UNAUTHENTICATED"), V.CONFIG_BAD, "UNAUTHENTICATED", None, None),
        (refused(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), V.RETRY, "QUOTA_EXCEEDED", R.THROTTLED, 60.0),
        (refused(500, "INTERNAL", "INTERNAL"), V.RETRY, "INTERNAL", R.SERVER, None),
        (refused(503, "UNAVAILABLE", "UNAVAILABLE"), V.RETRY, "UNAVAILABLE", R.SERVER, None),
        (Reply(503, b"", {"retry-after": "120"}), V.RETRY, "503", R.SERVER, 120.0),
        (Reply(429, b"", {"retry-after": "7200"}), V.RETRY, "429", R.THROTTLED, 3600.0),
        (Reply(429, b"", {"retry-after": "soon"}), V.RETRY, "429", R.THROTTLED, 60.0),
        (Reply(502, b"<html>Bad Gateway</html>"), V.RETRY, "502", R.SERVER, None),
        (Reply(504, b"<html>Gateway Timeout</html>"), V.RETRY, "504", R.UNKNOWN_OUTCOME, None),
        (Reply(302, b"", {"location": "/elsewhere"}), V.CONFIG_BAD, "302", None, None),
        (Reply(418, b"{}"), V.MESSAGE_BAD, "418", None, None),
        (Reply(400, b'{"error": "text"}'), V.MESSAGE_BAD, "400", None, None),
        (Reply(500, b"[" * 50_000), V.RETRY, "500", R.SERVER, None),
        (Reply(act=Act.NEVER), V.RETRY, "timeout", R.UNKNOWN_OUTCOME, None),
    ],
)
def test_every_row_of_the_code_table(
    server: Vendor,
    google: Google,
    authority: Authority,
    reply: Reply,
    verdict: Verdict,
    code: str,
    reason: RetryReason | None,
    wait: float | None,
) -> None:
    google.fcm = lambda message, seen: reply
    result = send(server, authority, push())[0]
    found = (result.verdict, result.vendor_code, result.retry_reason, result.retry_after_seconds)
    assert found == (verdict, code, reason, wait)


def test_the_vendors_message_id_is_kept(server: Vendor, authority: Authority) -> None:
    assert send(server, authority, push())[0].vendor_message_id == "0:1"


@pytest.fixture
def picky(google: Google) -> Google:
    """Knows only the token "good"."""
    bad = refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "The registration token is not a valid FCM token")
    google.fcm = lambda message, seen: accepted() if message["token"] == "good" else bad
    return google


def test_a_refused_token_is_dead_if_the_same_payload_was_accepted_elsewhere(
    server: Vendor, picky: Google, authority: Authority
) -> None:
    results = send(server, authority, push("bad"), push("good"))
    assert [result.verdict for result in results] == [V.TOKEN_DEAD, V.ACCEPTED]


def test_an_acceptance_of_an_earlier_call_is_remembered(server: Vendor, picky: Google, authority: Authority) -> None:
    gateway = gateway_at(server.url, authority.ca_file)
    assert send_all(gateway, [push("good")], [push("bad", nid="other")])[1][0].verdict is V.TOKEN_DEAD


def test_another_payload_proves_nothing(server: Vendor, picky: Google, authority: Authority) -> None:
    other = push("bad", content=PushContent("Title", "Another body"))
    assert send(server, authority, push("good"), other)[1].verdict is V.MESSAGE_BAD


def test_a_wrong_project_retires_nobody(server: Vendor, google: Google, authority: Authority) -> None:
    google.fcm = lambda message, seen: refused(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
    results = send(server, authority, *(push(f"t{number}") for number in range(12)))
    assert {result.verdict for result in results} == {V.CONFIG_BAD}


def test_the_message_carries_what_makes_a_second_copy_replace_the_first(server: Vendor, authority: Authority) -> None:
    send(server, authority, push("a:b", nid="nid-7", ttl=600.9))
    message = sent_messages(server)[0]
    assert message["token"] == "a:b"
    assert message["data"] == {"nid": "nid-7"}
    assert message["notification"] == {"title": "Title", "body": "Body"}
    assert message["android"] == {"ttl": "600s", "priority": "high", "notification": {"tag": "nid-7"}}
    assert message["apns"]["headers"]["apns-collapse-id"] == "nid-7"  # type: ignore[index]
    assert message["webpush"]["notification"] == {"tag": "nid-7"}  # type: ignore[index]


def test_a_collapse_key_of_the_sender_wins(server: Vendor, authority: Authority) -> None:
    send(server, authority, push(content=PushContent("T", "B", collapse_key="score")))
    android = sent_messages(server)[0]["android"]
    assert android["collapse_key"] == android["notification"]["tag"] == "score"  # type: ignore[index]


def test_an_installation_id_is_sent_as_such(server: Vendor, authority: Authority) -> None:
    send(server, authority, push("installation", address_kind="fid"))
    message = sent_messages(server)[0]
    assert message["fid"] == "installation"
    assert "token" not in message


def test_everything_a_content_can_say(server: Vendor, authority: Authority) -> None:
    content = PushContent(
        'Zażółć "gęślą"',
        "jaźń\n👍",
        image_url="https://x.test/i.png",
        link="https://x.test/sale",
        data={"k": "v", "nid": "forged"},
        buttons=(Button("buy", "Kup"),),
        badge=0,
        sound="ding",
        urgency="normal",
        android_channel="deals",
        interruption_level="time-sensitive",
        subtitle="Shop",
        android_icon="ic_parcel",
        lock_screen="secret",
    )
    send(server, authority, push(content=content))
    message = sent_messages(server)[0]
    assert message["notification"] == {"title": content.title, "body": content.body, "image": content.image_url}
    assert message["data"] == {
        "k": "v",
        "nid": "nid-1",
        "link": content.link,
        "buttons": '[{"id":"buy","label":"Kup","link":""}]',
    }
    assert message["android"]["notification"] == {  # type: ignore[index]
        "tag": "nid-1",
        "channel_id": "deals",
        "sound": "ding",
        "notification_count": 0,
        "icon": "ic_parcel",
        "visibility": "SECRET",
    }
    assert message["apns"]["payload"]["aps"] == {  # type: ignore[index]
        "alert": {"title": content.title, "subtitle": "Shop", "body": content.body},
        "badge": 0,
        "sound": "ding",
        "mutable-content": 1,
        "interruption-level": "time-sensitive",
    }


def test_a_silent_message_shows_nothing(server: Vendor, authority: Authority) -> None:
    send(server, authority, push(content=PushContent("T", "B", silent=True)))
    message = sent_messages(server)[0]
    assert "notification" not in message
    assert "notification" not in message["android"]  # type: ignore[operator]
    assert message["apns"]["payload"] == {"aps": {"content-available": 1}}  # type: ignore[index]


@pytest.mark.parametrize(("ttl", "sent"), [(-5, "0s"), (0.5, "0s"), (86_400 * 90, "2419200s")])
def test_the_time_to_live_stays_within_what_fcm_takes(
    server: Vendor, authority: Authority, ttl: float, sent: str
) -> None:
    send(server, authority, push(ttl=ttl))
    assert sent_messages(server)[0]["android"]["ttl"] == sent  # type: ignore[index]


def test_an_address_cannot_add_fields(server: Vendor, authority: Authority) -> None:
    send(server, authority, push('x","topic":"all'))
    assert sent_messages(server)[0]["token"] == 'x","topic":"all'


def test_one_message_that_cannot_be_encoded_harms_no_other(server: Vendor, authority: Authority) -> None:
    broken = [push(content=PushContent("\ud800", "B")), push("\udfff"), push(content=PushContent("T", "B", badge="x"))]  # type: ignore[arg-type]
    results = send(server, authority, push("one"), *broken, push("two"))
    assert [result.verdict for result in results] == [
        V.ACCEPTED,
        V.MESSAGE_BAD,
        V.MESSAGE_BAD,
        V.MESSAGE_BAD,
        V.ACCEPTED,
    ]


def test_fifty_calls_at_once_share_one_access_token(server: Vendor, google: Google, authority: Authority) -> None:
    calls = [[push(f"t{number}")] for number in range(50)]
    results = send_all(gateway_at(server.url, authority.ca_file), *calls, at_once=True)
    assert {result.verdict for (result,) in results} == {V.ACCEPTED}
    assert len(google.claims) == 1
    assert google.claims[0]["scope"] == "https://www.googleapis.com/auth/firebase.messaging"


def test_a_rejected_access_token_is_renewed_once_for_all(server: Vendor, google: Google, authority: Authority) -> None:
    def fcm(message: dict[str, object], seen: object) -> Reply:
        return accepted() if seen.headers["authorization"] == "Bearer tok-2" else refused(401, "UNAUTHENTICATED")  # type: ignore[attr-defined]

    google.fcm = fcm
    calls = [[push(f"t{number}")] for number in range(50)]
    results = send_all(gateway_at(server.url, authority.ca_file), *calls, at_once=True)
    assert {result.verdict for (result,) in results} == {V.ACCEPTED}
    assert len(google.claims) == 2


def test_an_access_token_is_renewed_before_it_expires(server: Vendor, google: Google, authority: Authority) -> None:
    shift = [0.0]
    gateway = gateway_at(server.url, authority.ca_file, now=lambda: time.time() + shift[0])
    google.fcm = lambda message, seen: (shift.__setitem__(0, shift[0] + 1650), accepted())[1]
    send_all(gateway, [push()], [push()], [push()], [push()])
    used = [seen.headers["authorization"] for seen in server.seen if seen.path != "/token"]
    assert used == ["Bearer tok-1", "Bearer tok-1", "Bearer tok-1", "Bearer tok-2"]


@pytest.mark.parametrize(
    ("reply", "verdict", "code"),
    [
        (Reply(400, b'{"error": "invalid_grant", "error_description": "Invalid JWT"}'), V.CONFIG_BAD, "invalid_grant"),
        (Reply(401, b'{"error": "invalid_client"}'), V.CONFIG_BAD, "invalid_client"),
        (Reply(200, b"<html>log in</html>"), V.CONFIG_BAD, "oauth_unreadable"),
        (Reply(200, b'{"access_token": "x"}'), V.CONFIG_BAD, "oauth_unreadable"),
        (Reply(503, b""), V.CONFIG_BAD, "oauth_unavailable"),
    ],
)
def test_no_access_token_no_message(
    server: Vendor, google: Google, authority: Authority, reply: Reply, verdict: Verdict, code: str
) -> None:
    google.oauth = lambda: reply
    results = send(server, authority, push("one"), push("two"))
    assert [(result.verdict, result.vendor_code) for result in results] == [(verdict, code)] * 2
    assert not sent_messages(server)


def test_a_token_server_that_is_down_fails_nobody(authority: Authority) -> None:
    result = send_all(gateway_at("http://127.0.0.1:9", authority.ca_file), [push()])[0][0]
    assert (result.verdict, result.vendor_code) == (V.CONFIG_BAD, "oauth_unreachable")


def test_a_token_server_nobody_vouches_for(server: Vendor) -> None:
    result = send_all(gateway_at(server.url, ""), [push()])[0][0]
    assert (result.verdict, result.vendor_code) == (V.CONFIG_BAD, "tls_untrusted")


@pytest.mark.parametrize("changes", [{"project_id": ""}, {"private_key": "x"}, {"type": "authorized_user"}])
def test_unusable_credentials_are_refused(changes: dict[str, str]) -> None:
    account = {**service_account("https://oauth2.googleapis.com/token"), **changes}
    with pytest.raises(ValueError, match=r"."):
        FcmGateway(FcmCredentials(account), Endpoints())
