"""Apple's provider token: the same bytes in every process at the same time, without a word between them.

Apple counts how often a key changes its token (at most once in 20 minutes) and refuses one older than an hour. So
`iat` is the beginning of a window of the clock, and ECDSA takes its nonce from key and text (RFC 6979): equal inputs
give the same signature everywhere.
"""

import base64
import json
import time
from collections.abc import Callable

from aioapns.connection import AuthorizationHeaderProvider
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from apps.gateways.contract import ApnsCredentials

WINDOW_SECONDS = 40 * 60
SHORT_WINDOW_SECONDS = 20 * 60


class ProviderTokens(AuthorizationHeaderProvider):
    """Gives the `authorization` header of a team's key; also what aioapns' own client takes as `auth_provider`.

    Raises, on creation: ValueError where the key is no P-256 private key in PEM.
    """

    def __init__(self, credentials: ApnsCredentials, *, now: Callable[[], float] = time.time) -> None:
        key = serialization.load_pem_private_key(credentials.key_p8.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("an APNs key is an elliptic curve key (P-256)")
        self._key, self._now = key, now
        self._head = _part({"alg": "ES256", "kid": credentials.key_id, "typ": "JWT"})
        self._team_id = credentials.team_id
        self._window = WINDOW_SECONDS
        self._header, self._issued_at = "", 0

    def get_header(self) -> str:
        """The header of now."""
        issued_at = int(self._now()) // self._window * self._window
        if issued_at != self._issued_at:
            self._header = f"bearer {self._sign(issued_at)}"
            self._issued_at = issued_at
        return self._header

    def renew(self, rejected: str) -> str:
        """A younger header than the one Apple called expired; the same one where there is none: then our clock is off.

        From then on the windows are short, so that the token stays young.
        """
        self._window = SHORT_WINDOW_SECONDS
        header = self.get_header()
        return rejected if header == rejected else header

    def _sign(self, issued_at: int) -> str:
        text = f"{self._head}.{_part({'iss': self._team_id, 'iat': issued_at})}"
        signature = self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(signature)
        return f"{text}.{_base64url(r.to_bytes(32) + s.to_bytes(32))}"


def _part(content: dict[str, str | int]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
