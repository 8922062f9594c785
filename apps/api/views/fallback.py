"""Answers where no view of ours got to speak: below /v2.1 they are problems in JSON, elsewhere Django's pages."""

import sys

import uuid_utils
from django.http import HttpRequest, HttpResponse
from django.template.loader import get_template
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from django.views import defaults

from apps.api.base import refusal_for_now
from apps.api.refusals import Refusal, refusal_response
from apps.api.urls import LARGEST_ID
from apps.core.text import shown

API_ROOT = "/v2.1/"
_MOST_PARTS = 6  # of a path with an id: /v2.1/campaigns/{id}/triggers/{id} has six


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A Host header that is not ours, a body that is no form, ..."""
    return _refused(request, "bad_request") or defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No such path, or one with something else where the number of a row belongs."""
    return _refused_id(request) or _refused(request, "unknown_path") or defaults.page_not_found(request, exception)


def internal_error(request: HttpRequest) -> HttpResponse:
    """A fault of ours, which Django has logged; or a database that cannot serve now, whatever page it was."""
    not_now = refusal_for_now(sys.exc_info()[1])
    if not_now is None:
        return _refused(request, "internal_error") or defaults.server_error(request)
    if request.path.startswith(API_ROOT):
        return refusal_response(not_now, path=request.path, request_id=str(uuid_utils.uuid7()))
    return HttpResponse(get_template("503.html").render(), status=503, headers=not_now.headers)


def _refused_id(request: HttpRequest) -> HttpResponse | None:
    parts = request.path.split("/")
    if not request.path.startswith(API_ROOT) or len(parts) > _MOST_PARTS:
        return None
    for place, part in enumerate(parts):
        if _takes_id("/".join([*parts[:place], "1", *parts[place + 1 :]])):
            detail = _("an id is a whole number from 1 to %(most)d, not %(came)s")
            detail %= {"most": LARGEST_ID, "came": shown(part) or _("empty")}
            return _refused(request, "not_found", detail)
    return None


def _takes_id(path: str) -> bool:
    """Whether the path, with 1 in place of what came, is one of ours that has a row's number there."""
    try:
        found = resolve(path)
    except Resolver404:
        return False
    return 1 in found.kwargs.values()


def _refused(request: HttpRequest, code: str, detail: str = "") -> HttpResponse | None:
    if not request.path.startswith(API_ROOT):
        return None
    return refusal_response(Refusal(code, detail), path=request.path, request_id=str(uuid_utils.uuid7()))
