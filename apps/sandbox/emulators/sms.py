"""Twilio's Messages resource: POST /2010-04-01/Accounts/{sid}/Messages.json, and reading one back.

Source: twilio.com/docs/messaging/api/message-resource and its error dictionary.
"""

import base64
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from urllib.parse import parse_qs, urlsplit

from apps.sandbox.credentials import AppCredentials
from apps.sandbox.emulators.behaviours import perform
from apps.sandbox.emulators.sms_callbacks import Callback, CallbackSender
from apps.sandbox.emulators.sms_parts import part_count
from apps.sandbox.fates import PHONE_ENDINGS, PHONE_NUMBERS, Behaviour
from apps.sandbox.wire.exchange import Answer, Request, json_answer
from apps.sandbox.world import World

SENT_AFTER_SECONDS = 0.4
DELIVERED_AFTER_SECONDS = 1.0
_PATH = re.compile(r"/2010-04-01/Accounts/([^/]+)/Messages(?:/(SM[0-9a-f]{32}))?\.json")
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_TEST_SENDER = "+15005550006"
_KEPT_MESSAGES = 50_000
_TEXTS = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    21211: (400, "Invalid 'To' Phone Number"),
    21212: (400, "Invalid From Number (caller ID)"),
    21266: (400, "'To' and 'From' number cannot be the same"),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number provided is not a valid message-capable Twilio phone number."),
    21609: (400, "The StatusCallback URL is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21612: (400, "The 'To' phone number is not currently reachable via SMS"),
    21614: (400, "'To' number is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit."),
}


@dataclass(frozen=True, slots=True)
class _Sent:
    """One message we took. error: what the phone's network will say in the end, None = delivered."""

    resource: dict[str, object]
    taken_at: float
    error: int | None

    def states(self) -> list[tuple[float, str]]:
        """(seconds after acceptance, status): the last one is where it stays."""
        last = "delivered" if self.error is None else "undelivered"
        return [(SENT_AFTER_SECONDS, "sent"), (DELIVERED_AFTER_SECONDS, last)]

    def as_of(self, now: float) -> dict[str, object]:
        """The resource with its status at that moment."""
        passed = [status for delay, status in self.states() if now >= self.taken_at + delay]
        code = self.error if len(passed) == 2 else None
        return self.resource | {"status": passed[-1] if passed else "queued", "error_code": code}


class SmsEmulator:
    """One Twilio, many accounts."""

    def __init__(self, world: World, callbacks: CallbackSender) -> None:
        self._world = world
        self._callbacks = callbacks
        self._sent: dict[str, _Sent] = {}

    def respond(self, request: Request) -> Answer:
        """Answer one call: route, login, form, then the phone."""
        match = _PATH.fullmatch(request.path)
        if match is None:
            return twilio_error(20404)
        app = self._world.directory.find("account", match[1])
        if app is None or not _is_login(request, app):
            return twilio_error(20003)
        if request.method == "GET":
            return self._read(match[2])
        if request.method != "POST" or match[2]:
            return twilio_error(20404)
        fields = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        form = {name: values[-1] for name, values in fields.items()}
        refusal = _refusal_of(form, app)
        return twilio_error(refusal) if refusal else self._send(request, app, form)

    def _read(self, sid: str | None) -> Answer:
        sent = self._sent.get(sid or "")
        return json_answer(sent.as_of(self._world.clock())) if sent else twilio_error(20404)

    def _send(self, request: Request, app: AppCredentials, form: dict[str, str]) -> Answer:
        def deliver() -> Answer:
            sent = self._keep(request, app, form)
            if form.get("StatusCallback"):
                self._report(app, form["StatusCallback"], sent)
            return json_answer(sent.resource, 201)

        return perform(self._world.instruction("sms", form["To"]), deliver, _REFUSALS)

    def _keep(self, request: Request, app: AppCredentials, form: dict[str, str]) -> _Sent:
        now = self._world.clock()
        sid = "SM" + secrets.token_hex(16)
        sent = _Sent(_resource(app, form, sid, now), now, PHONE_ENDINGS.get(form["To"][-4:]))
        if len(self._sent) >= _KEPT_MESSAGES:
            del self._sent[next(iter(self._sent))]
        self._sent[sid] = sent
        self._world.inbox.add(
            gateway="sms",
            app=app.slug,
            token=form["To"],
            notification_id=sid,
            collapse_key="",
            payload=json.dumps(form).encode(),
            headers=request.plain_headers(),
            now=now,
        )
        return sent

    def _report(self, app: AppCredentials, url: str, sent: _Sent) -> None:
        """Plan a callback for each change of state; the first state has none."""
        resource = sent.resource
        for delay, status in sent.states():
            fields = {
                "AccountSid": app.sms.account_sid,
                "ApiVersion": "2010-04-01",
                "From": str(resource["from"] or app.sms.sender),
                "MessageSid": str(resource["sid"]),
                "MessageStatus": status,
                "SmsSid": str(resource["sid"]),
                "SmsStatus": status,
                "To": str(resource["to"]),
            }
            if status == "undelivered":
                fields["ErrorCode"] = str(sent.error)
            self._callbacks.send_later(delay, Callback(url, app.sms.auth_token, fields))


def _is_login(request: Request, app: AppCredentials) -> bool:
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return False
    return kind.lower() == "basic" and (name, password) == (app.sms.account_sid, app.sms.auth_token)


def _refusal_of(form: dict[str, str], app: AppCredentials) -> int | None:
    """Twilio's error code for a form, None where it is good."""
    to = form.get("To", "")
    if not to:
        return 21604
    if to in PHONE_NUMBERS:
        return PHONE_NUMBERS[to]
    if not _E164.fullmatch(to):
        return 21211
    return _sender_refusal(form, app) or _body_refusal(form)


def _sender_refusal(form: dict[str, str], app: AppCredentials) -> int | None:
    sender, service = form.get("From", ""), form.get("MessagingServiceSid", "")
    if not sender:
        return None if _SERVICE.fullmatch(service) else 21603
    if sender == form["To"]:
        return 21266
    if _E164.fullmatch(sender):
        return None if sender in (app.sms.sender, _TEST_SENDER) else 21606
    return None if _ALPHANUMERIC.fullmatch(sender) else 21212


def _body_refusal(form: dict[str, str]) -> int | None:
    body = form.get("Body", "")
    if not body and not form.get("MediaUrl") and not form.get("ContentSid"):
        return 21602
    if len(body) > 1600:
        return 21617
    callback = form.get("StatusCallback", "")
    if callback and (urlsplit(callback).scheme not in ("http", "https") or not urlsplit(callback).netloc):
        return 21609
    return None


def _resource(app: AppCredentials, form: dict[str, str], sid: str, now: float) -> dict[str, object]:
    """The message resource as Twilio shows it."""
    date = format_datetime(datetime.fromtimestamp(now, UTC))
    return {
        "sid": sid,
        "account_sid": app.sms.account_sid,
        "api_version": "2010-04-01",
        "body": form.get("Body", ""),
        "date_created": date,
        "date_sent": None,
        "date_updated": date,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": form.get("From") or None,
        "messaging_service_sid": form.get("MessagingServiceSid") or None,
        "num_media": "0",
        "num_segments": str(part_count(form.get("Body", ""))),
        "price": None,
        "price_unit": "USD",
        "status": "queued",
        "subresource_uris": {"media": f"/2010-04-01/Accounts/{app.sms.account_sid}/Messages/{sid}/Media.json"},
        "to": form["To"],
        "uri": f"/2010-04-01/Accounts/{app.sms.account_sid}/Messages/{sid}.json",
    }


def twilio_error(code: int) -> Answer:
    """An error document with Twilio's code."""
    status, text = _TEXTS[code]
    document = {
        "code": code,
        "message": text,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return json_answer(document, status)


_REFUSALS = {
    behaviour: partial(twilio_error, code)
    for behaviour, code in {
        Behaviour.UNREGISTERED: 21610,
        Behaviour.EXPIRED_TOKEN: 21614,
        Behaviour.BAD_TOKEN: 21211,
        Behaviour.NOT_FOR_TOPIC: 21408,
        Behaviour.SENDER_MISMATCH: 21606,
        Behaviour.PAYLOAD_BAD: 21617,
        Behaviour.CONFIG_BAD: 20003,
        Behaviour.THROTTLE: 20429,
        Behaviour.SERVER_ERROR: 20500,
    }.items()
}
