"""Channels: an app's accounts at the gateways. Credentials go in, and never out to a screen."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.devices.models import Channel
from apps.devices.states import CHANNEL_STATES
from apps.gateways.contract import ApnsCredentials, FcmCredentials, TwilioCredentials, VapidCredentials
from apps.gateways.preflight import check_apns, check_fcm, check_twilio, check_vapid

MOST_PER_SECOND = 1_000_000

Credentials = FcmCredentials | ApnsCredentials | VapidCredentials | TwilioCredentials

_KINDS: Mapping[str, type[Credentials]] = {
    "fcm": FcmCredentials,
    "apns": ApnsCredentials,
    "webpush": VapidCredentials,
    "sms": TwilioCredentials,
}

# What a person pastes for each gateway, and which of it is never shown again.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "fcm": ("service_account",),
    "apns": ("key_p8", "key_id", "team_id", "topic"),
    "webpush": ("private_key", "public_key", "subject"),
    "sms": ("account_sid", "auth_token", "sender"),
}
SECRETS = {"service_account", "key_p8", "private_key", "auth_token"}

_CHECKS: Mapping[str, Callable[..., list[FieldProblem]]] = {
    "fcm": lambda service_account: check_fcm(service_account),
    "apns": check_apns,
    "webpush": check_vapid,
    "sms": check_twilio,
}

# What is told of a closed channel, of an open one.
_OPEN: dict[str, Any] = {
    "paused_reason": "",
    "closed_by": "",
    "closed_at": None,
    "probe_after": None,
    "probe_wait_seconds": 0.0,
}


def save_credentials(*, app: App, gateway: str, pasted: Mapping[str, str], now: datetime) -> Channel:
    """Check pasted credentials offline and store them; a field left empty keeps what is stored.

    New credentials open a stopped channel and count as unverified until a message went through. For Web Push, empty
    keys on a new channel are made here. Raises InvalidInput with the preflight's problems, under the field's name.
    """
    with transaction.atomic():
        known = Channel.objects.select_for_update().filter(app=app, gateway=gateway).first()
        kept = _as_pasted(known.credentials) if known else {}
        told = {name: pasted.get(name, "").strip() for name in FIELDS[gateway]}
        if gateway == "webpush" and not known and not told["private_key"] and not told["public_key"]:
            told |= make_vapid_keys()
        wanted = {name: value or kept.get(name, "") for name, value in told.items()}
        problems = _CHECKS[gateway](**wanted)
        if problems:
            raise InvalidInput(problems)
        stored = _as_stored(gateway, wanted)
        fresh = {"credentials": stored, "project": project_of(gateway, stored), "updated_at": now}
        if known and wanted == kept:
            return known
        open_again = {"state": "active", "verified_at": None, **_OPEN}
        channel, _created = Channel.objects.update_or_create(app=app, gateway=gateway, defaults={**fresh, **open_again})
    return channel


def set_pace(*, channel: Channel, per_second: float | None) -> None:
    """How many messages a second the vendor is given; None = as many as it takes. Raises InvalidInput (range)."""
    if per_second is not None and not 0 < per_second <= MOST_PER_SECOND:
        message = _("must be more than 0 and at most %(limit)d") % {"limit": MOST_PER_SECOND}
        raise InvalidInput([FieldProblem("/pace_per_second", "range", message, str(per_second))])
    Channel.objects.filter(pk=channel.pk).update(pace_per_second=per_second)


def set_quota(*, channel: Channel, per_minute: int | None) -> None:
    """How many messages a minute the vendor gives the whole project; None = its usual quota, 0 = no limit of ours.

    Holds for every channel of the project, whichever app it is of. Raises InvalidInput (range).
    """
    if per_minute is not None and not 0 <= per_minute <= 60 * MOST_PER_SECOND:
        message = _("must be at least 0 and at most %(limit)d") % {"limit": 60 * MOST_PER_SECOND}
        raise InvalidInput([FieldProblem("/quota_per_minute", "range", message, str(per_minute))])
    same = Q(pk=channel.pk) if not channel.project else Q(gateway=channel.gateway, project=channel.project)
    Channel.objects.filter(same).update(quota_per_minute=per_minute)


def project_of(gateway: str, credentials: Mapping[str, Any]) -> str:
    """The account at the vendor that its quota is counted for; "" where the vendor has no such quota."""
    return str(credentials.get("service_account", {}).get("project_id", ""))[:100] if gateway == "fcm" else ""


def shown_credentials(channel: Channel) -> dict[str, str]:
    """What may be read of them: whose account it is, no secret."""
    stored: Mapping[str, Any] = channel.credentials or {}
    if channel.gateway == "fcm":
        account = stored.get("service_account", {})
        return {name: str(account.get(name, "")) for name in ("project_id", "client_email")}
    return {name: str(stored.get(name, "")) for name in FIELDS[channel.gateway] if name not in SECRETS}


def make_vapid_keys() -> dict[str, str]:
    """A fresh pair for Web Push, base64url without padding."""
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raw = {"private_key": key.private_numbers().private_value.to_bytes(32), "public_key": point}
    return {name: base64.urlsafe_b64encode(value).rstrip(b"=").decode() for name, value in raw.items()}


def credentials_of(channel: Channel) -> Credentials:
    """The decrypted credentials in the gateway's own shape. Raises WrongKey where the encryption key is missing."""
    return _KINDS[channel.gateway](**channel.credentials)


def pause_channel(
    *, channel_id: int, reason: str, now: datetime, closed_by: str = "person", probe_after: datetime | None = None
) -> bool:
    """Close a channel: no new call starts, recipients stay waiting. False where it was closed for good already.

    probe_after: when the engine may try one device to see whether it works again; None = only a person reopens it.
    A channel that only rests (breaker, Retry-After) is closed over: what a person or the credentials say weighs more.
    """
    shut: dict[str, Any] = {
        "paused_reason": reason[:300],
        "closed_by": closed_by,
        "closed_at": now,
        "probe_after": probe_after,
    }
    rows = Channel.objects.filter(pk=channel_id)
    if CHANNEL_STATES.move(rows, "paused", updated_at=now, **shut):
        return True
    return rows.filter(state="paused", closed_by__in=["breaker", "vendor"]).update(updated_at=now, **shut) == 1


def resume_channel(*, channel_id: int, now: datetime) -> bool:
    """Open a paused channel again. False where it was open already.

    One that only rested keeps its updated_at: its accounts and their connections are still the same.
    """
    rows = Channel.objects.filter(pk=channel_id)
    rested = CHANNEL_STATES.move(rows.filter(closed_by__in=["breaker", "vendor"]), "active", **_OPEN)
    return rested == 1 or CHANNEL_STATES.move(rows, "active", updated_at=now, **_OPEN) == 1


def _as_pasted(credentials: Mapping[str, Any] | None) -> dict[str, str]:
    return {
        name: json.dumps(value) if isinstance(value, dict) else str(value)
        for name, value in (credentials or {}).items()
    }


def _as_stored(gateway: str, wanted: Mapping[str, str]) -> dict[str, Any]:
    if gateway == "fcm":
        return {"service_account": json.loads(wanted["service_account"].removeprefix("\ufeff"))}
    return dict(wanted)
