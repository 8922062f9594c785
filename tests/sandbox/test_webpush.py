"""The push service, with bodies that pywebpush's own library encrypts."""

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from apps.sandbox.certificates import private_key_pem
from apps.sandbox.subscriptions import base64url, derive_key, from_base64url, public_point
from tests.fixtures_sandbox import RunningSandbox

PAYLOAD = {"title": "Hi", "body": "There", "nid": "n1"}


@dataclass
class Browser:
    """A subscription and the site that may push to it."""

    id: str
    endpoint: str
    p256dh: str
    auth: str
    origin: str
    key: ec.EllipticCurvePrivateKey

    def encrypt(self, plaintext: bytes) -> bytes:
        sender = ec.generate_private_key(ec.SECP256R1())
        receiver, secret = from_base64url(self.p256dh), from_base64url(self.auth)
        return http_ece.encrypt(plaintext, os.urandom(16), private_key=sender, dh=receiver, auth_secret=secret)

    def authorization(self, key: ec.EllipticCurvePrivateKey | None = None, **claims: Any) -> str:
        key = key or self.key
        good = {"aud": self.origin, "exp": int(time.time()) + 3600, "sub": "mailto:push@shop.example.com"}
        token = jwt.encode({**good, **claims}, private_key_pem(key), "ES256")
        return f"vapid t={token}, k={base64url(public_point(key))}"

    def push(self, body: bytes | None = None, **changes: str) -> tuple[int, dict[str, str], Any]:
        """(status, headers, JSON). changes: headers with underscores, "" removes one."""
        headers = {
            "ttl": "60",
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "authorization": self.authorization(),
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        given = {name: value for name, value in headers.items() if value}
        body = self.encrypt(json.dumps(PAYLOAD).encode()) if body is None else body
        request = urllib.request.Request(self.endpoint, body, given, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), None
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), json.loads(error.read())


def subscribe(sandbox: RunningSandbox, **wishes: str) -> Browser:
    status, made = sandbox.call("POST", "/_subscriptions", wishes)
    assert status == 201, made
    vapid = sandbox.credentials.app("shop").vapid
    key = ec.derive_private_key(int.from_bytes(from_base64url(vapid.private_key)), ec.SECP256R1())
    endpoint, keys = made["endpoint"], made["keys"]
    return Browser(endpoint.rpartition("/")[2], endpoint, keys["p256dh"], keys["auth"], sandbox.url, key)


@pytest.fixture
def browser(sandbox: RunningSandbox) -> Browser:
    return subscribe(sandbox)


def test_a_push_reaches_the_browser(sandbox: RunningSandbox, browser: Browser) -> None:
    status, headers, _ = browser.push(topic="t1", urgency="high")
    assert status == 201
    assert headers["location"].startswith(f"{sandbox.url}/wp/m/")
    (kept,) = sandbox.inbox(token=browser.endpoint)["messages"]
    assert (kept["token"], kept["notification_id"], kept["payload"]) == (browser.id, "n1", PAYLOAD)
    assert (kept["headers"]["topic"], kept["headers"]["ttl"]) == ("t1", "60")


def test_keys_follow_from_the_id_without_a_call(sandbox: RunningSandbox) -> None:
    made = sandbox.credentials.subscription_for("ok-000123.shop")
    same = sandbox.credentials.subscription_for("ok-000123.shop")
    assert made == same
    assert made.endpoint == f"{sandbox.url_tls}/wp/ok-000123.shop"
    assert len(from_base64url(made.p256dh)) == 65
    assert len(from_base64url(made.auth)) == 16


def test_text_that_is_not_json_is_kept(sandbox: RunningSandbox, browser: Browser) -> None:
    assert browser.push(browser.encrypt("zażółć".encode()))[0] == 201
    (kept,) = sandbox.inbox(token=browser.id)["messages"]
    assert (kept["payload"], kept["body"]) == ("zażółć", "zażółć")


def test_no_body_is_a_tickle(sandbox: RunningSandbox, browser: Browser) -> None:
    assert browser.push(b"", content_encoding="")[0] == 201
    assert sandbox.inbox(token=browser.id)["messages"][0]["payload"] is None


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ttl": ""}, 400),
        ({"ttl": "soon"}, 400),
        ({"urgency": "extreme"}, 400),
        ({"topic": "x" * 33}, 400),
        ({"content_encoding": "aesgcm"}, 400),
        ({"authorization": ""}, 401),
        ({"authorization": "WebPush abc"}, 401),
        ({"authorization": "vapid t=a.b.c, k=AAAA"}, 401),
    ],
)
def test_a_bad_request_is_refused(
    sandbox: RunningSandbox, browser: Browser, changes: dict[str, str], status: int
) -> None:
    assert browser.push(**changes)[0] == status
    assert sandbox.inbox()["count"] == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://push.example.com"},
        {"exp": int(time.time()) - 3600},
        {"exp": int(time.time()) + 90000},
        {"exp": None},
        {"sub": "nobody"},
    ],
)
def test_a_bad_vapid_claim_is_401(browser: Browser, claims: dict[str, Any]) -> None:
    assert browser.push(authorization=browser.authorization(**claims))[0] == 401


def test_a_token_signed_by_another_key_is_401(browser: Browser) -> None:
    _, k = browser.authorization().split(", ")
    t, _ = browser.authorization(ec.generate_private_key(ec.SECP256R1())).split(", ")
    assert browser.push(authorization=f"{t}, {k}")[0] == 401


def test_another_sites_key_is_403(browser: Browser) -> None:
    assert browser.push(authorization=browser.authorization(derive_key(b"", "other")))[0] == 403


def test_a_browser_can_subscribe_to_any_site(sandbox: RunningSandbox) -> None:
    key = derive_key(b"", "own")
    browser = subscribe(sandbox, application_server_key=base64url(public_point(key)))
    assert browser.push()[0] == 403
    assert browser.push(authorization=browser.authorization(key))[0] == 201


def test_what_another_browser_could_read_is_400(sandbox: RunningSandbox, browser: Browser) -> None:
    status, _, document = browser.push(subscribe(sandbox).encrypt(b"{}"))
    assert (status, "cannot decrypt" in document["error"]) == (400, True)


@pytest.mark.parametrize(("length", "status"), [(3993, 201), (3994, 413)])
def test_4096_bytes_fit_and_one_more_does_not(browser: Browser, length: int, status: int) -> None:
    assert browser.push(browser.encrypt(b"x" * length))[0] == status


@pytest.mark.parametrize("length", [0, 1, 21, 86, 103])
def test_rubbish_is_400(browser: Browser, length: int) -> None:
    assert browser.push(bytes([65]) * (length or 22))[0] == 400


@pytest.mark.parametrize(("fate", "statuses"), [("dead", [410, 410]), ("bad", [404, 404]), ("flaky", [503, 201])])
def test_a_subscription_carries_its_fate(sandbox: RunningSandbox, fate: str, statuses: list[int]) -> None:
    browser = subscribe(sandbox, fate=fate)
    assert [browser.push()[0] for _ in statuses] == statuses


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("unregistered", 410), ("bad_token", 404), ("payload_bad", 413), ("config_bad", 401), ("throttle", 429)],
)
def test_a_script_may_name_the_endpoint(sandbox: RunningSandbox, browser: Browser, behaviour: str, status: int) -> None:
    sandbox.script("webpush", behaviour, token=browser.endpoint, times=1)
    assert [browser.push()[0] for _ in range(2)] == [status, 201]


def test_the_same_topic_replaces_the_first_copy(sandbox: RunningSandbox, browser: Browser) -> None:
    for _ in range(2):
        browser.push(topic="same")
    assert [kept["replaced"] for kept in sandbox.inbox(token=browser.id)["messages"]] == [True, False]
