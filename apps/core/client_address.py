"""Where a request comes from."""

from typing import Any

from django.conf import settings


def client_address(request: Any) -> str:
    """Where the request comes from; behind a trusted proxy, what that proxy saw (its last hop)."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.IS_PRODUCTION else ""
    return forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")
