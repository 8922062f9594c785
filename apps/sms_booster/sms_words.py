"""What became of an SMS, in one sentence. One place of words for the API and the screens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.customers.sealed import BROKEN_CONTACT
from apps.deliveries.why import day_told
from apps.sms_booster.models import SmsMessage

# By the code of an SMS that was not sent.
_NOT_SENT: Mapping[str, Any] = {
    "answered": gettext_lazy("Not needed: they answered the push."),
    "opened": gettext_lazy("Not needed: they opened the push."),
    "no_consent": gettext_lazy("Not sent: they have not agreed to SMS."),
    "no_phone": gettext_lazy("Not sent: no phone number of them is known, or it changed meanwhile."),
    "same_phone": gettext_lazy("Not sent: somebody else the push was for has the same number, and one SMS goes there."),
    "test_key": gettext_lazy("Not sent: the push came with a test key."),
    "too_late": gettext_lazy("Not sent: it would have come too late."),
    "cancelled": gettext_lazy("Not sent: the push was cancelled."),
    "stopped": gettext_lazy("Not sent: the SMS was switched off meanwhile."),
    "erased": gettext_lazy("Not sent: they asked to be forgotten."),
    "merged": gettext_lazy("Not sent: two records of this person became one, and the other one has the SMS."),
    "per_day": gettext_lazy("Not sent: the SMS that the app may send in 24 hours were used up."),
    BROKEN_CONTACT: gettext_lazy("Not sent: their stored phone number or e-mail is damaged."),
    "empty_text": gettext_lazy("Not sent: its text came out empty for this person."),
    "too_many_parts": gettext_lazy("Not sent: its text came out too long for this person."),
}


def sms_text(message: SmsMessage) -> str:
    """Its sentence."""
    match message.state:
        case "planned":
            return _planned(message)
        case "sending":
            return _("It is being handed to the SMS provider.")
        case "accepted":
            return _("Sent: the SMS provider took it, and has not reported yet whether it arrived.")
        case "delivered":
            return _("It arrived, the SMS provider says.")
        case "undelivered":
            return _("It did not arrive, the SMS provider says (%(code)s).") % {"code": message.code or "–"}
        case "unknown":
            return _("The SMS provider gave no answer: it may have arrived. It is never sent twice.")
        case "over_budget" if not message.code:
            return _("Not sent: the campaign's limit of SMS was used up.")
    return _not_sent(message)


def waits_for_answers(due_at: datetime) -> str:
    """Of the SMS after a push, before it is decided who gets it."""
    return _("It waits until %(day)s; who has answered the push by then gets none.") % {"day": day_told(due_at)}


def waits_for_opens(due_at: datetime | None, wait_minutes: int) -> str:
    """Of a campaign's SMS, before it is decided who gets it. due_at: None while the campaign is not over."""
    if due_at is not None:
        return _("It waits until %(day)s; who has opened the push by then gets none.") % {"day": day_told(due_at)}
    return ngettext(
        "It waits until the campaign has been over for %(count)d minute; who has opened the push by then gets none.",
        "It waits until the campaign has been over for %(count)d minutes; who has opened the push by then gets none.",
        wait_minutes,
    ) % {"count": wait_minutes}


def _planned(message: SmsMessage) -> str:
    day = {"day": day_told(message.due_at), "code": message.code}
    if message.code:
        return _("The SMS provider could not take it (%(code)s); it is tried again on %(day)s.") % day
    return _("It is to be sent, not before %(day)s.") % day


def _not_sent(message: SmsMessage) -> str:
    known = _NOT_SENT.get(message.code)
    if known is not None:
        return str(known)
    if message.state != "failed":
        return _("Not needed any more.")
    return _("Not sent: the SMS provider refused it, or its text could not be made (%(code)s).") % {
        "code": message.code or "–"
    }
