"""Sending at most once: `sending` is committed just before each call, and nothing left in it is ever sent again.

A slice is small, so that consent, opens and stops hold for every call that starts 2 s after them. Only where the
provider surely did not take an SMS (throttled, never connected, wrong credentials) is it planned again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import App
from apps.core.encryption import WrongKey
from apps.customers.services.consent import record_consent
from apps.deliveries.policy import Policy
from apps.deliveries.services.quiet_hours import sending_window
from apps.devices.models import Channel
from apps.devices.services.channels import pause_channel, resume_channel
from apps.gateways.contract import Endpoints, RetryReason, SendResult, TextGateway, TextMessage, Verdict
from apps.sms_booster.models import SmsMessage
from apps.sms_booster.queries import openers
from apps.sms_booster.services.provider import provider_of, send_texts
from apps.sms_booster.states import SMS_STATES
from apps.sms_booster.zones import zone_of

SLICE = 20
TICK_SECONDS = 4.0
_CRASHED_AFTER = timedelta(minutes=2)
_TOO_LATE_AFTER = timedelta(hours=24)
_THROTTLED_SECONDS = 30.0
_SERVER_SECONDS = 900.0
_PROBE_AFTER = timedelta(minutes=1)
_OPTED_OUT = "21610"  # Twilio's word: the recipient has answered STOP to this sender before


@dataclass(frozen=True, slots=True)
class Way:
    """How SMS leave this installation. public_url: what stands before /v2.1 in the callbacks."""

    endpoints: Endpoints
    public_url: str
    is_stopping: Callable[[], bool] = lambda: False


def send_due(*, way: Way, now: datetime, seconds: float = TICK_SECONDS) -> int:
    """Send what is due, slice by slice, for at most about `seconds`; returns the SMS handed to a provider.

    now: the begin of the tick, at most `seconds` behind. No database connection is held while the provider thinks.
    """
    mark_crashed(now)
    ends_at, sent = time.monotonic() + seconds, 0
    for channel in _open_channels(now):
        provider = _usable_provider(channel, way, now)
        while provider and time.monotonic() < ends_at and not way.is_stopping():
            taken = _take_slice(channel, now)
            if taken is None:
                break
            results = send_texts(provider, [_text(message, way) for message in taken]) if taken else []
            sent += len(taken)
            if not _record_slice(channel, taken, results, now):
                break
    return sent


def _usable_provider(channel: Channel, way: Way, now: datetime) -> TextGateway | None:
    """Opened before anything is committed to `sending`; what cannot be opened closes its channel."""
    try:
        return provider_of(channel, way.endpoints)
    except (ValueError, WrongKey) as error:
        _stop_channel(channel, str(error), now)
        return None


def mark_crashed(now: datetime) -> int:
    """sending -> unknown where no answer was written in time: the process died between the call and its record."""
    left = SmsMessage.objects.filter(state="sending", sending_at__lt=now - _CRASHED_AFTER)
    return SMS_STATES.move(left, "unknown", code="crashed", settled_at=now)


def _open_channels(now: datetime) -> list[Channel]:
    """SMS channels with something due; a paused one is tried again when its probe is due."""
    due = SmsMessage.objects.filter(state="planned", due_at__lte=now, app_id=OuterRef("app_id"))
    is_open = Q(state="active") | Q(state="paused", probe_after__lte=now)
    return list(Channel.objects.filter(is_open, Exists(due), gateway="sms").select_related("app"))


def _take_slice(channel: Channel, now: datetime) -> list[SmsMessage] | None:
    """Sort a slice of due SMS: spare, postpone, or commit to sending. None = nothing is due any more."""
    size = SLICE if channel.state == "active" else 1
    with transaction.atomic():
        rows = SmsMessage.objects.select_for_update(of=("self",), skip_locked=True)
        rows = rows.filter(state="planned", due_at__lte=now, app_id=channel.app_id).order_by("due_at", "pk")
        due = list(rows.select_related("customer", "rule")[:size])
        if not due:
            return None
        spared = _spare(due, now)
        awake = [message for message in due if message.pk not in spared and not _postponed(message, channel.app, now)]
        SMS_STATES.move(_rows(awake), "sending", sending_at=now)
    return awake


def _spare(due: Sequence[SmsMessage], now: datetime) -> set[int]:
    """End the SMS of those who need none any more; returns their ids."""
    opened = {
        (dispatch_id, customer_id)
        for dispatch_id in {message.dispatch_id for message in due}
        for customer_id in openers(dispatch_id=dispatch_id, customer_ids=[message.customer_id for message in due])
    }
    reasons = {message.pk: _reason(message, opened, now) for message in due}
    for reason in set(filter(None, reasons.values())):
        _settle([pk for pk, why in reasons.items() if why == reason], "spared", reason, now)
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


def _postponed(message: SmsMessage, app: App, now: datetime) -> bool:
    """Moves an SMS to the end of the recipient's quiet hours; False where they are awake."""
    quiet = Policy(
        quiet_from=f"{app.quiet_from:%H:%M}" if app.quiet_from else "",
        quiet_until=f"{app.quiet_until:%H:%M}" if app.quiet_until else "",
    ).quiet_hours
    zone = zone_of(phone=message.phone, time_zone=message.customer.time_zone)
    opens_at = sending_window(quiet=quiet, zone=zone, default_zone=app.time_zone, not_before=now).opens_at
    if opens_at <= now:
        return False
    SmsMessage.objects.filter(pk=message.pk, state="planned").update(due_at=opens_at)
    return True


def _text(message: SmsMessage, way: Way) -> TextMessage:
    callback = f"{way.public_url}/v2.1/callbacks/sms/twilio?sms={message.pk}"
    return TextMessage(reference=str(message.pk), to=message.phone, body=message.body, callback_url=callback)


def _record_slice(channel: Channel, taken: Sequence[SmsMessage], results: Sequence[SendResult], now: datetime) -> bool:
    """Write the answers down; False where the channel should be left alone for now."""
    for message, result in zip(taken, results, strict=True):
        _record(message, result, now)
    broken = next((result for result in results if result.verdict == Verdict.CONFIG_BAD), None)
    if broken is not None:
        _stop_channel(channel, f"{broken.vendor_code} {broken.detail}".strip(), now)
    elif taken and channel.state == "paused":
        resume_channel(channel_id=channel.pk, now=now)
        channel.state = "active"
    return broken is None


def _record(message: SmsMessage, result: SendResult, now: datetime) -> None:
    verdict, code = result.verdict, result.vendor_code
    if verdict == Verdict.ACCEPTED:
        SMS_STATES.move(_rows([message]), "accepted", provider_id=result.vendor_message_id, settled_at=now)
    elif verdict == Verdict.CONFIG_BAD:
        _plan_again(message, code, now + _PROBE_AFTER)
    elif verdict == Verdict.RETRY and result.retry_reason == RetryReason.UNKNOWN_OUTCOME:
        _settle([message.pk], "unknown", code, now)
    elif verdict == Verdict.RETRY:
        usual = _SERVER_SECONDS if result.retry_reason == RetryReason.SERVER else _THROTTLED_SECONDS
        _plan_again(message, code, now + timedelta(seconds=result.retry_after_seconds or usual))
    else:
        _settle([message.pk], "failed", code, now)
        if code == _OPTED_OUT:
            _believe_stop(message, now)


def _believe_stop(message: SmsMessage, now: datetime) -> None:
    wording = "the provider knows a STOP from this number"
    record_consent(
        customer_ids=[message.customer_id],
        channel="sms",
        granted=False,
        source="sms_reply",
        wording=wording,
        now=now,
    )


def _stop_channel(channel: Channel, reason: str, now: datetime) -> None:
    """Close it until its next probe; one that was closed already waits for another."""
    probe_after = now + _PROBE_AFTER
    if not pause_channel(channel_id=channel.pk, reason=reason, now=now, probe_after=probe_after):
        Channel.objects.filter(pk=channel.pk, state="paused").update(
            probe_after=probe_after, paused_reason=reason[:300]
        )


def _plan_again(message: SmsMessage, code: str, due_at: datetime) -> None:
    SMS_STATES.move(_rows([message]), "planned", code=code[:60], sending_at=None, due_at=due_at)


def _settle(ids: Sequence[int], state: str, code: str, now: datetime) -> None:
    SMS_STATES.move(SmsMessage.objects.filter(pk__in=ids), state, code=code[:60], settled_at=now)


def _rows(messages: Sequence[SmsMessage]) -> QuerySet[SmsMessage]:
    return SmsMessage.objects.filter(pk__in=[message.pk for message in messages])
