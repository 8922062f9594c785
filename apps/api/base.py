"""What every call of the API has in common: who asks, whether they may, and how the answer looks."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import structlog
import uuid_utils
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.api import rate
from apps.api.calls import Call
from apps.api.codes import Words
from apps.api.json_body import MOST_BYTES, parse_object
from apps.api.query import read_query
from apps.api.refusals import Refusal, refusal_response, refuse_fields
from apps.api.services.keys import Caller, UnknownKey, caller_of
from apps.api.shapes import read_body
from apps.core.client_address import client_address
from apps.core.database import trouble
from apps.core.outage import outage
from apps.core.problems import Conflict, InvalidInput
from apps.core.states import InvalidTransition
from apps.segments.services.refresh import SegmentBroken

ACCEPTED = "application/json"
_RETRY_AFTER_SECONDS = {"database_unavailable": 2, "storage_full": 30}
_SANE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, X-Device-Id, X-Device-Secret",
    "Access-Control-Expose-Headers": "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-ID",
    "Access-Control-Max-Age": "86400",
}

log = structlog.get_logger(__name__)


class ApiView(APIView):
    """One path. A subclass declares its `calls`, one per method, and a method of each name.

    parameters: those of the address, read. hint: what to do where the path was meant otherwise. for_browsers: pages of
    any origin may call it (they carry a publishable key, never a cookie).
    """

    calls: ClassVar[Mapping[str, Call]]
    for_browsers: ClassVar[bool] = False
    hint: ClassVar[Words] = ""
    authentication_classes = ()
    permission_classes = ()

    caller: Caller
    parameters: Mapping[str, Any]
    head: Callable[..., Any]
    _allowance: rate.Allowance | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """HEAD is GET. Told here once: Django tells each view by a bound method, which ties the view to itself."""
        super().__init_subclass__(**kwargs)
        if "get" in vars(cls):
            cls.head = vars(cls)["get"]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        self.request_id = given if _SANE_ID.fullmatch(given) else str(uuid_utils.uuid7())
        with structlog.contextvars.bound_contextvars(request_id=self.request_id):
            response = super().dispatch(request, *args, **kwargs)
        for name, value in self._common_headers().items():
            response.headers[name] = value
        return response

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        """Without the parsers' way back from the request to itself and its view; bodies are read by `_raw_body`.

        What goes in circles waits for the collector, and that stopped every call of a process for 100 ms.
        """
        ours = super().initialize_request(request, *args, **kwargs)
        ours.parser_context.clear()
        return ours

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """In this order: a known key, its rate, an existing method, its scope, the address's parameters."""
        if request.method == "OPTIONS":
            return
        self.caller = authenticated(request)
        self._count(request)
        call = self.calls.get("GET" if request.method == "HEAD" else str(request.method))
        if call is None:
            raise MethodNotAllowed(str(request.method))
        if call.scope not in self.caller.scopes:
            raise Refusal("scope_required", f"scope_required: {call.scope}")
        self.parameters = read_query(request.query_params, call.parameters)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """A browser's preflight, or a look at what the path can do."""
        return no_content({"Allow": ", ".join(self.allowed_methods)})

    def body(self) -> dict[str, Any]:
        """The request's JSON object, judged by the shape that the call declares. Raises Refusal."""
        shape = self.calls[str(self.request.method)].body
        assert shape is not None, "the call declares no body"  # noqa: S101
        return read_body(shape, self.raw_object())

    def raw_object(self) -> dict[str, Any]:
        """The request's JSON object, whatever its fields. Raises Refusal."""
        return parse_object(_raw_body(self.request))

    def handle_exception(self, exc: Exception) -> Any:
        refusal = refusal_of(exc)
        exc.__traceback__ = None  # its frames may hold the refusal, which holds them: a circle
        if isinstance(exc, MethodNotAllowed):
            refusal.headers["Allow"] = ", ".join(self.allowed_methods)
            refusal.detail = "; ".join(filter(None, [_("this path takes %s") % ", ".join(self.calls), str(self.hint)]))
        if refusal.status == 503 and not outage.tells(exc):
            log.warning(refusal.code, error=str(exc).strip().partition("\n")[0])
        response = refusal_response(refusal, path=self.request.path, request_id=self.request_id)
        response._has_been_logged = refusal.status == 503  # type: ignore[attr-defined]  # else Django has a line too
        return response

    def _common_headers(self) -> dict[str, str]:
        rate_limit = self._allowance.headers() if self._allowance is not None else {}
        return {"X-Request-ID": self.request_id, **rate_limit, **(_OPEN if self.for_browsers else {})}

    def _count(self, request: Request) -> None:
        caller, limit = f"key:{self.caller.key_id}", settings.API_REQUESTS_PER_MINUTE
        if self.caller.is_publishable:
            caller, limit = f"{caller}:{client_address(request)}", settings.API_PUBLIC_REQUESTS_PER_MINUTE
        self._allowance = rate.take(caller, limit)
        if self._allowance.is_over:
            detail = _("at most %(limit)d requests a minute; try again in %(seconds)d s")
            detail %= {"limit": limit, "seconds": self._allowance.reset_seconds}
            raise Refusal("rate_limited", detail, headers={"Retry-After": str(self._allowance.reset_seconds)})


def json_response(answer: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """The answer as JSON."""
    raw = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    return HttpResponse(raw, status=status, content_type=ACCEPTED, headers=dict(headers or {}))


def no_content(headers: Mapping[str, str] | None = None) -> HttpResponse:
    """204; of what is not there no type is told."""
    response = HttpResponse(status=204, headers=dict(headers or {}))
    del response.headers["Content-Type"]
    return response


def refusal_of(error: Exception) -> Refusal:
    """How an exception is told to a caller. Raises the exception again if it is a fault of ours."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, InvalidInput):
        return refuse_fields(error.problems, error.status)
    if isinstance(error, Conflict):
        return Refusal(error.code, str(error), status=409)
    if isinstance(error, InvalidTransition):
        return Refusal("invalid_transition", str(error))
    if isinstance(error, SegmentBroken):
        return Refusal("segment_broken", str(error))
    if isinstance(error, Http404):
        return Refusal("not_found")
    if isinstance(error, MethodNotAllowed):
        return Refusal("method_not_allowed")
    if isinstance(error, RequestDataTooBig):
        return Refusal("body_too_large", _("send at most %d bytes") % MOST_BYTES)
    if isinstance(error, UnreadablePostError):
        return Refusal("bad_request", _("the connection ended before the body did"))
    refusal = refusal_for_now(error)
    if refusal is None:
        raise error
    return refusal


def refusal_for_now(error: BaseException | None) -> Refusal | None:
    """The refusal where the database cannot serve at the moment."""
    code = trouble(error)
    return Refusal(code, headers={"Retry-After": str(_RETRY_AFTER_SECONDS[code])}) if code else None


def authenticated(request: Any) -> Caller:
    """Whose key the request carries. Raises Refusal."""
    header = request.headers.get("Authorization", "").strip()
    application = request.headers.get("Application-Key", "").strip()
    if not header:
        raise _unauthorized("missing_api_key", _("send the header Authorization: Bearer <secret key>"))
    scheme, _blank, secret = header.partition(" ")
    if not secret and application:
        secret = scheme
    elif scheme.lower() != "bearer":
        forms = _("send Authorization: Bearer <secret key>, or Authorization: <secret key> with Application-Key: <app>")
        raise _unauthorized("bad_auth_scheme", forms)
    try:
        caller = caller_of(secret=secret.strip(), now=timezone.now())
    except UnknownKey:
        raise _unauthorized("invalid_api_key") from None
    if application and application not in (caller.app.slug, str(caller.app.pk)):
        raise _unauthorized("invalid_api_key")
    if not caller.app.is_active:
        raise Refusal("app_inactive")
    if not caller.may_call_from(address := client_address(request)):
        raise Refusal("address_not_allowed", _("this key is not good at the address %s") % address)
    if not caller.may_call_on(origin := request.headers.get("Origin", "")):
        raise Refusal("origin_not_allowed", _("this key is not good on pages of %s") % origin[:200])
    return caller


def _unauthorized(code: str, detail: str = "") -> Refusal:
    return Refusal(code, detail, headers={"WWW-Authenticate": 'Bearer realm="heliograph"'})


def _chunks(http: Any) -> bytes:
    """A body sent in chunks, of unknown length: WSGI servers end the stream, Django by itself would read nothing."""
    raw: bytes = http.META["wsgi.input"].read(MOST_BYTES + 1)
    return raw


def _raw_body(request: Request) -> bytes:
    http = request._request
    length = http.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > MOST_BYTES:
        raise Refusal("body_too_large", _("send at most %d bytes") % MOST_BYTES)
    if http.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal("unsupported_media_type", _("send the body as it is, without Content-Encoding"))
    raw = _chunks(http) if "Transfer-Encoding" in http.headers and not length else http.body
    kind, charset = http.content_type, (http.content_params or {}).get("charset", "utf-8")
    if raw and (kind != ACCEPTED or charset.lower().strip('"') not in ("utf-8", "utf8")):
        sent = http.headers.get("Content-Type", "")[:100] or _("none")
        message = _("send Content-Type: %(accepted)s in UTF-8, not %(came)s") % {"accepted": ACCEPTED, "came": sent}
        raise Refusal("unsupported_media_type", message, headers={"Accept-Post": ACCEPTED})
    return bytes(raw)
