"""What Twilio posts back: signed status reports and replies.

Source: twilio.com/docs/usage/security, .../messaging/guides/track-outbound-message-status and .../twiml.

| MessageStatus | word |
|---|---|
| accepted, scheduled, queued, sending, sent | accepted |
| delivered, read, partially_delivered | delivered |
| undelivered | undelivered |
| failed, canceled | failed |
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

_WORDS = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "partially_delivered": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
}


@dataclass(frozen=True, slots=True)
class StatusReport:
    """How an SMS is doing. word: accepted, delivered, undelivered, failed, or "" for a status we do not know."""

    account_sid: str
    message_sid: str
    word: str
    error_code: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMS that somebody sent to us."""

    account_sid: str
    message_sid: str
    sender: str
    body: str


def is_signed(*, auth_token: str, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Whether X-Twilio-Signature belongs to this form, posted to exactly this URL (query included)."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    expected = base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1"))
    return hmac.compare_digest(expected, signature.encode())


def read_report(form: Mapping[str, str]) -> StatusReport:
    """A status callback's form; missing fields are ""."""
    word = _WORDS.get(form.get("MessageStatus", ""), "")
    return StatusReport(form.get("AccountSid", ""), form.get("MessageSid", ""), word, form.get("ErrorCode", ""))


def read_reply(form: Mapping[str, str]) -> Reply:
    """An incoming message's form; missing fields are ""."""
    return Reply(form.get("AccountSid", ""), form.get("MessageSid", ""), form.get("From", ""), form.get("Body", ""))
