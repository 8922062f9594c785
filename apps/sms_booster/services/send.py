"""Sending at most once: `sending` is committed just before each call, and nothing left in it is ever sent again.

A slice is small, so that consent, opens and stops hold for every call that starts 2 s after them. Only where the
provider surely did not take an SMS (throttled, never connected, wrong credentials) is it planned again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import App
from apps.core.encryption import WrongKey
from apps.deliveries.models import SendingStop
from apps.deliveries.policy import Policy
from apps.deliveries.services.quiet_hours import sending_window
from apps.deliveries.services.work import HOLDS_SECONDS
from apps.devices.models import Channel
from apps.gateways.contract import Endpoints, TextGateway, TextMessage
from apps.sms_booster.click_links import counted
from apps.sms_booster.models import SmsMessage
from apps.sms_booster.services.answers import record_slice, stop_channel
from apps.sms_booster.services.provider import provider_of, send_texts
from apps.sms_booster.services.spare import spare
from apps.sms_booster.states import SMS_STATES
from apps.sms_booster.zones import zone_of

SLICE = 20
TICK_SECONDS = 4.0
CRASHED_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Way:
    """How SMS leave this installation. public_url: what stands before /v2.1 in the callbacks."""

    endpoints: Endpoints
    public_url: str
    is_stopping: Callable[[], bool] = lambda: False


def send_due(*, way: Way, now: datetime, seconds: float = TICK_SECONDS, after_pushes: bool = False) -> int:
    """Send what is due, slice by slice, for at most about `seconds`; returns the SMS handed to a provider.

    after_pushes: those that follow transactional pushes, which wait for no campaign; else all others.
    now: the begin of the tick, at most `seconds` behind. No database connection is held while the provider thinks.
    """
    mark_crashed(now)
    ends_at, sent = time.monotonic() + seconds, 0
    for channel in _open_channels(now, after_pushes=after_pushes):
        provider = usable_provider(channel, way, now)
        while provider and time.monotonic() < ends_at and not way.is_stopping():
            start_by = time.monotonic() + HOLDS_SECONDS
            taken = _take_slice(channel, now, after_pushes=after_pushes)
            if taken is None:
                break
            texts = [_text(message, way) for message in taken]
            results = send_texts(provider, texts, start_by=start_by) if texts else []
            sent += len(taken)
            if not record_slice(channel, taken, results, now):
                break
    return sent


def usable_provider(channel: Channel, way: Way, now: datetime) -> TextGateway | None:
    """Opened before anything is committed to `sending`; what cannot be opened closes its channel."""
    try:
        return provider_of(channel, way.endpoints)
    except (ValueError, WrongKey) as error:
        stop_channel(channel, str(error), now)
        return None


def mark_crashed(now: datetime) -> int:
    """sending -> unknown where no answer was written in time: the process died between the call and its record."""
    left = SmsMessage.objects.filter(state="sending", sending_at__lt=now - CRASHED_AFTER)
    return SMS_STATES.move(left, "unknown", code="crashed", settled_at=now)


def _open_channels(now: datetime, *, after_pushes: bool) -> list[Channel]:
    """SMS channels with something due; a paused one is tried again when its probe is due."""
    due = _due(now, after_pushes=after_pushes).filter(app_id=OuterRef("app_id"))
    is_open = Q(state="active") | Q(state="paused", probe_after__lte=now)
    return list(Channel.objects.filter(is_open, Exists(due), gateway="sms").select_related("app"))


def _due(now: datetime, *, after_pushes: bool) -> QuerySet[SmsMessage]:
    return SmsMessage.objects.filter(state="planned", due_at__lte=now, fallback__isnull=not after_pushes)


def _take_slice(channel: Channel, now: datetime, *, after_pushes: bool) -> list[SmsMessage] | None:
    """Sort a slice of due SMS: spare, postpone, or commit to sending. None = nothing is due any more."""
    size = SLICE if channel.state == "active" else 1
    with transaction.atomic():
        stopped = SendingStop.objects.filter(kinds__contains=["transactional" if after_pushes else "campaign"])
        free = _due(now, after_pushes=after_pushes).select_for_update(of=("self",), skip_locked=True)
        free = free.filter(~Exists(stopped), app_id=channel.app_id).order_by("due_at", "pk")
        free = free.filter(Q(step=None) | ~Q(step__automation__state="paused"))
        due = list(free.select_related("customer", "rule", "fallback__dispatch", "step__automation")[:size])
        if not due:
            return None
        spared = spare(due, now)
        awake = [message for message in due if message.pk not in spared and not _postponed(message, channel.app, now)]
        rows = SmsMessage.objects.filter(pk__in=[message.pk for message in awake])
        SMS_STATES.move(rows, "sending", sending_at=now)
    return awake


def _postponed(message: SmsMessage, app: App, now: datetime) -> bool:
    """Moves an SMS to the end of the recipient's quiet hours; False where they are awake or a push has just failed."""
    if message.fallback is not None:
        return False
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
    body = message.sealed or message.body
    if message.rule is not None and message.rule.counts_clicks:
        body = counted(body, message.pk)
    return TextMessage(reference=str(message.pk), to=message.phone, body=body, callback_url=callback)
