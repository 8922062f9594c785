"""Steering: how fast a channel goes, and whether at all, from what its gateway answers.

Workers report what they heard once a second (at once where something is wrong). Three things may follow, and none of
them costs a recipient anything:

| The gateway says | The channel | Until |
|---|---|---|
| throttled | is slowed to half of its pace, at most every CUT_EVERY | each second without throttling gives STEP back |
| Retry-After, for the whole account | rests | that time, then one probe |
| nothing, or 5xx, for most calls | breaker: closed | a probe of one device, after 2 s, then twice as long each time |
| "dead" to most calls | goes on; its devices are quarantined instead (services.hygiene) | an hour without |
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import transaction

from apps.core.sql import rows
from apps.devices.models import Channel, ChannelGauge
from apps.devices.services.hygiene import doubt_deaths

WINDOW_SECONDS = 5.0
# Slow-down: cut to half, and a twentieth of where it began back each second.
THROTTLED_SHARE = 0.05
CUT = 0.5
CUT_EVERY = timedelta(seconds=2)
STEP = 0.05
SLOWEST_PER_SECOND = 1.0
# A vendor's wait holds for the whole channel where this share of the answers asks for one.
RESTING_SHARE = 0.2
LONGEST_REST_SECONDS = 3600.0
# Breaker.
LEAST_FAILURES = 20
FAILED_SHARE = 0.5
SUDDEN_FAILURES, SUDDEN_SHARE = 100, 0.9
FIRST_PROBE_SECONDS = 2.0
LONGEST_PROBE_SECONDS = 120.0
# Mass death.
LEAST_DEATHS = 50
DEAD_SHARE = 0.5


_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Answers:
    """What one channel's gateway said since the last report.

    throttled: 429 and the like, about the whole account. failures: 5xx, no connection, no answer. probed: what the
    probe of a closed channel came to, None = there was none. rest_seconds: the longest wait asked of the account.
    """

    calls: int = 0
    throttled: int = 0
    failures: int = 0
    deaths: int = 0
    rest_seconds: float = 0.0
    reason: str = ""
    probed: bool | None = None

    @property
    def is_trouble(self) -> bool:
        return bool(self.throttled or self.failures or self.probed is not None)


@dataclass(frozen=True, slots=True)
class _Window:
    """The answers of the last 5 to 10 seconds, from all workers."""

    calls: int
    throttled: int
    failures: int
    deaths: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.calls / max(self.seconds, 1.0)


def steer(*, channel_id: int, answers: Answers, now: datetime, chance: Random) -> None:
    """Take in what was answered and change the channel's standing where it has to be.

    Cost: one statement where all is well; else a short transaction of its own on the channel's row.
    """
    ((*counts, is_slowed),) = _note(channel_id, answers, now)
    window = _Window(*counts)
    if answers.deaths and window.deaths >= LEAST_DEATHS and window.deaths >= DEAD_SHARE * window.calls:
        _doubt_deaths(channel_id, window, now)
    if not (answers.throttled or answers.failures or answers.probed is not None or is_slowed):
        return
    with transaction.atomic():
        channel = (
            Channel.objects.select_for_update(of=("self",))
            .select_related("app")
            .defer("credentials")
            .filter(pk=channel_id)
            .first()
        )
        if channel is None:
            return
        was = {name: getattr(channel, name) for name in _STEERED}
        _steer(channel, answers, window, now, chance)
        changed = {name: value for name in _STEERED if (value := getattr(channel, name)) != was[name]}
        if changed:
            # By update: updated_at stands for the credentials, and these are still the same.
            Channel.objects.filter(pk=channel_id).update(**changed)
        if changed.get("state"):
            _log.warning("%s is %s (%s): %s", channel, channel.state, channel.closed_by, channel.paused_reason)
            ChannelGauge.objects.filter(pk=channel_id).delete()


def standings(channel_ids: list[int]) -> dict[int, float | None]:
    """The pace each channel may go at now, per second; None = as fast as it can."""
    found = Channel.objects.filter(pk__in=channel_ids).values_list("pk", "pace_per_second", "slowed_to_per_second")
    return {pk: min((pace for pace in (own, slowed) if pace is not None), default=None) for pk, own, slowed in found}


_STEERED = (
    *("state", "paused_reason", "closed_by", "closed_at", "probe_after", "probe_wait_seconds"),
    *("slowed_to_per_second", "slowed_from_per_second", "slowed_at", "trouble", "trouble_at"),
)


def _note(channel_id: int, answers: Answers, now: datetime) -> list[tuple[Any, ...]]:
    return rows(
        "devices",
        "note_answers",
        {
            "channel_id": channel_id,
            "calls": answers.calls,
            "throttled": answers.throttled,
            "failures": answers.failures,
            "deaths": answers.deaths,
            "window": WINDOW_SECONDS,
            "now": now,
        },
    )


def _steer(channel: Channel, answers: Answers, window: _Window, now: datetime, chance: Random) -> None:
    """One decision, on the channel object alone."""
    if answers.reason:
        channel.trouble, channel.trouble_at = answers.reason[:300], now
    if answers.throttled >= THROTTLED_SHARE * max(answers.calls, 1) and answers.throttled:
        _slow_down(channel, window, now)
    elif channel.slowed_to_per_second is not None and answers.calls:
        _recover(channel, now)
    if channel.state == "active":
        if _wants_rest(answers, window):
            _close(channel, "vendor", answers.rest_seconds, answers.reason, now)
        elif _is_broken(answers, window):
            channel.probe_wait_seconds = FIRST_PROBE_SECONDS
            _close(channel, "breaker", FIRST_PROBE_SECONDS * chance.uniform(0.8, 1.2), answers.reason, now)
    elif answers.probed is not None and channel.closed_by in ("breaker", "vendor"):
        _judge_probe(channel, answers, now, chance)


def _doubt_deaths(channel_id: int, window: _Window, now: datetime) -> None:
    channel = Channel.objects.defer("credentials").select_related("app").get(pk=channel_id)
    is_new = channel.deaths_doubted_until is None or channel.deaths_doubted_until < now
    since = now - timedelta(seconds=2 * WINDOW_SECONDS)
    with transaction.atomic():
        count = doubt_deaths(app_id=channel.app_id, gateway=channel.gateway, since=since, now=now)
        said = f"{window.deaths} of the last {window.calls} addresses were called dead"
        Channel.objects.filter(pk=channel_id).update(trouble=said, trouble_at=now)
    if is_new:
        _log.error("%s: %s; %s devices are set aside, not retired", channel, said, count)


def _slow_down(channel: Channel, window: _Window, now: datetime) -> None:
    if channel.slowed_at is not None and now < channel.slowed_at + CUT_EVERY:
        return
    paces = (channel.slowed_to_per_second, channel.pace_per_second, window.per_second)
    known = [pace for pace in paces if pace is not None]
    if channel.slowed_from_per_second is None:
        channel.slowed_from_per_second = max(min(known), SLOWEST_PER_SECOND)
    channel.slowed_to_per_second = max(min(known) * CUT, SLOWEST_PER_SECOND)
    channel.slowed_at = now


def _recover(channel: Channel, now: datetime) -> None:
    """Additive: a channel that had nothing to send for a while has recovered all the same."""
    begun, slowed = channel.slowed_from_per_second, channel.slowed_to_per_second
    if begun is None or slowed is None or channel.slowed_at is None:
        return
    seconds = int((now - channel.slowed_at).total_seconds())
    if seconds < 1:
        return
    slowed += seconds * max(STEP * begun, 1.0)
    if slowed >= begun:
        channel.slowed_to_per_second = channel.slowed_from_per_second = channel.slowed_at = None
    else:
        channel.slowed_to_per_second, channel.slowed_at = slowed, now


def _wants_rest(answers: Answers, window: _Window) -> bool:
    """Not for one device that got too many, amid others that are fine."""
    if not answers.rest_seconds:
        return False
    waits = answers.throttled + answers.failures
    lately = window.throttled + window.failures
    return lately >= RESTING_SHARE * window.calls or (waits >= 10 and waits >= 0.5 * answers.calls)


def _is_broken(answers: Answers, window: _Window) -> bool:
    is_sudden = answers.failures >= SUDDEN_FAILURES and answers.failures >= SUDDEN_SHARE * answers.calls
    return is_sudden or (window.failures >= LEAST_FAILURES and window.failures >= FAILED_SHARE * window.calls)


def _close(channel: Channel, closed_by: str, seconds: float, reason: str, now: datetime) -> None:
    channel.state, channel.closed_by, channel.closed_at = "paused", closed_by, now
    channel.paused_reason = reason[:300]
    channel.probe_after = now + timedelta(seconds=min(max(seconds, 1.0), LONGEST_REST_SECONDS))


def _judge_probe(channel: Channel, answers: Answers, now: datetime, chance: Random) -> None:
    if answers.probed:
        channel.state, channel.closed_by, channel.paused_reason = "active", "", ""
        channel.closed_at, channel.probe_after, channel.probe_wait_seconds = None, None, 0.0
        return
    wait = min(max(2 * channel.probe_wait_seconds, FIRST_PROBE_SECONDS), LONGEST_PROBE_SECONDS)
    channel.probe_wait_seconds = wait
    channel.paused_reason = answers.reason[:300] or channel.paused_reason
    asked = min(answers.rest_seconds, LONGEST_REST_SECONDS)
    channel.probe_after = now + timedelta(seconds=max(wait * chance.uniform(0.8, 1.2), asked))
