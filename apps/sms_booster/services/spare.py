"""Sparing: a last look, just before sending, at who needs no SMS any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from apps.sms_booster.models import SmsMessage
from apps.sms_booster.queries import openers
from apps.sms_booster.states import SMS_STATES

_TOO_LATE_AFTER = timedelta(hours=24)


def spare(due: Sequence[SmsMessage], now: datetime) -> set[int]:
    """End the SMS of those who need none any more; returns their ids. The rows must be locked."""
    opened = {
        (dispatch_id, customer_id)
        for dispatch_id in {message.dispatch_id for message in due}
        for customer_id in openers(dispatch_id=dispatch_id, customer_ids=[message.customer_id for message in due])
    }
    reasons = {message.pk: _reason(message, opened, now) for message in due}
    for reason in set(filter(None, reasons.values())):
        rows = SmsMessage.objects.filter(pk__in=[pk for pk, why in reasons.items() if why == reason])
        SMS_STATES.move(rows, "spared", code=reason, settled_at=now)
    return {pk for pk, reason in reasons.items() if reason}


def _reason(message: SmsMessage, opened: set[tuple[int, int]], now: datetime) -> str:
    customer = message.customer
    if not message.rule.is_enabled:
        return "stopped"
    if customer.erased_at is not None or customer.phone != message.phone:
        return "no_phone"
    if customer.sms_consent is not True:
        return "no_consent"
    if (message.dispatch_id, message.customer_id) in opened:
        return "opened"
    return "too_late" if message.planned_at < now - _TOO_LATE_AFTER else ""
