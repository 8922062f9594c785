"""Signed identities: whether the person whom an app names is really logged in there.

A publishable key stands in public code, so by itself anybody could register a phone as anybody's. The app's own server
therefore signs a short-lived token for who is logged in (a JWT: `sub` the external id, `aud` the app's slug, `exp`
within the hour), ES256 or HS256, and the phone hands it on. With a `jti` it is good for one device alone.
Source: RFC 7519, RFC 8725 (the key says the algorithm).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isnan
from typing import Any, TypeGuard

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.api.models import IdentityCheck
from apps.api.services.identity_tally import REGISTRATIONS
from apps.api.services.identity_uses import Showing, is_of_one_device
from apps.core.problems import FieldProblem, InvalidInput

TRUSTED_SECONDS = 5.0
LEEWAY = timedelta(minutes=1)
LONGEST_LIFE = timedelta(hours=1)
LEAST_SECRET_BYTES = 32
_POINTER = "/identity_token"
# The counts of IdentityDay, by the code of the problem.
_WORDS = {"": "proved", "identity_required": "missing", "identity_invalid": "wrong"}


@dataclass(frozen=True, slots=True)
class Claim:
    """What a registration says of itself. customer None = nobody is named.

    takes_over: it changes the address of a known device, and did not show that device's secret. device, before: hashes
    of the address, and of the one it replaces.
    """

    customer: str | None
    token: str | None
    takes_over: bool = False
    device: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a registration may claim. problem None = proved, or nothing was to prove."""

    is_proved: bool
    problem: FieldProblem | None = None


class IdentityRefused(Exception):
    """The app enforces signed identities, and this one is missing or wrong."""

    def __init__(self, problem: FieldProblem) -> None:
        self.problem = problem
        super().__init__(problem.message)


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    algorithm: str
    key: str


@dataclass(frozen=True, slots=True)
class _Rules:
    mode: str
    keys: tuple[_Key, ...]


def check_identity(*, app: App, claim: Claim, now: datetime) -> Identity:
    """Judge a registration with a publishable key, by the app's mode.

    off: nothing is proved, nothing asked. monitor: what enforce would refuse is told as a problem and let through.
    Raises IdentityRefused in mode enforce. Cost: 0.1 ms for ES256; a query per app, process and 5 s.
    """
    rules = _rules_of(app)
    if rules.mode == "off" or (claim.customer is None and not claim.takes_over):
        return Identity(is_proved=False)
    problem = _problem_of(rules, app, claim, now)
    REGISTRATIONS.count(app.pk, now, _WORDS[problem.code if problem else ""])
    if problem is not None and rules.mode == "enforce":
        raise IdentityRefused(problem)
    return Identity(is_proved=problem is None, problem=problem)


def clean_identity_key(*, algorithm: str, pasted: str) -> str:
    """The key as it is stored: a public key in PEM (ES256), or the shared secret (HS256). Raises InvalidInput."""
    if algorithm == "HS256":
        if len(pasted.strip().encode()) < LEAST_SECRET_BYTES:
            raise InvalidInput([FieldProblem("/key", "too_short", _("A shared secret has at least 32 characters."))])
        return pasted.strip()
    try:
        key = load_pem_public_key(pasted.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        message = _("This is no public key in PEM: paste all of it, from -----BEGIN PUBLIC KEY----- on.")
        if "PRIVATE" in pasted:
            message = _("This is a private key. Keep it on your server, and paste the public one.")
        raise InvalidInput([FieldProblem("/key", "format", message)]) from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidInput([FieldProblem("/key", "format", _("ES256 needs a key of the curve P-256 (prime256v1)."))])
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def forget_rules() -> None:
    """Ask the database for every app's rules again."""
    _known.clear()


_known: dict[int, tuple[_Rules, float]] = {}


def _rules_of(app: App) -> _Rules:
    known = _known.get(app.pk)
    if known is not None and known[1] > time.monotonic():
        return known[0]
    check = IdentityCheck.objects.filter(app=app).first()
    keys = check.keys.order_by("-pk") if check is not None and check.mode != "off" else ()
    rules = _Rules(check.mode if check else "off", tuple(_Key(key.name, key.algorithm, key.key) for key in keys))
    _known[app.pk] = (rules, time.monotonic() + TRUSTED_SECONDS)
    return rules


def _problem_of(rules: _Rules, app: App, claim: Claim, now: datetime) -> FieldProblem | None:
    if claim.customer is None:
        message = _("show the device's X-Device-Id and X-Device-Secret, or name its customer with an identity_token")
        return FieldProblem("/previous_address", "identity_required", message)
    if not claim.token:
        message = _("this app takes a customer only with an identity_token, signed by your server")
        return FieldProblem(_POINTER, "identity_required", message)
    claims = _claims(rules, claim.token)
    if claims is None:
        return _wrong(_("none of the app's identity keys signed it"))
    if (why := _untimely(claims, now)) is not None:
        return _wrong(why)
    if claims.get("aud") != app.slug and claims.get("aud") != [app.slug]:
        return _wrong(_("its aud is not %s") % app.slug)
    if claims.get("sub") != claim.customer:
        return _wrong(_("its sub is not the customer"))
    return _used_elsewhere(app, claims, claim, now)


def _used_elsewhere(app: App, claims: Mapping[str, Any], claim: Claim, now: datetime) -> FieldProblem | None:
    """A token without jti may be shown by any device while it lasts."""
    jti = claims.get("jti")
    if jti is None:
        return None
    if not isinstance(jti, str):
        return _wrong(_("its jti is not a text"))
    showing = Showing(app.pk, jti, claim.device, claim.before, float(claims["exp"]))
    if is_of_one_device(showing, now=now, leeway_seconds=LEEWAY.total_seconds()):
        return None
    return _wrong(_("another device has used it; sign one for each device"))


def _untimely(claims: dict[str, Any], now: datetime) -> str | None:
    """What is wrong with its times."""
    expires, begins, present = claims.get("exp"), claims.get("nbf", 0), now.timestamp()
    if not (_is_moment(expires) and _is_moment(begins)):
        return _("it has no exp")
    if expires < present - LEEWAY.total_seconds():
        return _("it has expired")
    if expires > present + (LONGEST_LIFE + LEEWAY).total_seconds():
        return _("it is good for longer than an hour")
    return _("it is not good yet") if begins > present + LEEWAY.total_seconds() else None


def _is_moment(value: Any) -> TypeGuard[float]:
    """Python reads NaN out of JSON, and NaN is neither before nor after anything."""
    if isinstance(value, float):
        return not isnan(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(why: str) -> FieldProblem:
    return FieldProblem(_POINTER, "identity_invalid", why)


def _claims(rules: _Rules, token: str) -> dict[str, Any] | None:
    """What a key of the app signed; times and names are judged by the caller, whose clock it is."""
    unjudged = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "sub", "jti")}
    for key in rules.keys:
        try:
            claims: dict[str, Any] = jwt.decode(token, key.key, algorithms=[key.algorithm], options=unjudged)  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError):
            continue
        return claims
    return None
