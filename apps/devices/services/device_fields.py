"""What an app says about its device at launch, and the rules each field must keep."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem, InvalidInput
from apps.core.text import clean_language, clean_text, clean_time_zone, shown
from apps.customers.services.profile_fields import clean_topics
from apps.devices.services.subscription import clean_subscription

# Which gateways reach which platform.
GATEWAYS_OF = {"ios": ("apns", "fcm"), "android": ("fcm",), "web": ("webpush", "fcm")}
ENVIRONMENTS = ("production", "sandbox")
ADDRESS_KINDS = ("token", "fid")
PERMISSIONS = ("", "granted", "denied", "default", "provisional", "ephemeral")
FCM_TOKEN_LIMIT = 4_096

_APNS_TOKEN = re.compile(r"(?:[0-9a-f]{2}){32,100}")
_FCM_TOKEN = re.compile(r"[\x21-\x7e]+")
_TEXTS = {"app_version": 64, "os_version": 64, "model": 100}


@dataclass(frozen=True, slots=True)
class DeviceDraft:
    """What an app says about its device. Values are checked, not trusted: a door may pass on what came.

    address: FCM token or installation id, or APNs token; subscription: {endpoint, keys: {p256dh, auth}} instead,
    for Web Push. previous_address: what this installation had before the vendor rotated it.
    Of the other fields None = not mentioned, so kept. consent: {channel: granted}, of the device's person.
    """

    platform: str
    provider: str
    address: str | None = None
    subscription: Mapping[str, Any] | None = None
    address_kind: str = "token"
    previous_address: str | None = None
    environment: str = ""
    locale: str | None = None
    time_zone: str | None = None
    app_version: str | None = None
    os_version: str | None = None
    model: str | None = None
    permission: str | None = None
    tags: Sequence[str] | None = None
    consent: Mapping[str, bool] | None = None


@dataclass(slots=True)
class CleanDevice:
    """A draft after the rules. identity: the columns that name the address; fields: only what was mentioned."""

    identity: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    previous_hash: bytes | None = None

    @property
    def address_hash(self) -> bytes:
        digest: bytes = self.identity["address_hash"]
        return digest


def clean_device(draft: DeviceDraft) -> CleanDevice:
    """Apply every rule. Raises InvalidInput with all problems.

    Codes: choice, required, other_provider, apns_token_format, fcm_token_format, those of a subscription and of a text.
    """
    problems: list[FieldProblem] = []
    clean = CleanDevice(identity=_identity(draft, problems), fields=clean_fields(draft, problems))
    if draft.previous_address:
        before = clean_text(draft.previous_address, pointer="/previous_address", limit=4_096, problems=problems)
        clean.previous_hash = hash_address(_as_stored(before or "", draft.provider))
    if problems:
        raise InvalidInput(problems)
    return clean


def clean_fields(draft: DeviceDraft, problems: list[FieldProblem]) -> dict[str, Any]:
    """Everything but the address: columns that were mentioned."""
    values: dict[str, Any] = {
        name: clean_text(given, pointer=f"/{name}", limit=limit, problems=problems)
        for name, limit in _TEXTS.items()
        if (given := getattr(draft, name)) is not None
    }
    if draft.locale is not None:
        values["locale"] = clean_language(draft.locale, pointer="/locale", problems=problems)
    if draft.time_zone is not None:
        values["time_zone"] = clean_time_zone(draft.time_zone, pointer="/time_zone", problems=problems)
    if draft.permission is not None:
        values["permission"] = _choice(draft.permission, "/permission", PERMISSIONS, problems)
    if draft.tags is not None:
        values["tags"] = clean_topics(draft.tags, pointer="/tags", problems=problems)
    return values


def hash_address(address: str) -> bytes:
    """The key under which an address is unique in an app."""
    return hashlib.sha256(address.encode()).digest()


def hash_secret(secret: str) -> bytes:
    """What is stored of a device's secret."""
    return hashlib.sha256(secret.encode()).digest()


def _identity(draft: DeviceDraft, problems: list[FieldProblem]) -> dict[str, Any]:
    platform = _choice(draft.platform, "/platform", tuple(GATEWAYS_OF), problems)
    gateways = GATEWAYS_OF[platform] if platform else ("apns", "fcm", "webpush")
    gateway = _choice(draft.provider, "/provider", gateways, problems)
    kinds = ADDRESS_KINDS if gateway == "fcm" else ("token",)
    kind = _choice(draft.address_kind, "/address_kind", kinds, problems)
    identity: dict[str, Any] = {"platform": platform, "gateway": gateway, "address_kind": kind, "environment": ""}
    if gateway == "apns":
        identity["environment"] = _choice(draft.environment, "/environment", ENVIRONMENTS, problems)
    elif draft.environment:
        _choice(draft.environment, "/environment", ENVIRONMENTS, problems)
    problems += _of_other_providers(draft, gateway)
    if gateway == "webpush":
        identity |= clean_subscription(draft.subscription, problems=problems)
    elif gateway:
        identity |= {"address": _address(draft.address, gateway, problems), "webpush_p256dh": "", "webpush_auth": ""}
    identity["address_hash"] = hash_address(identity.get("address") or "")
    return identity


def _of_other_providers(draft: DeviceDraft, gateway: str) -> list[FieldProblem]:
    """An address where this provider does not look for it: whoever sent it means another, and would wait in vain."""
    if gateway in ("apns", "fcm") and draft.subscription is not None:
        told = _("belongs to provider webpush; with %(provider)s the token stands in address")
        return [FieldProblem("/subscription", "other_provider", told % {"provider": gateway})]
    if gateway == "webpush" and draft.address not in (None, "", _endpoint(draft.subscription)):
        told = _("belongs to provider fcm or apns; with webpush the browser's subscription names the address")
        return [FieldProblem("/address", "other_provider", told)]
    return []


def _endpoint(subscription: Any) -> Any:
    return subscription.get("endpoint") if isinstance(subscription, Mapping) else None


def _address(given: Any, gateway: str, problems: list[FieldProblem]) -> str:
    text = _as_stored(given, gateway) if isinstance(given, str) else ""
    if given is None or given == "":
        problems.append(FieldProblem("/address", "required", _("must be the token that the vendor gave")))
    elif not isinstance(given, str):
        problems.append(FieldProblem("/address", "type", _("must be a text"), shown(given)))
    elif gateway == "apns" and not _APNS_TOKEN.fullmatch(text):
        message = _("must be 64 to 200 hexadecimal digits, without spaces or brackets; %(length)d characters came")
        problems.append(FieldProblem("/address", "apns_token_format", message % {"length": len(text)}))
    elif gateway == "fcm" and (len(text) > FCM_TOKEN_LIMIT or not _FCM_TOKEN.fullmatch(text)):
        message = _("must be 1 to %(limit)d visible ASCII characters; %(length)d characters came")
        message %= {"limit": FCM_TOKEN_LIMIT, "length": len(text)}
        problems.append(FieldProblem("/address", "fcm_token_format", message))
    return text


def _as_stored(address: str, gateway: str) -> str:
    """APNs tokens are the same in either case of letters."""
    return address.lower() if gateway == "apns" else address


def _choice(given: Any, pointer: str, words: Sequence[str], problems: list[FieldProblem]) -> str:
    if isinstance(given, str) and given in words:
        return given
    allowed = ", ".join(word for word in words if word)
    problems.append(FieldProblem(pointer, "choice", _("must be one of: %(words)s") % {"words": allowed}, shown(given)))
    return ""
