"""A browser's push subscription: where it may point, and what its keys must be.

The list of hosts is the guard against requests to inner machines, so it is checked when a subscription is stored and
again at every send. Source of the hosts: the push services of Chrome, Firefox, Safari and Edge.
"""

import base64
import binascii
import re
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem

ENDPOINT_LIMIT = 2048
VENDOR_HOSTS = (
    "fcm.googleapis.com",
    "google.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)
_ENDPOINT = re.compile(r"(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(/[!-~]*)?")
_IP_ADDRESS = re.compile(r"[0-9.]+|0[xX].*")


def validate_subscription(
    endpoint: str, p256dh: str, auth: str, *, allowed_hosts: Sequence[str] = ()
) -> list[FieldProblem]:
    """Everything that is wrong with a subscription. Codes: endpoint_not_allowed, p256dh_invalid, auth_must_be_16_bytes.

    allowed_hosts: beside the vendors', as in Endpoints.webpush_allowed_hosts.
    """
    problems = []
    if reason := endpoint_fault(endpoint, allowed_hosts):
        problems.append(FieldProblem("/subscription/endpoint", "endpoint_not_allowed", reason, _place_of(endpoint)))
    point, secret = decode_key(p256dh), decode_key(auth)
    if not is_public_point(point):
        message = _("must be 65 bytes in base64url, a point on the curve P-256; %(length)d bytes came")
        message %= {"length": len(point)}
        problems.append(FieldProblem("/subscription/keys/p256dh", "p256dh_invalid", message))
    if len(secret) != 16:
        message = _("must be 16 bytes in base64url; %(length)d came") % {"length": len(secret)}
        problems.append(FieldProblem("/subscription/keys/auth", "auth_must_be_16_bytes", message))
    return problems


def endpoint_fault(endpoint: str, allowed_hosts: Sequence[str] = ()) -> str:
    """Why nothing may be posted there; "" = it may. Only hosts of `allowed_hosts` may be plain HTTP or have a port."""
    if len(endpoint) > ENDPOINT_LIMIT:
        return _("is longer than %(limit)d characters") % {"limit": ENDPOINT_LIMIT}
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or "#" in endpoint:
        return _("must be an https address without user, password or fragment")
    scheme, host, port = match.group(1, 2, 3)
    host = host.lower()
    if _is_listed(host, allowed_hosts):
        return ""
    if scheme != "https":
        return _("must begin with https://")
    if _IP_ADDRESS.fullmatch(host):
        return _("must name a host, not an IP address")
    if not _is_listed(host, VENDOR_HOSTS) or (port or "443") != "443":
        return _("does not point to a known push service")
    return ""


def _place_of(endpoint: str) -> str:
    """As much of it as may be shown: whoever knows the path may push to the browser, so that is left out."""
    scheme, mark, rest = endpoint.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    return f"{scheme}{mark}{host}"[:100] if mark else _("%d characters") % len(endpoint)


def origin_of(endpoint: str) -> str:
    """Scheme, host and port: the audience of a VAPID token. For an endpoint without fault."""
    scheme, _, rest = endpoint.partition("://")
    return f"{scheme}://{rest.partition('/')[0].lower()}".removesuffix(":443" if scheme == "https" else ":80")


def decode_key(text: str) -> bytes:
    """base64url (or base64) with or without padding; empty where it is neither."""
    bare = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def is_public_point(raw: bytes) -> bool:
    """Whether these are 65 bytes of an uncompressed point on P-256."""
    if len(raw) != 65 or raw[0] != 4:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        return False
    return True


def _is_listed(host: str, listed: Sequence[str]) -> bool:
    bare = [each.lower().removeprefix("*.").strip(".") for each in listed]
    return any(host == each or host.endswith(f".{each}") for each in bare if each)
