"""Virtual browsers: a push subscription's keys follow from its id and the sandbox's master secret.

So thousands of subscriptions exist without being stored, and a restart forgets none.
"""

import base64
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, FIPS 186-4 D.1.2.3


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a browser hands to its site. p256dh and auth: base64url without padding."""

    id: str
    endpoint: str
    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True)
class BrowserKeys:
    """The browser's secret side. public: the 65-byte point; auth: 16 bytes."""

    private_key: ec.EllipticCurvePrivateKey
    public: bytes
    auth: bytes


def base64url(octets: bytes) -> str:
    """Without padding, as everywhere in Web Push."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """With or without padding. Raises: ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def derive_key(master: bytes, label: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that follows from the master secret and a label."""
    number = int.from_bytes(hmac.digest(master, label.encode(), "sha512"))
    return ec.derive_private_key(number % (_ORDER - 1) + 1, ec.SECP256R1())


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The uncompressed public point, 65 bytes."""
    encoding, form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return key.public_key().public_bytes(encoding, form)


def browser_keys(master: bytes, subscription_id: str) -> BrowserKeys:
    """The secret side of a subscription. Cost: about 60 us."""
    key = derive_key(master, f"browser|{subscription_id}")
    auth = hmac.digest(master, f"auth|{subscription_id}".encode(), "sha256")[:16]
    return BrowserKeys(key, public_point(key), auth)


def derive_subscription(master: bytes, subscription_id: str, endpoint: str) -> Subscription:
    """The public side of a subscription."""
    keys = browser_keys(master, subscription_id)
    return Subscription(subscription_id, endpoint, base64url(keys.public), base64url(keys.auth))
