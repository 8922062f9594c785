"""A browser of a test's own: a subscription, and http_ece (the reference) to read what was sent to it."""

import base64
import json
import os
from dataclasses import dataclass, field
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apps.gateways.contract import PushContent, PushMessage, VapidCredentials
from tests.gateways.conftest import push


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def vapid_credentials(key: ec.EllipticCurvePrivateKey, subject: str = "mailto:push@example.com") -> VapidCredentials:
    private = key.private_numbers().private_value.to_bytes(32)
    return VapidCredentials(base64url(private), base64url(point(key)), subject)


@dataclass(frozen=True, slots=True)
class Browser:
    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    def message(self, content: PushContent | None = None, **rest: Any) -> PushMessage:
        keys = {"webpush_p256dh": base64url(point(self.key)), "webpush_auth": base64url(self.auth)}
        return push(self.endpoint, content=content, **{**keys, **rest})

    def read(self, body: bytes) -> Any:
        plaintext = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        return json.loads(plaintext)
