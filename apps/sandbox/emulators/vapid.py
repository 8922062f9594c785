"""Who sends: VAPID as a push service checks it.

Source: RFC 8292.
"""

import re
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from apps.sandbox.subscriptions import from_base64url

_LONGEST_SECONDS = 86400
_CLOCK_SKEW_SECONDS = 60
_SUBJECT = re.compile(r"mailto:[^@\s]+@[^@\s]+|https://[^\s/]+\S*")
_KEPT_HEADERS = 5000


class VapidRefused(Exception):
    """Carries the status and the reason in words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sender:
    """A verified sender. public_key: base64url without padding; expires_at: unix seconds."""

    public_key: str
    audience: str
    expires_at: float


class VapidCheck:
    """Verifies each header text once; audience and expiry are judged at every use."""

    def __init__(self) -> None:
        self._verified: dict[str, Sender] = {}

    def sender(self, authorization: str, origin: str, now: float) -> Sender:
        """The sender of an Authorization header for a push service at `origin`. Raises: VapidRefused."""
        if not authorization:
            raise VapidRefused(401, "missing VAPID authorization")
        sender = self._verified.get(authorization) or self._verify(authorization, now)
        if sender.audience != origin:
            raise VapidRefused(401, f"aud is {sender.audience}, this push service is {origin}")
        if sender.expires_at < now - _CLOCK_SKEW_SECONDS:
            raise VapidRefused(401, "the VAPID token has expired")
        return sender

    def _verify(self, authorization: str, now: float) -> Sender:
        token, key = _parts(authorization)
        try:
            point = from_base64url(key)
            public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError:
            raise VapidRefused(401, "k is not a P-256 point in base64url") from None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                public_key,
                algorithms=["ES256"],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            raise VapidRefused(401, "the VAPID token's signature is not good") from None
        sender = Sender(key.rstrip("="), str(claims.get("aud", "")).rstrip("/"), _expiry(claims, now))
        if not _SUBJECT.fullmatch(str(claims.get("sub", ""))):
            raise VapidRefused(401, "sub must be a mailto: or https: address")
        if len(self._verified) >= _KEPT_HEADERS:
            self._verified.clear()
        self._verified[authorization] = sender
        return sender


def _parts(authorization: str) -> tuple[str, str]:
    """The t and k of `vapid t=..., k=...`. Raises: VapidRefused."""
    scheme, _, rest = authorization.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme.lower() != "vapid" or not fields.get("t") or not fields.get("k"):
        raise VapidRefused(401, "expected Authorization: vapid t=..., k=...")
    return fields["t"], fields["k"]


def _expiry(claims: dict[str, Any], now: float) -> float:
    expires_at = claims.get("exp")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        raise VapidRefused(401, "exp is required")
    if expires_at > now + _LONGEST_SECONDS + _CLOCK_SKEW_SECONDS:
        raise VapidRefused(401, "exp is more than 24 hours ahead")
    return float(expires_at)
