"""Apple's provider tokens: who signed, how old, and how often a key changes its token.

Source: developer.apple.com, "Establishing a token-based connection to APNs".
"""

from dataclasses import dataclass
from typing import Any

import jwt

from apps.sandbox.certificates import elliptic_key
from apps.sandbox.credentials import AppCredentials
from apps.sandbox.world import World

_OLDEST_SECONDS = 3600
_AHEAD_SECONDS = 300
_UPDATE_SECONDS = 1200
_KEPT_TOKENS = 1000


class TokenRefused(Exception):
    """The provider token is not good; carries the status and Apple's reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ProviderToken:
    """A verified token. issued_at: unix seconds."""

    app: AppCredentials
    issued_at: float


class ProviderTokens:
    """Verifies each token text once; its age is judged at every use."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._verified: dict[str, ProviderToken] = {}
        self._last_change: dict[str, tuple[str, float]] = {}

    def check(self, authorization: str) -> ProviderToken:
        """The token of an `authorization` header. Raises: TokenRefused."""
        kind, _, text = authorization.partition(" ")
        if kind.lower() != "bearer" or not text:
            raise TokenRefused(403, "MissingProviderToken")
        token = self._verified.get(text) or self._verify(text)
        now = self._world.clock()
        if token.issued_at < now - _OLDEST_SECONDS:
            raise TokenRefused(403, "ExpiredProviderToken")
        if token.issued_at > now + _AHEAD_SECONDS:
            raise TokenRefused(403, "InvalidProviderToken")
        self._note_change(token.app.apns.key_id, text, now)
        return token

    def _verify(self, text: str) -> ProviderToken:
        try:
            header = jwt.get_unverified_header(text)
            app = self._world.directory.find("key_id", str(header.get("kid")))
            if app is None:
                raise TokenRefused(403, "InvalidProviderToken")
            claims: dict[str, Any] = jwt.decode(
                text,
                elliptic_key(app.apns.key_p8).public_key(),
                algorithms=["ES256"],
                options={"verify_iat": False, "verify_exp": False},
            )
        except jwt.PyJWTError:
            raise TokenRefused(403, "InvalidProviderToken") from None
        issued_at = claims.get("iat")
        if (
            claims.get("iss") != app.apns.team_id
            or isinstance(issued_at, bool)
            or not isinstance(issued_at, int | float)
        ):
            raise TokenRefused(403, "InvalidProviderToken")
        if len(self._verified) >= _KEPT_TOKENS:
            self._verified.clear()
        self._verified[text] = ProviderToken(app, float(issued_at))
        return self._verified[text]

    def _note_change(self, key_id: str, text: str, now: float) -> None:
        """A key may change its token once in 20 minutes, where the sandbox is told to mind."""
        last = self._last_change.get(key_id)
        if last is not None and last[0] == text:
            return
        if last is not None and self._world.limits.apns_token_updates and now - last[1] < _UPDATE_SECONDS:
            raise TokenRefused(429, "TooManyProviderTokenUpdates")
        self._last_change[key_id] = (text, now)
