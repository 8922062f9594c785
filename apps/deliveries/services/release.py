"""Release: what became due is made claimable, and its lanes are woken.

Dispatches are judged by their answers, retries go back into batches, batches whose quiet hours began move to the next
morning. Nothing here sends.
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from apps.core.sql import rows
from apps.deliveries.models import Batch, Dispatch, SendingStop
from apps.deliveries.policy import Policy
from apps.deliveries.services.guard import judge_dispatches
from apps.deliveries.services.lifecycle import close_batches
from apps.deliveries.services.quiet_hours import sending_window
from apps.deliveries.services.wake import wake

RETRIES_AT_ONCE = 20_000
RETRY_BATCH_SIZE = 500
# A wake-up is worth sending for so many waiting batches; more hands than workers are of no use.
BATCHES_PER_WAKE = 10
MOST_WAKES = 4


@dataclass(frozen=True, slots=True)
class Released:
    """batches_requeued: made from retries. batches_moved: to after their quiet hours. woken: wake-ups by lane."""

    batches_requeued: int
    batches_moved: int
    woken: dict[str, int]


def release_due(*, now: datetime) -> Released:
    """Make due what is due and wake its lanes. Idempotent; any number may run at once."""
    judge_dispatches(now=now)
    requeued = requeue_retries(now=now)
    moved = hold_quiet(now=now)
    woken = {lane: wakes for lane in ("urgent", "bulk") if (wakes := _wakes(lane, now))}
    for lane, wakes in woken.items():
        wake(lane, times=wakes)
    return Released(requeued, moved, woken)


def is_lane_due(*, lane: str, now: datetime) -> bool:
    """Whether there may be work in the lane. Cost: one indexed query."""
    return _due(lane, now).exists()


def requeue_retries(*, now: datetime) -> int:
    """Retries that are due become batches. Returns the batches made."""
    limits = {"most": RETRIES_AT_ONCE, "size": RETRY_BATCH_SIZE}
    return len(rows("deliveries", "requeue_retries", {"now": now, **limits}))


def hold_quiet(*, now: datetime) -> int:
    """Waiting batches whose quiet hours have begun wait for the morning, or end where they expire before it."""
    late = Batch.objects.filter(state="waiting", not_after__lte=now, dispatch__state="sending")
    moved = 0
    for dispatch_id, zone in set(late.values_list("dispatch_id", "time_zone")):
        policy = Policy.from_json(Dispatch.objects.get(id=dispatch_id).policy)
        window = sending_window(
            quiet=policy.quiet_hours, zone=zone, default_zone=policy.default_time_zone, not_before=now
        )
        mine = late.filter(dispatch_id=dispatch_id, time_zone=zone)
        with transaction.atomic():
            ending = mine.filter(expires_at__lte=window.opens_at).select_for_update(skip_locked=True, of=("self",))
            close_batches(
                batch_ids=list(ending.values_list("id", flat=True)), outcome="excluded:quiet_hours_past_expiry", now=now
            )
            moved += mine.filter(expires_at__gt=window.opens_at).update(
                release_at=window.opens_at, not_after=window.closes_at
            )
    return moved


def _wakes(lane: str, now: datetime) -> int:
    most = BATCHES_PER_WAKE * MOST_WAKES
    return ceil(_due(lane, now)[:most].count() / BATCHES_PER_WAKE)


def _due(lane: str, now: datetime) -> QuerySet[Batch]:
    """Relies on: batch_due."""
    waiting = Batch.objects.filter(state="waiting", lane=lane, release_at__lte=now, expires_at__gt=now)
    stopped = SendingStop.objects.filter(kinds__contains=[OuterRef("dispatch__kind")])
    return waiting.filter(~Exists(stopped), dispatch__state="sending")
