"""Who sends, told to each push service by a signed token (RFC 8292), made by py_vapid and kept for hours.

Cost (measured): 90 us to sign, so one header per push service serves every message to it.
"""

import time
from collections.abc import Callable

from py_vapid import Vapid02, VapidException

from apps.gateways.contract import VapidCredentials
from apps.gateways.webpush_subscription import decode_key

VALID_SECONDS = 20 * 3600
KEPT_SECONDS = 12 * 3600
_ORIGIN_COUNT = 1000


class VapidHeaders:
    """The `Authorization` header for each push service.

    Raises, on creation: ValueError where key, public key and subject are no usable set.
    """

    def __init__(self, credentials: VapidCredentials, *, now: Callable[[], float] = time.time) -> None:
        if len(decode_key(credentials.private_key)) != 32:
            raise ValueError("a VAPID private key has 32 bytes in base64url")
        self._vapid = Vapid02.from_raw(credentials.private_key.rstrip("=").encode())
        self._subject, self._now = credentials.subject, now
        self._kept: dict[str, tuple[str, float]] = {}
        key = self.header("https://push.example").rpartition("k=")[2]
        if decode_key(credentials.public_key) != decode_key(key):
            raise ValueError("the VAPID public key does not belong to the private key")

    def header(self, origin: str) -> str:
        """For a push service at `origin` (scheme, host, port). Raises ValueError where the subject is unusable."""
        header, kept_until = self._kept.get(origin, ("", 0.0))
        now = self._now()
        if now >= kept_until:
            header = self._sign(origin, now)
            if len(self._kept) >= _ORIGIN_COUNT:
                self._kept.clear()
            self._kept[origin] = (header, now + KEPT_SECONDS)
        return header

    def _sign(self, origin: str, now: float) -> str:
        claims = {"aud": origin, "exp": int(now) + VALID_SECONDS, "sub": self._subject}
        try:
            return str(self._vapid.sign(claims)["Authorization"])
        except VapidException as error:
            raise ValueError(str(error)) from error
