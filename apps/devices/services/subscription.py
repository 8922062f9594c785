"""A browser's push subscription as it comes from the browser, and the columns it becomes."""

import base64
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.core.text import clean_text
from apps.gateways.webpush_subscription import ENDPOINT_LIMIT, decode_key, validate_subscription


def clean_subscription(given: Any, *, problems: list[FieldProblem]) -> dict[str, str]:
    """The columns of a subscription {endpoint, keys: {p256dh, auth}}.

    Codes: required, type, endpoint_not_allowed, p256dh_invalid, auth_must_be_16_bytes and those of a text.
    """
    if not isinstance(given, Mapping):
        problems.append(FieldProblem("/subscription", "required", _("must be the browser's subscription")))
        return {}
    keys = given.get("keys")
    p256dh, auth = (_text(keys, name) for name in ("p256dh", "auth"))
    endpoint = clean_text(
        given.get("endpoint", ""),
        pointer="/subscription/endpoint",
        limit=ENDPOINT_LIMIT,
        problems=problems,
        is_required=True,
    )
    allowed = settings.GATEWAY_ENDPOINTS.webpush_allowed_hosts
    found = validate_subscription(endpoint or "", p256dh, auth, allowed_hosts=allowed)
    problems.extend(each for each in found if endpoint or each.code != "endpoint_not_allowed")
    return {"address": endpoint or "", "webpush_p256dh": _encoded(p256dh), "webpush_auth": _encoded(auth)}


def _text(keys: Any, name: str) -> str:
    """A key as it came; "" where it is missing, no text, or far too long."""
    text = keys.get(name) if isinstance(keys, Mapping) else None
    return text if isinstance(text, str) and len(text) <= 200 else ""


def _encoded(text: str) -> str:
    """The same octets in base64url without padding."""
    return base64.urlsafe_b64encode(decode_key(text)).rstrip(b"=").decode()
