"""How many bytes a content is on each gateway's wire, against what that gateway takes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.deliveries.rendering.body import RenderFailed, compile_body
from apps.gateways.contract import PushContent

# A body that is short as JSON is short on every wire (they add at most some 300 bytes, and a link for each button).
_SURELY_SHORT = 1500
_NEAR_LIMIT = 3700


@dataclass(frozen=True, slots=True)
class PayloadSize:
    """Units: bytes."""

    gateway: str
    size: int
    limit: int
    warning: int


def payload_sizes(content: PushContent) -> list[PayloadSize]:
    """One for each gateway. Imports the vendors' libraries (0.4 s, once a process)."""
    from apps.gateways import apns_payload, fcm_message, webpush_payload

    return [
        PayloadSize("FCM", fcm_message.payload_bytes(content), fcm_message.PAYLOAD_LIMIT, _NEAR_LIMIT),
        PayloadSize("APNs", apns_payload.payload_bytes(content), apns_payload.PAYLOAD_LIMIT, _NEAR_LIMIT),
        PayloadSize(
            "Web Push",
            webpush_payload.payload_bytes(content),
            webpush_payload.PAYLOAD_LIMIT,
            webpush_payload.PAYLOAD_WARNING,
        ),
    ]


def payload_problems(body: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Gateways that would refuse a body with its fallbacks filled in; a longer name may still be too much for one."""
    for size in _sizes(body):
        if size.size > size.limit:
            message = _("%(gateway)s takes at most %(limit)s bytes: shorten the texts or the data") % {
                "gateway": size.gateway,
                "limit": size.limit,
            }
            yield FieldProblem("", "payload_too_large", message, f"{size.size} bytes")


def payload_warnings(body: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Gateways whose limit is near, so that a longer name could pass it, or some phones may show nothing."""
    for size in _sizes(body):
        if size.warning < size.size <= size.limit:
            message = _("%(gateway)s takes %(limit)s bytes at most, and above %(warning)s some devices lose it") % {
                "gateway": size.gateway,
                "limit": size.limit,
                "warning": size.warning,
            }
            yield FieldProblem("", "payload_near_limit", message, f"{size.size} bytes")


def _sizes(body: Mapping[str, Any]) -> list[PayloadSize]:
    if len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")) < _SURELY_SHORT:
        return []
    try:
        return payload_sizes(compile_body(body).render({}))
    except (RenderFailed, ValueError):
        return []
