"""Answers where no view of ours got to speak: below /v2.1 they are problems in JSON, elsewhere Django's pages."""

import sys

import uuid_utils
from django.http import HttpRequest, HttpResponse
from django.template.loader import get_template
from django.views import defaults

from apps.api.base import refusal_for_now
from apps.api.refusals import Refusal, refusal_response

API_ROOT = "/v2.1/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A Host header that is not ours, a body that is no form, ..."""
    return _refused(request, "bad_request") or defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No such path."""
    return _refused(request, "unknown_path") or defaults.page_not_found(request, exception)


def internal_error(request: HttpRequest) -> HttpResponse:
    """A fault of ours, which Django has logged; or a database that cannot serve now, whatever page it was."""
    not_now = refusal_for_now(sys.exc_info()[1])
    if not_now is None:
        return _refused(request, "internal_error") or defaults.server_error(request)
    if request.path.startswith(API_ROOT):
        return refusal_response(not_now, path=request.path, request_id=str(uuid_utils.uuid7()))
    return HttpResponse(get_template("503.html").render(), status=503, headers=not_now.headers)


def _refused(request: HttpRequest, code: str) -> HttpResponse | None:
    if not request.path.startswith(API_ROOT):
        return None
    return refusal_response(Refusal(code), path=request.path, request_id=str(uuid_utils.uuid7()))
