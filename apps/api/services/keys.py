"""API keys: made once, kept as an HMAC, found by prefix, trusted for a few seconds; rotated with an overlap.

A key is 256 random bits, so a fast hash is enough; the pepper comes from SECRET_KEY, so a copy of the database
alone proves no key. A revoked key stops within TRUSTED_SECONDS on every process.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_network

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.api.models import ApiKey
from apps.api.scopes import PUBLISHABLE, SCOPES
from apps.api.services.key_places import Network, clean_networks, clean_origins, is_in
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.suggestions import did_you_mean

TRUSTED_SECONDS = 5.0
USE_NOTED_EVERY = timedelta(minutes=1)
MOST_TRUSTED = 10_000
_PREFIX_LENGTH = 16
_FORM = re.compile(r"hg_(live|test|pub)_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: one key of one app."""

    key_id: int
    app: App
    kind: str
    prefix: str
    scopes: frozenset[str]
    networks: tuple[Network, ...] = ()
    origins: frozenset[str] = frozenset()

    @property
    def is_test(self) -> bool:
        return self.kind == "test"

    @property
    def is_publishable(self) -> bool:
        return self.kind == "pub"

    @property
    def actor(self) -> str:
        """How the audit log names it."""
        return f"key:{self.prefix}"

    def may_call_from(self, address: str) -> bool:
        """Whether the key is good at this address."""
        return not self.networks or is_in(address, self.networks)

    def may_call_on(self, origin: str) -> bool:
        """Whether the key is good on pages of this origin ("" = no page: an app, a server)."""
        return not self.origins or not origin or origin in self.origins


class UnknownKey(Exception):
    """No such key, or it is revoked or expired; deliberately not said which."""


def create_api_key(
    *,
    app: App,
    kind: str,
    scopes: Collection[str],
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
    origins: Sequence[str] = (),
) -> tuple[ApiKey, str]:
    """A new key and its only plain text.

    Raises InvalidInput naming scopes that are unknown or not for this kind, and networks or origins that are none.
    """
    _require_scopes(kind, scopes)
    allowed = {"allowed_networks": clean_networks(networks), "allowed_origins": clean_origins(origins)}
    secret = f"hg_{kind}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        app=app,
        kind=kind,
        name=name,
        prefix=secret[:_PREFIX_LENGTH],
        key_hash=_digest(secret),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        **allowed,
    )
    return key, secret


def rotate_api_key(*, key: ApiKey, overlap: timedelta, now: datetime) -> tuple[ApiKey, str]:
    """A new key that may do the same, and its only plain text; the old one works on for the overlap, then ends.

    Raises Conflict where the old one is revoked, expired, or was rotated before.
    """
    with transaction.atomic():
        old = ApiKey.objects.select_for_update().select_related("app").get(pk=key.pk)
        if old.revoked_at is not None or old.replaced_by_id is not None or (old.expires_at and old.expires_at <= now):
            raise Conflict("key_is_over", _("This key is over, or has its successor already."))
        new, secret = create_api_key(
            app=old.app,
            kind=old.kind,
            scopes=old.scopes,
            name=old.name,
            now=now,
            networks=old.allowed_networks,
            origins=old.allowed_origins,
        )
        old.replaced_by = new
        old.expires_at = min(now + overlap, old.expires_at or now + overlap)
        old.save(update_fields=["replaced_by", "expires_at"])
    return new, secret


def revoke_api_key(*, key: ApiKey, now: datetime) -> bool:
    """Stop a key for good; False if it was stopped before."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now))


def caller_of(*, secret: str, now: datetime) -> Caller:
    """The owner of a key. Raises UnknownKey. Cost: 3 µs while trusted, else one query."""
    if not _FORM.fullmatch(secret):
        raise UnknownKey
    digest = _digest(secret)
    known = _trusted.get(digest)
    if known is not None and known[1] > time.monotonic():
        return known[0]
    caller = _looked_up(secret, digest, now)
    if len(_trusted) >= MOST_TRUSTED:
        _trusted.clear()
    _trusted[digest] = (caller, time.monotonic() + TRUSTED_SECONDS)
    return caller


def forget_trusted() -> None:
    """Ask the database about every key again."""
    _trusted.clear()


_trusted: dict[bytes, tuple[Caller, float]] = {}


def _looked_up(secret: str, digest: bytes, now: datetime) -> Caller:
    alive = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    for key in ApiKey.objects.select_related("app").filter(alive, prefix=secret[:_PREFIX_LENGTH]):
        if hmac.compare_digest(bytes(key.key_hash), digest):
            _note_use(key, now)
            networks = tuple(ip_network(one) for one in key.allowed_networks)
            origins = frozenset(key.allowed_origins)
            return Caller(key.pk, key.app, key.kind, key.prefix, frozenset(key.scopes), networks, origins)
    raise UnknownKey


def _note_use(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _require_scopes(kind: str, scopes: Collection[str]) -> None:
    allowed = PUBLISHABLE if kind == "pub" else tuple(SCOPES)
    problems = []
    for scope in scopes:
        if scope not in SCOPES:
            near = did_you_mean(scope, SCOPES) or " " + _("Those are: %s.") % ", ".join(SCOPES)
            message = _("“%s” is not a scope.") % scope + near
            problems.append(FieldProblem("/scopes", "choice", message))
        elif scope not in allowed:
            message = _("a publishable key stands in public code and cannot have %s") % scope
            problems.append(FieldProblem("/scopes", "choice", message))
    if not scopes:
        problems.append(FieldProblem("/scopes", "required", _("a key needs at least one scope")))
    if problems:
        raise InvalidInput(problems)


def _digest(secret: str) -> bytes:
    return hmac.digest(_pepper(settings.SECRET_KEY), secret.encode(), hashlib.sha256)


@cache
def _pepper(secret_key: str) -> bytes:
    return hmac.digest(secret_key.encode(), b"heliograph api keys", hashlib.sha256)
