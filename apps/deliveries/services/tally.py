"""Tally: what each channel's gateway answered, kept in the process until it is reported, once a second.

A report is a statement of its own, after the cycle's transaction: no lock of it is ever held while slices are written.
What a killed process had not reported is lost; these are figures to steer by, not the ledger.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from math import inf
from random import Random
from time import monotonic

from apps.core.sql import execute
from apps.deliveries.services.wire import Sent
from apps.deliveries.states import GATEWAY_WORDS
from apps.devices.services.steering import Answers, steer
from apps.gateways.contract import RetryReason, SendResult, Verdict
from apps.gateways.faults import TOO_LATE

REPORT_EVERY_SECONDS = 1.0
TROUBLE_EVERY_SECONDS = 0.2

# Upper bounds of the histograms: a slice's time at its gateway, a device's time from its release to an answer.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, inf)

_FAILURES = {RetryReason.SERVER, RetryReason.NETWORK, RetryReason.UNKNOWN_OUTCOME}


class Tally:
    """The answers of one shift, by channel. Cost: 0.05 us an accepted device."""

    def __init__(self, lane: str) -> None:
        self._lane = lane
        self._channels: dict[int, Answers] = {}
        self._meters: defaultdict[tuple[str, str, float], float] = defaultdict(float)
        self._reported_at = monotonic()

    def add(self, sent: Iterable[Sent], now: datetime) -> None:
        """Count slices that came back. What a test dispatch hears says nothing: it may not reach the vendor."""
        for one in sent:
            if not one.results:
                continue
            self._meter(one, now)
            if one.slice.text.policy.is_test:
                continue
            channel_id = one.slice.held.channel.channel_id
            answers = self._channels.setdefault(channel_id, Answers())
            answers.calls += len(one.results)
            for result in one.results:
                if result.verdict is not Verdict.ACCEPTED:
                    _count(answers, result)
            if one.slice.is_probe:
                answers.probed = one.results[0].verdict is not Verdict.RETRY

    def is_due(self) -> bool:
        """Whether it is time to report; trouble is told sooner."""
        if not self._meters:
            return False
        since = monotonic() - self._reported_at
        return since > REPORT_EVERY_SECONDS or (
            since > TROUBLE_EVERY_SECONDS and any(answers.is_trouble for answers in self._channels.values())
        )

    def report(self, *, now: datetime, chance: Random) -> None:
        """Steer the channels by what was counted, and begin anew."""
        told, self._channels = self._channels, {}
        self._reported_at = monotonic()
        for channel_id, answers in told.items():
            steer(channel_id=channel_id, answers=answers, now=now, chance=chance)
        meters, self._meters = self._meters, defaultdict(float)
        if meters:
            names, labels, buckets = zip(*meters, strict=True)
            values = {
                "names": list(names),
                "labels": list(labels),
                "buckets": list(buckets),
                "amounts": list(meters.values()),
            }
            execute("deliveries", "add_meters", values)

    def _meter(self, one: Sent, now: datetime) -> None:
        held = one.slice.held
        self._time("gateway_seconds", GATEWAY_WORDS[held.gateway], one.seconds, 1)
        if held.tries == 0:
            waited = (now - held.released_at).total_seconds()
            self._time("accept_to_gateway_seconds", self._lane, waited, len(one.results))
        if one.slice.may_have_arrived:
            self._meters["maybe_duplicate", "", 0.0] += len(one.results)

    def _time(self, name: str, label: str, seconds: float, count: int) -> None:
        bucket = next(bound for bound in SECONDS if seconds <= bound)
        self._meters[name, label, bucket] += count
        self._meters[f"{name}_sum", label, 0.0] += seconds * count


def _count(answers: Answers, result: SendResult) -> None:
    reason = result.retry_reason
    if result.verdict is Verdict.TOKEN_DEAD:
        answers.deaths += 1
    elif reason in _FAILURES and result.vendor_code != TOO_LATE:
        answers.failures += 1
    elif reason is RetryReason.THROTTLED and result.whole_account:
        answers.throttled += 1
    else:
        return
    if reason is not None:
        answers.reason = f"{result.vendor_code} {result.detail}".strip()
        if result.whole_account:
            answers.rest_seconds = max(answers.rest_seconds, result.retry_after_seconds or 0.0)
