"""Devices: what an app calls at every launch."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request

from apps.api.base import ApiView, json_response, no_content
from apps.api.batch import PROBLEM, shown_problems
from apps.api.calls import NULLABLE_TEXT, NUMBER, TEXT, TIME, Answer, Call, list_of, record
from apps.api.refusals import Refusal
from apps.api.services.device_access import DEVICE_HEADER, SECRET_HEADER, device_for, device_shown
from apps.api.services.identity import Claim, IdentityRefused, check_identity
from apps.api.services.writable_people import require_writable, require_writable_device
from apps.api.shapes import NO_CONTROLS, VISIBLE, Anything, Record, Text
from apps.core.problems import FieldProblem
from apps.devices.models import Device
from apps.devices.queries import device_by_address
from apps.devices.services.device_fields import (
    ADDRESS_KINDS,
    ENVIRONMENTS,
    GATEWAYS_OF,
    PERMISSIONS,
    DeviceDraft,
    clean_device,
    clean_fields,
)
from apps.devices.services.hygiene import remove
from apps.devices.services.launches import launch_problems
from apps.devices.services.registration import change_device, register_together

_TEXT: dict[str, Any] = {"type": "string"}
_CUSTOMER = {"type": "string", "maxLength": 255, "pattern": VISIBLE}
_TAG = {"type": "string", "maxLength": 60, "pattern": VISIBLE}
_ABOUT_ITSELF = {
    "locale": Anything(_TEXT, "Such as pl-PL."),
    "time_zone": Anything(_TEXT, "Such as Europe/Warsaw."),
    "app_version": Anything({"type": "string", "maxLength": 64, "pattern": NO_CONTROLS}),
    "os_version": Anything({"type": "string", "maxLength": 64, "pattern": NO_CONTROLS}),
    "model": Anything({"type": "string", "maxLength": 100, "pattern": NO_CONTROLS}),
    "permission": Anything({"type": "string", "enum": list(PERMISSIONS)}, "What the person allowed."),
    "tags": Anything({"type": "array", "items": _TAG, "maxItems": 50}),
}
_KEYS = {"type": "object", "properties": {"p256dh": _TEXT, "auth": _TEXT}, "required": ["p256dh", "auth"]}
_SUBSCRIPTION = {
    "type": "object",
    "properties": {"endpoint": _TEXT, "keys": _KEYS},
    "required": ["endpoint", "keys"],
}
_CONSENT = {"type": "object", "properties": {"push": {"type": "boolean"}, "sms": {"type": "boolean"}}}


def _registration_problems(found: Mapping[str, Any]) -> Sequence[FieldProblem]:
    """By the rules of devices, as far as the fields could be read."""
    said = {"platform": "", "provider": "", **found}
    customer = said.pop("customer", None)
    draft = DeviceDraft(**{name: value for name, value in said.items() if name not in ("app", "identity_token")})
    return launch_problems(draft=draft, customer=customer)


def _change_problems(found: Mapping[str, Any]) -> Sequence[FieldProblem]:
    problems: list[FieldProblem] = []
    clean_fields(DeviceDraft("", "", **found), problems)
    return problems


REGISTRATION = Record(
    {
        "app": Text(about="The app's slug; optional, the key knows it."),
        "platform": Anything({"type": "string", "enum": list(GATEWAYS_OF)}),
        "provider": Anything({"type": "string", "enum": ["apns", "fcm", "webpush"]}),
        "address": Anything(_TEXT, "The token that the vendor gave."),
        "subscription": Anything(_SUBSCRIPTION, "Of a browser, instead of an address."),
        "address_kind": Anything({"type": "string", "enum": list(ADDRESS_KINDS)}, "fid: a Firebase installation id."),
        "previous_address": Anything(_TEXT, "Before the vendor changed it."),
        "environment": Anything({"type": "string", "enum": list(ENVIRONMENTS)}, "Required for apns."),
        "customer": Anything(
            {"type": "string", "maxLength": 255, "pattern": VISIBLE}, "Your id of the person; created if unknown."
        ),
        "identity_token": Text(1, 4096, about="Who is logged in, signed by your server; see the README."),
        "consent": Anything(_CONSENT, "What the person answered."),
        **_ABOUT_ITSELF,
    },
    required=("platform", "provider"),
    rules={"anyOf": [{"required": ["address"]}, {"required": ["subscription"]}]},
    further=_registration_problems,
)
_REGISTERED = record(
    {"device_id": NUMBER, "device_secret": NULLABLE_TEXT, "server_time": TIME, "warnings": list_of(PROBLEM)}
)
_DEVICE = record(
    {
        "device_id": NUMBER,
        "customer": NULLABLE_TEXT,
        "platform": TEXT,
        "provider": TEXT,
        "state": TEXT,
        "environment": TEXT,
        "locale": TEXT,
        "time_zone": TEXT,
        "app_version": TEXT,
        "os_version": TEXT,
        "model": TEXT,
        "permission": TEXT,
        "tags": list_of(TEXT),
        "created_at": TIME,
        "registered_at": TIME,
        "last_seen_at": TIME,
    }
)
_OWN = {
    DEVICE_HEADER: "The device's id; with its secret, where previous_address changes a device without a customer.",
    SECRET_HEADER: "The device's secret.",
}
_SECRET = {SECRET_HEADER: "The device's secret; needed with a publishable key."}


class DevicesView(ApiView):
    """/v2.1/devices"""

    for_browsers = True
    calls: ClassVar = {
        "POST": Call(
            "registerDevice",
            "devices:write",
            "Register a device, at every launch of the app.\n\nA token belongs to its last registration: seen on"
            " another customer, it moves. `device_secret` is given once, to a device that is new.",
            {200: Answer("Known", _REGISTERED), 201: Answer("New", _REGISTERED)},
            body=REGISTRATION,
            headers=_OWN,
            refusals=(401, 409),
        )
    }

    def post(self, request: Request) -> HttpResponse:
        said = self.body()
        app, now = self.caller.app, timezone.now()
        if (named := said.pop("app", app.slug)) != app.slug:
            message = _("is not the key's app, which is %s") % app.slug
            problem = FieldProblem("/app", "not_found", message, named[:100])
            raise Refusal("not_found", problem.message, problems=[problem])
        customer, token = said.pop("customer", None), said.pop("identity_token", None)
        draft = DeviceDraft(**said)
        is_proved, warnings = self._proved(customer, token, draft)
        require_writable_device(caller=self.caller, customer=customer, draft=draft)
        registration = register_together(
            app=app,
            draft=draft,
            customer=customer,
            now=now,
            # A publishable key stands in every copy of the app: it can take a "no" from a person, never undo one.
            keeps_opt_out=not is_proved,
            made_by_test=self.caller.is_test,
        )
        answer: dict[str, Any] = {
            "device_id": registration.device_id,
            "device_secret": registration.secret,
            "server_time": now.isoformat(),
            "warnings": shown_problems(warnings),
        }
        return json_response(answer, 201 if registration.is_new else 200)

    def _proved(self, customer: str | None, token: str | None, draft: DeviceDraft) -> tuple[bool, list[FieldProblem]]:
        """Whether it is known who speaks, and what the app's mode monitor warns about. Raises Refusal."""
        if not self.caller.is_publishable:
            return True, []
        device, before = _address_hashes(draft) if token else ("", "")
        takes_over = bool(draft.previous_address) and not self._shows_previous(draft)
        claim = Claim(customer, token, takes_over=takes_over, device=device, before=before)
        try:
            identity = check_identity(app=self.caller.app, claim=claim, now=timezone.now())
        except IdentityRefused as refused:
            raise Refusal(refused.problem.code, refused.problem.message, problems=[refused.problem]) from refused
        return identity.is_proved, [identity.problem] if identity.problem else []

    def _shows_previous(self, draft: DeviceDraft) -> bool:
        """Whether the headers show the secret of the device whose address changes, or has: an answer may be lost."""
        try:
            device = device_shown(caller=self.caller, headers=self.request.headers)
        except Refusal:
            return False
        clean, held = clean_device(draft), bytes(device.address_hash)
        if clean.previous_hash is None or held == clean.previous_hash:
            return True
        # Asked again. Where somebody still has the previous address, it would be taken from them.
        before = device_by_address(app=self.caller.app, address_hash=clean.previous_hash)
        return held == clean.address_hash and before is None


def _address_hashes(draft: DeviceDraft) -> tuple[str, str]:
    """Of the address, and of the one before ("" = none). Raises InvalidInput."""
    clean = clean_device(draft)
    return clean.address_hash.hex(), clean.previous_hash.hex() if clean.previous_hash else ""


class OneDeviceView(ApiView):
    """/v2.1/devices/{id}"""

    for_browsers = True
    calls: ClassVar = {
        "GET": Call("readDevice", "devices:read", "One device.", {200: Answer("The device", _DEVICE)}, headers=_SECRET),
        "PATCH": Call(
            "changeDevice",
            "devices:write",
            "Change what a device says about itself.",
            {200: Answer("The device", _DEVICE)},
            body=Record(_ABOUT_ITSELF, further=_change_problems),
            headers=_SECRET,
        ),
        "DELETE": Call(
            "removeDevice",
            "devices:write",
            "Forget a registration, at log-out for instance. The device comes back by registering again.",
            {204: Answer("Gone")},
            headers=_SECRET,
        ),
    }

    def get(self, request: Request, device_id: int) -> HttpResponse:
        return json_response(_shown(self._device(device_id)))

    def patch(self, request: Request, device_id: int) -> HttpResponse:
        device = self._writable(device_id)
        return json_response(_shown(change_device(device=device, changes=self.body(), now=timezone.now())))

    def delete(self, request: Request, device_id: int) -> HttpResponse:
        remove(device=self._writable(device_id), now=timezone.now())
        return no_content()

    def _writable(self, device_id: int) -> Device:
        device = self._device(device_id)
        require_writable(caller=self.caller, customer=device.customer)
        return device

    def _device(self, device_id: int) -> Device:
        return device_for(caller=self.caller, device_id=device_id, secret=self.request.headers.get(SECRET_HEADER, ""))


def _shown(device: Device) -> dict[str, Any]:
    """The device without its address: who may read devices need not be able to send to them."""
    return {
        "device_id": device.pk,
        "customer": device.customer.external_id,
        "platform": device.platform,
        "provider": device.gateway,
        "state": device.state,
        "environment": device.environment,
        **{name: getattr(device, name) for name in _ABOUT_ITSELF},
        "created_at": device.created_at.isoformat(),
        "registered_at": device.registered_at.isoformat(),
        "last_seen_at": device.last_seen_at.isoformat(),
    }
