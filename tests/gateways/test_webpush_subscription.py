"""Where a subscription may point, and what its keys must be."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from apps.gateways.webpush_subscription import endpoint_fault, origin_of, validate_subscription
from tests.gateways.browser import base64url, point

P256DH = base64url(point(ec.derive_private_key(20261122, ec.SECP256R1())))
AUTH = base64url(b"a" * 16)
ENDPOINT = "https://fcm.googleapis.com/fcm/send/abc:def"


@pytest.mark.parametrize(
    "endpoint",
    [
        ENDPOINT,
        "https://fcm.googleapis.com:443/wp/x",
        "https://FCM.googleapis.com/wp/x",
        "https://jmt17.google.com/fcm/send/x",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://web.push.apple.com/QabC",
        "https://wns2-by3p.notify.windows.com/w/?token=Bg%3d",
    ],
)
def test_the_vendors_push_services_are_allowed(endpoint: str) -> None:
    assert endpoint_fault(endpoint) == ""


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://fcm.googleapis.com/x",
        "file:///etc/passwd",
        "ftp://fcm.googleapis.com/x",
        "https://evil.example/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evilgoogle.com/x",
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://fcm.googleapis.com:8443/x",
        "https://user:word@fcm.googleapis.com/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://evil.example\\@fcm.googleapis.com/x",
        "https://fcm.googleapis.com\\@evil.example/x",
        "https://fcm.googleapis.com?@evil.example/x",
        "https://fcm.googleapis.com#@evil.example/x",
        "https://fcm.googleapis.com/x#fragment",
        "https://fcm.googleapis.com/x y",
        "https://fcm.googleapis.com/x\r\nHost: evil",
        "https://fcm。googleapis。com/x",
        "https://fcm.googleapis.com/ż",
        "//fcm.googleapis.com/x",
        "HTTPS:fcm.googleapis.com/x",
        f"https://fcm.googleapis.com/{'x' * 2048}",
    ],
)
def test_anything_else_is_not(endpoint: str) -> None:
    assert endpoint_fault(endpoint)
    found = validate_subscription(endpoint, P256DH, AUTH)
    assert [(problem.pointer, problem.code) for problem in found] == [
        ("/subscription/endpoint", "endpoint_not_allowed")
    ]


def test_a_listed_host_may_be_plain_http_on_any_port() -> None:
    allowed = ("127.0.0.1", "", "*.push.corp.test")
    assert endpoint_fault("http://127.0.0.1:9400/wp/1", allowed) == ""
    assert endpoint_fault("https://eu.push.corp.test:8443/1", allowed) == ""
    assert endpoint_fault(ENDPOINT, allowed) == ""
    assert endpoint_fault("http://127.0.0.10:9400/wp/1", allowed)


@pytest.mark.parametrize(
    ("p256dh", "auth", "codes"),
    [
        (P256DH, AUTH, []),
        (P256DH + "=", AUTH + "==", []),
        (base64.b64encode(point(ec.derive_private_key(20261122, ec.SECP256R1()))).decode(), AUTH, []),
        ("", AUTH, ["p256dh_invalid"]),
        ("!!", AUTH, ["p256dh_invalid"]),
        ("ż", AUTH, ["p256dh_invalid"]),
        (base64url(b"\x04" + b"\x01" * 64), AUTH, ["p256dh_invalid"]),
        (P256DH[:-4], AUTH, ["p256dh_invalid"]),
        (P256DH, base64url(b"a" * 15), ["auth_must_be_16_bytes"]),
        (P256DH, base64url(b"a" * 17), ["auth_must_be_16_bytes"]),
        (P256DH, base64url(b"a" * 5), ["auth_must_be_16_bytes"]),
        ("", "", ["p256dh_invalid", "auth_must_be_16_bytes"]),
    ],
)
def test_the_keys(p256dh: str, auth: str, codes: list[str]) -> None:
    assert [problem.code for problem in validate_subscription(ENDPOINT, p256dh, auth)] == codes


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://fcm.googleapis.com/wp/x", "https://fcm.googleapis.com"),
        ("https://FCM.googleapis.com:443/wp/x", "https://fcm.googleapis.com"),
        ("http://127.0.0.1:9400/wp/x", "http://127.0.0.1:9400"),
        ("http://127.0.0.1:80/wp/x", "http://127.0.0.1"),
    ],
)
def test_the_audience_of_an_endpoint(endpoint: str, origin: str) -> None:
    assert origin_of(endpoint) == origin
