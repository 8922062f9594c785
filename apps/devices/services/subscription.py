"""The rules of a browser's push subscription. The list of hosts is the guard against requests to inner machines."""

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.core.text import clean_text

ENDPOINT_LIMIT = 2_048
_TO_STANDARD = str.maketrans("-_", "+/")
# Source: gateways.md 3.4, the push services of the browsers.
VENDOR_HOSTS = (
    "fcm.googleapis.com",
    "google.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)


def clean_subscription(given: Any, *, problems: list[FieldProblem]) -> dict[str, str]:
    """The columns of a subscription {endpoint, keys: {p256dh, auth}}.

    Codes: required, type, endpoint_not_allowed, p256dh_invalid, auth_must_be_16_bytes and those of a text.
    """
    if not isinstance(given, Mapping):
        problems.append(FieldProblem("/subscription", "required", _("must be the browser's subscription")))
        return {}
    keys = given.get("keys")
    keys = keys if isinstance(keys, Mapping) else {}
    endpoint = clean_text(
        given.get("endpoint", ""),
        pointer="/subscription/endpoint",
        limit=ENDPOINT_LIMIT,
        problems=problems,
        is_required=True,
    )
    reason = _endpoint_fault(endpoint) if endpoint else ""
    if reason:
        problems.append(FieldProblem("/subscription/endpoint", "endpoint_not_allowed", reason))
    point, secret = _decoded(keys.get("p256dh")), _decoded(keys.get("auth"))
    if not _is_on_curve(point):
        message = _("must be 65 bytes in base64url, a point on the curve P-256; %(length)d bytes came")
        message %= {"length": len(point)}
        problems.append(FieldProblem("/subscription/keys/p256dh", "p256dh_invalid", message))
    if len(secret) != 16:
        message = _("must be 16 bytes in base64url; %(length)d came") % {"length": len(secret)}
        problems.append(FieldProblem("/subscription/keys/auth", "auth_must_be_16_bytes", message))
    return {"address": endpoint or "", "webpush_p256dh": _encoded(point), "webpush_auth": _encoded(secret)}


def _endpoint_fault(endpoint: str) -> str:
    """Why a message may not be posted there; "" = it may. Hosts named in the settings may be plain http (sandbox)."""
    try:
        parts = urlsplit(endpoint)
        host, _port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return _("is not a well-formed address")
    if parts.username or parts.password or parts.fragment:
        return _("must not hold a user, a password or a fragment")
    if host in settings.GATEWAY_ENDPOINTS.webpush_allowed_hosts and parts.scheme in ("http", "https"):
        return ""
    if parts.scheme != "https":
        return _("must begin with https://")
    if _is_ip(host) or not any(host == allowed or host.endswith(f".{allowed}") for allowed in _allowed_hosts()):
        return _("does not point to a known push service")
    return ""


def _allowed_hosts() -> tuple[str, ...]:
    return (*VENDOR_HOSTS, *settings.GATEWAY_ENDPOINTS.webpush_allowed_hosts)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_on_curve(point: bytes) -> bool:
    if len(point) != 65 or point[0] != 4:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return False
    return True


def _decoded(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) > 200:
        return b""
    bare = text.rstrip("=").translate(_TO_STANDARD)
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
