"""Answers: what the provider said about a slice, written down; and what it means for the channel."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from apps.customers.services.consent import record_consent
from apps.devices.models import Channel
from apps.devices.services.channels import pause_channel, resume_channel
from apps.gateways.contract import RetryReason, SendResult, Verdict
from apps.gateways.twilio import OPTED_OUT
from apps.sms_booster.models import SmsMessage
from apps.sms_booster.states import SMS_STATES

_THROTTLED_SECONDS = 30.0
_SERVER_SECONDS = 900.0
_PROBE_AFTER = timedelta(minutes=1)


def record_slice(channel: Channel, taken: Sequence[SmsMessage], results: Sequence[SendResult], now: datetime) -> bool:
    """Write the answers down; False where the channel should be left alone for now."""
    for message, result in zip(taken, results, strict=True):
        _record(message, result, now)
    broken = next((result for result in results if result.verdict == Verdict.CONFIG_BAD), None)
    if broken is not None:
        stop_channel(channel, f"{broken.vendor_code} {broken.detail}".strip(), now)
        return False
    return not taken or channel.state != "paused" or _is_open_again(channel, results, now)


def _is_open_again(channel: Channel, results: Sequence[SendResult], now: datetime) -> bool:
    """Whether the probe let it go on: the provider itself has answered. What never reached it has proved nothing."""
    if not any(_is_an_answer(result) for result in results):
        Channel.objects.filter(pk=channel.pk, state="paused").update(probe_after=now + _PROBE_AFTER)
        return False
    resume_channel(channel_id=channel.pk, now=now)
    channel.state = "active"
    return True


def _is_an_answer(result: SendResult) -> bool:
    return result.retry_reason not in (RetryReason.NETWORK, RetryReason.UNKNOWN_OUTCOME)


def _record(message: SmsMessage, result: SendResult, now: datetime) -> None:
    verdict, code = result.verdict, result.vendor_code
    if verdict == Verdict.ACCEPTED:
        SMS_STATES.move(
            SmsMessage.objects.filter(pk=message.pk), "accepted", provider_id=result.vendor_message_id, settled_at=now
        )
    elif verdict == Verdict.CONFIG_BAD:
        _plan_again(message, code, now + _PROBE_AFTER)
    elif verdict == Verdict.RETRY and result.retry_reason == RetryReason.UNKNOWN_OUTCOME:
        _settle(message, "unknown", code, now)
    elif verdict == Verdict.RETRY:
        usual = _SERVER_SECONDS if result.retry_reason == RetryReason.SERVER else _THROTTLED_SECONDS
        _plan_again(message, code, now + timedelta(seconds=result.retry_after_seconds or usual))
    else:
        _settle(message, "failed", code, now)
        if code == OPTED_OUT:
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


def stop_channel(channel: Channel, reason: str, now: datetime) -> None:
    """Close it until its next probe; one that was closed already waits for another."""
    probe_after = now + _PROBE_AFTER
    if not pause_channel(channel_id=channel.pk, reason=reason, now=now, probe_after=probe_after):
        Channel.objects.filter(pk=channel.pk, state="paused").update(
            probe_after=probe_after, paused_reason=reason[:300]
        )


def _plan_again(message: SmsMessage, code: str, due_at: datetime) -> None:
    SMS_STATES.move(SmsMessage.objects.filter(pk=message.pk), "planned", code=code[:60], sending_at=None, due_at=due_at)


def _settle(message: SmsMessage, state: str, code: str, now: datetime) -> None:
    SMS_STATES.move(SmsMessage.objects.filter(pk=message.pk), state, code=code[:60], settled_at=now)
