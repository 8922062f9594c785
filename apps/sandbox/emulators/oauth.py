"""Google's token endpoint: a service account's signed assertion in, an expiring bearer token out.

Source: RFC 7523 and Google's "OAuth 2.0 for server to server applications".
"""

import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs

import jwt

from apps.sandbox.emulators.behaviours import perform
from apps.sandbox.fates import Behaviour
from apps.sandbox.wire.exchange import Answer, Request, json_answer
from apps.sandbox.world import World

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Google's libraries keep its own address as audience, whatever token_uri says: Python the first, Node the last.
_AUDIENCES = (
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v4/token",
)
PATHS = ("/oauth/token", "/token", "/oauth2/v4/token")
_SCOPES = {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
_LONGEST_SECONDS = 3600
_CLOCK_SKEW_SECONDS = 300


class Refused(Exception):
    """The assertion is not good; carries Google's error words."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Bearer:
    """One access token. expires_at: unix seconds. may_send: its scope covers messaging."""

    slug: str
    expires_at: float
    may_send: bool


class OauthEmulator:
    """Issues and knows bearer tokens. A restart forgets them, as an expiry would."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bearers: dict[str, Bearer] = {}

    def bearer(self, token: str) -> Bearer | None:
        """The token, unless unknown or expired."""
        bearer = self._bearers.get(token)
        return bearer if bearer is not None and bearer.expires_at > self._world.clock() else None

    def revoke_all(self) -> int:
        """Make every client log in again; how many tokens there were."""
        count = len(self._bearers)
        self._bearers.clear()
        return count

    def respond(self, request: Request) -> Answer:
        """POST /oauth/token"""
        if request.method != "POST":
            return _error("invalid_request", "the token endpoint takes POST")
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if form.get("grant_type") != [GRANT]:
            return _error("unsupported_grant_type", "Invalid grant_type")
        try:
            return self._issue(form.get("assertion", [""])[-1])
        except Refused as refusal:
            return _error(refusal.error, refusal.description)

    def _issue(self, assertion: str) -> Answer:
        slug, scopes = self._verified(assertion)
        return perform(self._world.instruction("oauth", slug), lambda: self._grant(slug, scopes), _REFUSALS)

    def _grant(self, slug: str, scopes: set[str]) -> Answer:
        lifetime = self._world.limits.bearer_seconds
        token = f"ya29.{secrets.token_urlsafe(24)}"
        now = self._world.clock()
        self._bearers = {text: bearer for text, bearer in self._bearers.items() if bearer.expires_at > now}
        self._bearers[token] = Bearer(slug, now + lifetime, may_send=bool(scopes & _SCOPES))
        return json_answer({"access_token": token, "expires_in": lifetime, "token_type": "Bearer"})

    def _verified(self, assertion: str) -> tuple[str, set[str]]:
        """The app and the scopes of a good assertion. Raises: Refused."""
        claims = self._claims(assertion)
        app = self._world.directory.find("email", str(claims.get("iss")))
        if app is None:
            raise Refused("invalid_grant", "Invalid grant: account not found")
        own = (app.fcm.service_account["token_uri"], f"{self._world.credentials.base_url_tls}/oauth/token")
        if claims.get("aud") not in (*_AUDIENCES, *own):
            raise Refused("invalid_grant", "Invalid JWT: Failed audience check. The right audience is " + _AUDIENCES[0])
        scopes = set(str(claims.get("scope", "")).split())
        if not scopes:
            raise Refused("invalid_scope", "Empty or missing scope not allowed.")
        return app.slug, scopes

    def _claims(self, assertion: str) -> dict[str, object]:
        key = self._world.credentials.service_account_public_key
        try:
            claims: dict[str, object] = jwt.decode(
                assertion,
                key,
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidSignatureError:
            raise Refused("invalid_grant", "Invalid JWT Signature.") from None
        except jwt.PyJWTError:
            raise Refused("invalid_grant", "Invalid JWT: the assertion cannot be read") from None
        self._check_window(claims.get("iat"), claims.get("exp"))
        return claims

    def _check_window(self, issued_at: object, expires_at: object) -> None:
        now = self._world.clock()
        if not isinstance(issued_at, int | float) or not isinstance(expires_at, int | float):
            raise Refused("invalid_grant", "Invalid JWT: iat and exp are required")
        is_short = 0 < expires_at - issued_at <= _LONGEST_SECONDS
        if not is_short or issued_at > now + _CLOCK_SKEW_SECONDS or expires_at < now - _CLOCK_SKEW_SECONDS:
            text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
            raise Refused("invalid_grant", f"{text} Check your iat and exp values in the JWT claim.")


def _error(error: str, description: str, status: int = 400) -> Answer:
    return json_answer({"error": error, "error_description": description}, status)


_REFUSALS = {
    Behaviour.CONFIG_BAD: lambda: _error("invalid_grant", "Invalid JWT Signature."),
    Behaviour.UNREGISTERED: lambda: _error("invalid_grant", "Invalid grant: account not found"),
    Behaviour.THROTTLE: lambda: _error("rate_limit_exceeded", "Too many requests", 429),
    Behaviour.SERVER_ERROR: lambda: _error("internal_failure", "The service is currently unavailable.", 503),
}
