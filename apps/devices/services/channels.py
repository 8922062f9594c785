"""Channels: an app's accounts at the gateways. Credentials go in, and never out to a screen."""

from collections.abc import Mapping
from datetime import datetime

from apps.devices.models import Channel
from apps.devices.states import CHANNEL_STATES
from apps.gateways.contract import ApnsCredentials, FcmCredentials, TwilioCredentials, VapidCredentials

Credentials = FcmCredentials | ApnsCredentials | VapidCredentials | TwilioCredentials

_KINDS: Mapping[str, type[Credentials]] = {
    "fcm": FcmCredentials,
    "apns": ApnsCredentials,
    "webpush": VapidCredentials,
    "sms": TwilioCredentials,
}


def credentials_of(channel: Channel) -> Credentials:
    """The decrypted credentials in the gateway's own shape. Raises WrongKey where the encryption key is missing."""
    return _KINDS[channel.gateway](**channel.credentials)


def pause_channel(*, channel_id: int, reason: str, now: datetime, probe_after: datetime | None = None) -> bool:
    """Close a channel: no new call starts, recipients stay waiting. False where it was closed already.

    probe_after: when the engine may try one batch to see whether it works again; None = only a person reopens it.
    """
    rows = Channel.objects.filter(pk=channel_id)
    moved = CHANNEL_STATES.move(rows, "paused", paused_reason=reason[:300], probe_after=probe_after, updated_at=now)
    return moved == 1


def resume_channel(*, channel_id: int, now: datetime) -> bool:
    """Open a paused channel again. False where it was open already."""
    rows = Channel.objects.filter(pk=channel_id)
    return CHANNEL_STATES.move(rows, "active", paused_reason="", probe_after=None, updated_at=now) == 1
