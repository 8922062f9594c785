"""/pair/{code}: the device that opens the link becomes a test device of the app.

The code is the key: signed, for one app, and good for a quarter of an hour. No cookie counts, hence no CSRF token, and
GET changes nothing. An app with our SDK's calls posts JSON (who it is, shown by its secret); where there is a sandbox,
the page offers a virtual phone to whoever has none.
"""

from typing import Any

import uuid_utils
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.accounts.models import App, User
from apps.api import rate
from apps.api.base import json_response, refusal_of
from apps.api.json_body import parse_object
from apps.api.refusals import Refusal, refusal_response
from apps.api.views.signed_page import HEADERS, POLICY
from apps.core.client_address import client_address
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.devices.models import Device
from apps.devices.services.pairing import PairingCode, pair_device, read_code
from apps.devices.services.registration import is_secret_of
from apps.devices.services.virtual_phones import MODELS, add_virtual_phone
from apps.gateways.contract import Endpoints

MOST_A_MINUTE = 20


@csrf_exempt
@csp_override(POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def pair(request: HttpRequest, code: str) -> HttpResponse:
    """Say what to do (GET); pair an app's device (JSON), or a virtual phone (form)."""
    key = read_code(code, now=timezone.now())
    allowance = rate.take(f"pair:{client_address(request)}", MOST_A_MINUTE)
    is_json = request.content_type == "application/json"
    if allowance.is_over:
        return _refused(request, Refusal("rate_limited"), is_json=is_json, status=429)
    app = App.objects.filter(pk=key.app_id, is_active=True).first() if key else None
    if key is None or app is None:
        return _refused(request, Refusal("not_found"), is_json=is_json, status=404)
    if is_json and request.method == "POST":
        return _pair_app(request, key, app)
    return _pair_virtual(request, key, app) if request.method == "POST" else _page(request, app, {})


def has_sandbox() -> bool:
    """Whether pushes end on virtual phones here."""
    return not settings.IS_PRODUCTION and settings.GATEWAY_ENDPOINTS.fcm_base_url != Endpoints().fcm_base_url


def _pair_app(request: HttpRequest, key: PairingCode, app: App) -> HttpResponse:
    """{"device_id", "device_secret", "name"?} of a device that registered before."""
    try:
        device, name = _shown_device(parse_object(request.body), app)
        paired = pair_device(device=device, name=name, user=_user(key), now=timezone.now())
    except Exception as error:
        return _refused(request, refusal_of(error), is_json=True)
    return json_response({"paired": True, "app": app.slug, "name": paired.name}, headers=HEADERS)


def _shown_device(said: dict[str, Any], app: App) -> tuple[Device, str]:
    device_id: Any = said.get("device_id")
    secret, name = said.get("device_secret"), said.get("name", "")
    problems = []
    if isinstance(device_id, bool) or not isinstance(device_id, int) or not 0 < device_id < 2**63:
        problems.append(FieldProblem("/device_id", "type", "must be the number that the registration answered"))
    if not isinstance(secret, str):
        problems.append(FieldProblem("/device_secret", "type", "must be the text that the registration answered"))
    if not isinstance(name, str) or not name.isprintable():
        problems.append(FieldProblem("/name", "type", "must be a text of printable characters"))
    if problems:
        raise InvalidInput(problems)
    device = Device.objects.filter(app=app, pk=int(device_id or 0)).exclude(retired_reason="removed").first()
    if device is None or not is_secret_of(device=device, secret=str(secret)):
        raise Refusal("not_found")
    return device, str(name)


def _pair_virtual(request: HttpRequest, key: PairingCode, app: App) -> HttpResponse:
    platform, name = request.POST.get("platform", ""), request.POST.get("name", "")
    if not has_sandbox() or platform not in MODELS:
        return _page(request, app, {"problem": _("Choose one of the phones.")}, 400)
    now = timezone.now()
    try:
        device = add_virtual_phone(app=app, platform=platform, now=now)
        paired = pair_device(device=device, name=name if name.isprintable() else "", user=_user(key), now=now)
    except Conflict as refusal:
        return _page(request, app, {"problem": str(refusal)}, 409)
    return _page(request, app, {"paired": paired})


def _user(key: PairingCode) -> User | None:
    return User.objects.filter(pk=key.user_id).first()


def _page(request: HttpRequest, app: App, context: dict[str, object], status: int = 200) -> HttpResponse:
    shown = {"app": app, "has_sandbox": has_sandbox(), "sandbox_url": _sandbox_url(), **context}
    return TemplateResponse(request, "devices/pair.html", shown, status=status, headers=HEADERS)


def _sandbox_url() -> str:
    return settings.GATEWAY_ENDPOINTS.fcm_base_url if has_sandbox() else ""


def _refused(request: HttpRequest, refusal: Refusal, *, is_json: bool, status: int = 0) -> HttpResponse:
    if is_json:
        return refusal_response(refusal, path=request.path, request_id=str(uuid_utils.uuid7()))
    return TemplateResponse(request, "devices/pair_gone.html", {"status": status}, status=status, headers=HEADERS)
