"""Sparing: a last look, just before sending, at who needs no SMS any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from apps.customers.sealed import BROKEN_CONTACT, BrokenContact
from apps.sms_booster.models import SmsMessage
from apps.sms_booster.queries import openers
from apps.sms_booster.services.fall_back import TOO_LATE_AFTER, unanswered
from apps.sms_booster.states import SMS_STATES

_TOO_LATE_OF_CAMPAIGN = timedelta(hours=24)


def spare(due: Sequence[SmsMessage], now: datetime) -> set[int]:
    """End the SMS of those who need none any more, or whose number cannot be read; returns their ids. The rows must be
    locked."""
    opened = _opened([message for message in due if message.rule]) | _answered(
        [message for message in due if message.fallback]
    )
    reasons = {message.pk: _reason(message, opened, now) for message in due}
    for reason in set(filter(None, reasons.values())):
        rows = SmsMessage.objects.filter(pk__in=[pk for pk, why in reasons.items() if why == reason])
        SMS_STATES.move(rows, "failed" if reason == BROKEN_CONTACT else "spared", code=reason, settled_at=now)
    return {pk for pk, reason in reasons.items() if reason}


def _opened(due: Sequence[SmsMessage]) -> set[tuple[int | None, int]]:
    return {
        (dispatch_id, customer_id)
        for dispatch_id in {message.dispatch_id for message in due if message.dispatch_id is not None}
        for customer_id in openers(dispatch_id=dispatch_id, customer_ids=[message.customer_id for message in due])
    }


def _answered(due: Sequence[SmsMessage]) -> set[tuple[int | None, int]]:
    """Who has sent any receipt for the push that an SMS was to follow."""
    silent = {
        (message.dispatch_id, row[0])
        for message in due
        if message.fallback
        for row in unanswered(message.fallback.dispatch, [message.customer_id])
    }
    return {(message.dispatch_id, message.customer_id) for message in due} - silent


def _is_over(message: SmsMessage) -> bool:
    """Its booster was switched off, or its automation ended."""
    if message.rule is not None:
        return not message.rule.is_enabled
    return message.step is not None and message.step.automation.state == "ended"


def _has_left_topic(message: SmsMessage) -> bool:
    """Of an automation about a topic: its SMS may have waited through a night."""
    topic = message.step.automation.topic if message.step is not None else ""
    return bool(topic) and topic not in message.customer.topics


def _reason(message: SmsMessage, opened: set[tuple[int | None, int]], now: datetime) -> str:
    customer = message.customer
    if _is_over(message):
        return "stopped"
    if customer.erased_at is None and any(isinstance(one.phone, BrokenContact) for one in (customer, message)):
        return BROKEN_CONTACT
    if customer.erased_at is not None or customer.phone != message.phone:
        return "no_phone"
    if customer.sms_consent is not True or _has_left_topic(message):
        return "no_consent"
    if (message.dispatch_id, message.customer_id) in opened:
        return "answered" if message.fallback else "opened"
    too_late_after = TOO_LATE_AFTER if message.fallback else _TOO_LATE_OF_CAMPAIGN
    return "too_late" if message.planned_at < now - too_late_after else ""
