"""`/metrics` for Prometheus: the whole house for who asks from this machine, one app for who has its key."""

from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from apps.api.base import authenticated
from apps.api.metrics import exposition
from apps.api.refusals import Refusal, refusal_response

SCOPE = "reports:read"
_SET_BY_PROXIES = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Behind a proxy every request comes from this machine, so one that was forwarded needs a key."""
    if _is_local(request) and "Authorization" not in request.headers:
        return _text(exposition(timezone.now()))
    try:
        caller = authenticated(request)
        if SCOPE not in caller.scopes:
            raise Refusal("scope_required", f"scope_required: {SCOPE}")
    except Refusal as refusal:
        return refusal_response(refusal, path=request.path, request_id="")
    return _text(exposition(timezone.now(), caller.app))


def _is_local(request: HttpRequest) -> bool:
    if any(name in request.headers for name in _SET_BY_PROXIES):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _text(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)
