"""Recording: what came of tries, written in one transaction under each message's fence.

An endpoint that fails five times in a row is left alone but for one try now and then (the breaker); after five days of
nothing but failure it is switched off, with notice. Nothing of what happens meanwhile is lost: its feed stands still.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from random import Random
from typing import Any

from django.db import transaction
from django.db.models import Q

from apps.accounts.services.audit import write_audit
from apps.api.states import WEBHOOK_MESSAGE_STATES
from apps.api.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from apps.api.webhooks.services.notice import tell_of_disabling
from apps.api.webhooks.services.sending import Try
from apps.core.sql import execute

# When a message is tried, counted from its first try; each is spread by a tenth. After the last it is dead.
SCHEDULE = tuple(
    timedelta(seconds=seconds) for seconds in (5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105)
)  # 5 s, then 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h apart: 75.6 h in all
FAILING_AFTER = 5
FIRST_PROBE, LONGEST_PROBE = timedelta(seconds=5), timedelta(minutes=10)
DISABLED_AFTER = timedelta(days=5)
MOST_FLIGHT = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tried:
    """A message's try, with the message as it was claimed. at: when it began."""

    message: WebhookMessage
    at: datetime
    outcome: Try
    event_count: int


@transaction.atomic
def record_tries(*, tries: Sequence[Tried], now: datetime, chance: Random) -> int:
    """Write tries down; returns how many were still ours. Touches messages, attempts, endpoints, meters, audit."""
    ids = sorted({one.message.endpoint_id for one in tries})
    endpoints = {one.pk: one for one in WebhookEndpoint.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
    known = [one for one in tries if one.message.endpoint_id in endpoints]
    ours = _take_away([one.message for one in known if one.outcome.is_ok])
    for one in known:
        if not one.outcome.is_ok:
            ours += _settle(one, now, chance)
        _learn(endpoints[one.message.endpoint_id], one.outcome, now, chance)
    WebhookAttempt.objects.bulk_create([attempt_of(one) for one in known])
    for endpoint in endpoints.values():
        endpoint.save(update_fields=_LEARNED)
    count_results([one.outcome for one in known])
    return ours


def attempt_of(one: Tried) -> WebhookAttempt:
    """The log's row of a try."""
    message, outcome = one.message, one.outcome
    return WebhookAttempt(
        endpoint_id=message.endpoint_id,
        message_id=message.message_id,
        type=message.type,
        events=one.event_count,
        number=message.tries + 1,
        at=one.at,
        seconds=outcome.seconds,
        status=outcome.status,
        result=outcome.result,
        detail=outcome.detail,
    )


def count_results(outcomes: Sequence[Try]) -> None:
    """Add to the meters behind heliograph_webhook_attempts_total."""
    counted = Counter(outcome.result for outcome in outcomes)
    if counted:
        execute(
            "deliveries",
            "add_meters",
            {
                "names": ["webhook_attempts"] * len(counted),
                "labels": list(counted),
                "buckets": [0.0] * len(counted),
                "amounts": [float(count) for count in counted.values()],
            },
        )


def next_try(*, first_tried_at: datetime, now: datetime, chance: Random) -> datetime | None:
    """When a message that failed just now is tried again; None = never."""
    later = next((step for step in SCHEDULE if first_tried_at + step > now), None)
    return None if later is None else max(now, first_tried_at + later * chance.uniform(1.0, 1.1))


_LEARNED = (
    *("state", "disabled_reason", "disabled_at", "flight", "failures", "failing_since", "probe_at", "last_ok_at"),
    "last_error",
)


def _take_away(taken: Sequence[WebhookMessage]) -> int:
    """The endpoint has them: their rows go, in one statement."""
    if not taken:
        return 0
    ours = reduce(or_, (Q(pk=message.pk, fence=message.fence) for message in taken))
    return WebhookMessage.objects.filter(ours, state="waiting").delete()[0]


def _settle(one: Tried, now: datetime, chance: Random) -> int:
    """The fate of a message that was not taken. Returns 0 where its lease ran out and somebody else has it."""
    ours = WebhookMessage.objects.filter(pk=one.message.pk, fence=one.message.fence, state="waiting")
    first = one.message.first_tried_at or one.at
    due_at = None if one.outcome.is_final else next_try(first_tried_at=first, now=now, chance=chance)
    told: dict[str, Any] = {
        "tries": one.message.tries + 1,
        "first_tried_at": first,
        "last_error": _said(one.outcome),
        "leased_until": None,
    }
    if due_at is None:
        return WEBHOOK_MESSAGE_STATES.move(ours, "dead", **told)
    return ours.update(due_at=due_at, **told)


def _learn(endpoint: WebhookEndpoint, outcome: Try, now: datetime, chance: Random) -> None:
    """What a try says of its endpoint."""
    if endpoint.state == "disabled":
        return
    if outcome.is_ok or outcome.is_final:
        _is_well(endpoint, now)
        return
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.flight = 1
    endpoint.last_error = _said(outcome)
    if outcome.is_gone or endpoint.failing_since <= now - DISABLED_AFTER:
        _disable(endpoint, "gone" if outcome.is_gone else "failing", now)
    elif endpoint.failures >= FAILING_AFTER or outcome.pause:
        wait = min(FIRST_PROBE * 2 ** min(endpoint.failures - FAILING_AFTER, 10), LONGEST_PROBE)
        wait = max(wait * chance.uniform(0.9, 1.1), outcome.pause or timedelta())
        endpoint.state, endpoint.probe_at = "failing", now + wait


def _is_well(endpoint: WebhookEndpoint, now: datetime) -> None:
    if endpoint.state == "failing":
        WebhookMessage.objects.filter(Q(leased_until=None), endpoint=endpoint, state="waiting").update(due_at=now)
    endpoint.state, endpoint.probe_at = "active", None
    endpoint.failures, endpoint.failing_since, endpoint.last_ok_at = 0, None, now
    endpoint.flight = min(endpoint.flight * 2, MOST_FLIGHT)


def _disable(endpoint: WebhookEndpoint, reason: str, now: datetime) -> None:
    endpoint.state, endpoint.disabled_reason, endpoint.disabled_at = "disabled", reason, now
    write_audit(
        app=endpoint.app,
        actor="system",
        action="webhookendpoint.disabled",
        subject=f"webhookendpoint:{endpoint.pk}",
        details={"reason": reason, "last_error": endpoint.last_error},
        now=now,
    )
    _log.error("webhook %s of app %s is switched off: %s", endpoint.pk, endpoint.app.slug, endpoint.last_error)
    transaction.on_commit(lambda: tell_of_disabling(endpoint))


def _said(outcome: Try) -> str:
    status = f"{outcome.status} " if outcome.status else ""
    return f"{status}{outcome.detail}".strip()[:200] or outcome.result
