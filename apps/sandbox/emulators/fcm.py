"""FCM HTTP v1: POST /v1/projects/{project}/messages:send.

Source: firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and Google's discovery document.
"""

import json
import re
import secrets
from typing import Any

from apps.sandbox.credentials import AppCredentials
from apps.sandbox.emulators.behaviours import perform
from apps.sandbox.emulators.fcm_rules import violations_of
from apps.sandbox.emulators.google_schema import send_request_check
from apps.sandbox.emulators.oauth import OauthEmulator
from apps.sandbox.fates import Behaviour
from apps.sandbox.strict_json import parse_json
from apps.sandbox.wire.exchange import Answer, HeaderList, Request, json_answer
from apps.sandbox.world import World

_PATH = re.compile(r"/v1/projects/([^/]+)/messages:send")
_TOKEN = re.compile(r"[A-Za-z0-9_:.~%-]{1,4096}")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_TYPE = "type.googleapis.com/"
# At most so many different collapse keys wait for one device (Firebase: "collapsible messages").
_COLLAPSE_KEYS = 4


class FcmEmulator:
    """One Firebase, many projects."""

    def __init__(self, world: World, oauth: OauthEmulator) -> None:
        self._world = world
        self._oauth = oauth
        self._check = send_request_check()
        self._buckets: dict[str, tuple[float, float]] = {}

    def respond(self, request: Request) -> Answer:
        """Answer one call as Google does: route, login, project, schema, rules, quota, then the device."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            return google_error(404, "Requested entity was not found.")
        app = self._login(request, match[1])
        if isinstance(app, Answer):
            return app
        try:
            document = parse_json(request.body)
        except ValueError:
            return bad_request([("", "Invalid JSON payload received. Unexpected token.")])
        violations: list[tuple[str, str]] = []
        self._check(document, "", violations)
        if not violations:
            violations = violations_of(document, len(request.body))
        if violations:
            return bad_request(violations, is_fcm=True)
        if not self._take_quota(app.project_id):
            return quota_exceeded("60")
        return self._send(request, app, document)

    def _login(self, request: Request, project: str) -> AppCredentials | Answer:
        """The app whose project it is and whose bearer token came, or the refusal."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = self._oauth.bearer(token) if kind.lower() == "bearer" else None
        if bearer is None:
            return google_error(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")
        app = self._world.directory.find("project", project)
        if app is None:
            return google_error(404, "Requested entity was not found.")
        if app.slug != bearer.slug:
            text = f"Permission 'cloudmessaging.messages.create' denied on resource 'projects/{project}'."
            return google_error(403, text, [_error_info("IAM_PERMISSION_DENIED")])
        if not bearer.may_send:
            reason = _error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")
            return google_error(403, "Request had insufficient authentication scopes.", [reason])
        return app

    def _take_quota(self, project: str) -> bool:
        """One message of the project's minute; a bucket that refills continuously."""
        per_minute = self._world.limits.fcm_per_minute
        if not per_minute:
            return True
        now = self._world.monotonic()
        left, since = self._buckets.get(project, (float(per_minute), now))
        left = min(per_minute, left + (now - since) * per_minute / 60)
        self._buckets[project] = (left - 1 if left >= 1 else left, now)
        return left >= 1

    def _send(self, request: Request, app: AppCredentials, document: dict[str, Any]) -> Answer:
        message = document["message"]
        token = _address(message)
        if not token:
            return bad_token()
        name = f"projects/{app.project_id}/messages/"
        if document.get("validate_only") or document.get("validateOnly"):
            return json_answer({"name": name + "fake_message_id"})

        def deliver() -> Answer:
            self._keep(request, app, token, message)
            return json_answer({"name": f"{name}0:{int(self._world.clock() * 1e6)}%{secrets.token_hex(8)}"})

        return perform(self._world.instruction("fcm", token), deliver, _REFUSALS)

    def _keep(self, request: Request, app: AppCredentials, token: str, message: dict[str, Any]) -> None:
        android = message.get("android") or {}
        tag = _first(android, ("notification", "tag"))
        collapse_key = tag or android.get("collapse_key") or android.get("collapseKey") or _other_collapse_key(message)
        self._world.inbox.add(
            gateway="fcm",
            app=app.slug,
            token=token,
            notification_id=_notification_id(message),
            collapse_key=collapse_key,
            most_keys=0 if tag else _COLLAPSE_KEYS,
            payload=json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(),
            headers=request.plain_headers(),
            now=self._world.clock(),
        )


def _address(message: dict[str, Any]) -> str:
    """The device, topic or condition; "" where a device token is none."""
    device = message.get("token", message.get("fid"))
    if device is not None:
        return device if _TOKEN.fullmatch(device) else ""
    topic = message.get("topic")
    return f"/topics/{topic}" if topic else str(message.get("condition"))


def _first(message: dict[str, Any], path: tuple[str, ...]) -> str:
    """The text at a path, "" where any part is missing."""
    value: Any = message
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _notification_id(message: dict[str, Any]) -> str:
    paths = (("data", "nid"), ("android", "data", "nid"), ("apns", "payload", "nid"), ("webpush", "data", "nid"))
    return next((found for path in paths if (found := _first(message, path))), "")


def _other_collapse_key(message: dict[str, Any]) -> str:
    return _first(message, ("apns", "headers", "apns-collapse-id")) or _first(message, ("webpush", "headers", "Topic"))


def google_error(
    code: int, message: str, details: list[dict[str, Any]] | None = None, headers: HeaderList | None = None
) -> Answer:
    """google.rpc.Status as Google's JSON servers write it."""
    error: dict[str, Any] = {"code": code, "message": message, "status": _STATUSES[code]}
    if details:
        error["details"] = details
    return json_answer({"error": error}, code, headers)


def bad_request(violations: list[tuple[str, str]], is_fcm: bool = False) -> Answer:
    """400 with google.rpc.BadRequest: it names what is wrong with the message, never with the token."""
    fields = [{"field": field, "description": text} if field else {"description": text} for field, text in violations]
    details: list[dict[str, Any]] = [{"@type": _TYPE + "google.rpc.BadRequest", "fieldViolations": fields}]
    if is_fcm:
        details.insert(0, _fcm_code("INVALID_ARGUMENT"))
    return google_error(400, "\n".join(text for _, text in violations), details)


def bad_token() -> Answer:
    """400 without a BadRequest: the registration token is no token."""
    text = "The registration token is not a valid FCM registration token"
    return google_error(400, text, [_fcm_code("INVALID_ARGUMENT")])


def quota_exceeded(retry_after: str = "") -> Answer:
    """429 for the project."""
    failure = {
        "@type": _TYPE + "google.rpc.QuotaFailure",
        "violations": [
            {"subject": "project", "description": "Quota exceeded for quota metric 'Message sends per minute'"}
        ],
    }
    headers = [("retry-after", retry_after)] if retry_after else []
    return google_error(429, "Quota exceeded.", [_fcm_code("QUOTA_EXCEEDED"), failure], headers)


def _fcm_code(code: str) -> dict[str, str]:
    return {"@type": _TYPE + "google.firebase.fcm.v1.FcmError", "errorCode": code}


def _error_info(reason: str) -> dict[str, str]:
    return {"@type": _TYPE + "google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


_REFUSALS = {
    Behaviour.UNREGISTERED: lambda: google_error(404, "Requested entity was not found.", [_fcm_code("UNREGISTERED")]),
    Behaviour.EXPIRED_TOKEN: lambda: google_error(404, "Requested entity was not found.", [_fcm_code("UNREGISTERED")]),
    Behaviour.BAD_TOKEN: bad_token,
    Behaviour.SENDER_MISMATCH: lambda: google_error(403, "SenderId mismatch", [_fcm_code("SENDER_ID_MISMATCH")]),
    Behaviour.NOT_FOR_TOPIC: lambda: google_error(403, "SenderId mismatch", [_fcm_code("SENDER_ID_MISMATCH")]),
    Behaviour.PAYLOAD_BAD: lambda: bad_request([("message.android.ttl", "Invalid value, scripted")], is_fcm=True),
    Behaviour.CONFIG_BAD: lambda: google_error(
        403, "Firebase Cloud Messaging API has not been used in this project.", [_error_info("SERVICE_DISABLED")]
    ),
    Behaviour.THROTTLE: quota_exceeded,
    Behaviour.SERVER_ERROR: lambda: google_error(
        503, "The service is currently unavailable.", [_fcm_code("UNAVAILABLE")]
    ),
}
