"""Signatures and secrets. Source: the Standard Webhooks specification 1.0.0."""

import base64
import secrets as random_source
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)

# [{"secret": "whsec_...", "until": None or an ISO time}, ...], the newest first.
type Secrets = Sequence[Mapping[str, Any]]


def new_secret() -> str:
    """As it is shown once: whsec_ and base64 of 32 random bytes."""
    return f"whsec_{base64.b64encode(random_source.token_bytes(SECRET_BYTES)).decode()}"


def rotated(kept: Secrets, *, secret: str, now: datetime) -> list[dict[str, Any]]:
    """The new one before those that still hold; who was the newest holds for OVERLAP more."""
    until = (now + OVERLAP).isoformat()
    older = [{"secret": one["secret"], "until": one["until"] or until} for one in holding(kept, now=now)]
    return [{"secret": secret, "until": None}, *older]


def holding(kept: Secrets, *, now: datetime) -> list[Mapping[str, Any]]:
    """Those whose overlap is not over."""
    return [one for one in kept if one["until"] is None or datetime.fromisoformat(one["until"]) > now]


def signed_headers(*, message_id: str, body: bytes, kept: Secrets, now: datetime) -> dict[str, str]:
    """The three headers of a try; during a rotation with a signature of each secret."""
    text = body.decode()
    signatures = [
        Webhook(one["secret"]).sign(msg_id=message_id, timestamp=now, data=text) for one in holding(kept, now=now)
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
