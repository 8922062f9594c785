"""Lifecycle: pause, resume and cancel a dispatch, and end it when nothing of it is left.

A step is one compare-and-set on the dispatch; workers see it when they open their next slice, within a second.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from apps.core.deleting import delete_in_steps
from apps.core.sql import execute
from apps.core.states import InvalidTransition
from apps.deliveries.models import Batch, Content, Dispatch
from apps.deliveries.services.wake import wake_on_commit
from apps.deliveries.states import DISPATCH_STATES, OUTCOMES, PLATFORM_WORDS

# So much is closed in one transaction: a campaign of a million takes some ticks, and no lock is held for long.
CLOSED_AT_ONCE = 50
RETRIES_AT_ONCE = 20_000
KEPT_AFTER_EXPIRY = timedelta(days=7)


def pause(*, dispatch_id: int, reason: str, now: datetime) -> None:
    """No new gateway call starts later than 2 s from the commit. Raises InvalidTransition."""
    DISPATCH_STATES.require(Dispatch.objects.filter(id=dispatch_id), "paused", reason=reason[:300])


def resume(*, dispatch_id: int, now: datetime) -> None:
    """Go on where it stopped; one that had stopped itself is not stopped again. Raises InvalidTransition."""
    rows = Dispatch.objects.filter(id=dispatch_id)
    guard = Case(When(guard="stopped", then=Value("overruled")), default=F("guard"))
    if not DISPATCH_STATES.move(rows.filter(state="paused"), "sending", reason="", guard=guard):
        raise InvalidTransition(DISPATCH_STATES, rows.values_list("state", flat=True).first() or "gone", "sending")
    wake_on_commit(rows.values_list("lane", flat=True).get())


def cancel(*, dispatch_id: int, now: datetime, reason: str = "") -> None:
    """Stop for good: what was not sent ends as cancelled, what is in flight drains. Raises InvalidTransition.

    Writes the outcomes of the first CLOSED_AT_ONCE batches; `finish_dispatches` writes the rest.
    """
    rows = Dispatch.objects.filter(id=dispatch_id)
    DISPATCH_STATES.require(rows, "cancelled", reason=reason[:300])
    _close(rows.get(), "cancelled", now)


def finish_dispatches(*, now: datetime) -> int:
    """End what is over: devices of cancelled and expired dispatches, then dispatches with nothing left.

    Returns how many dispatches ended. A second caller meanwhile does no harm.
    """
    unfinished = Dispatch.objects.filter(finished_at=None)
    for dispatch in unfinished.filter(state="cancelled"):
        _close(dispatch, "cancelled", now)
    for dispatch in unfinished.filter(state="sending", expires_at__lte=now):
        _close(dispatch, "expired", now)
    for dispatch in unfinished.filter(state="sending", expires_at__gt=now, policy__local_at__gt=""):
        _close_expired_zones(dispatch, now)
    for dispatch in unfinished.filter(decided_at__isnull=False, winner=None):
        drop_held(dispatch=dispatch, now=now)
    return execute("deliveries", "finish_dispatches", {"now": now})


def drop_held(*, dispatch: Dispatch, now: datetime) -> None:
    """End what a decision left without a message: the first CLOSED_AT_ONCE batches, `finish_dispatches` the rest."""
    with transaction.atomic(savepoint=False):  # the feed knows rows by their page's transaction
        held = Batch.objects.filter(dispatch=dispatch, state="held").select_for_update(skip_locked=True)
        chosen = list(held.values_list("id", flat=True)[:CLOSED_AT_ONCE])
        close_batches(batch_ids=chosen, outcome="cancelled", code="not_chosen", now=now)


def close_batches(*, batch_ids: list[int], outcome: str, now: datetime, code: str = "") -> None:
    """Give every device left in these waiting or held batches this outcome (its word).

    Held ones that expire have the code `undecided`: nobody chose a variant for them in time.
    """
    execute(
        "deliveries",
        "close_batches",
        {
            "batch_ids": batch_ids,
            "state": "cancelled" if outcome == "cancelled" else "done",
            **_ending(outcome, now, code),
            "held_code": "undecided" if outcome == "expired" else code,
        },
    )


def purge_contents(*, now: datetime) -> int:
    """Forget the texts of single pushes, tests and triggered campaigns a week after they expired.

    A triggered one carries what its caller sent along for these people; its occurrence is the trigger's own uuid.
    Returns the contents deleted.
    """
    single = Q(dispatch__kind__in=["transactional", "test"])
    triggered = Q(dispatch__kind="campaign", dispatch__occurrence__regex=r"^[0-9a-f]{8}-[0-9a-f]{4}-")
    old = Content.objects.filter(single | triggered, dispatch__expires_at__lt=now - KEPT_AFTER_EXPIRY)
    return delete_in_steps(old)


def _close_expired_zones(dispatch: Dispatch, now: datetime) -> None:
    """Where the time is local, each zone's pushes expire in their turn, up to two days before the last."""
    with transaction.atomic():
        expired = Batch.objects.filter(dispatch=dispatch, state__in=["waiting", "held"], expires_at__lte=now)
        chosen = expired.select_for_update(skip_locked=True).values_list("id", flat=True)[:CLOSED_AT_ONCE]
        close_batches(batch_ids=list(chosen), outcome="expired", now=now)


def _close(dispatch: Dispatch, outcome: str, now: datetime) -> None:
    """Close some of a dispatch's batches and retries. What is leased comes back first, by its worker or by reclaim."""
    with transaction.atomic():
        open_batches = Batch.objects.filter(dispatch=dispatch, state__in=["waiting", "held"])
        chosen = open_batches.select_for_update(skip_locked=True).values_list("id", flat=True)[:CLOSED_AT_ONCE]
        close_batches(batch_ids=list(chosen), outcome=outcome, now=now)
        later = now + timedelta(microseconds=1)  # the feed tells pages of one transaction apart by their time
        execute(
            "deliveries",
            "close_retries",
            {"dispatch_id": dispatch.pk, "most": RETRIES_AT_ONCE, **_ending(outcome, later)},
        )


def _ending(outcome: str, now: datetime, code: str = "") -> dict[str, object]:
    platforms = [word for number, word in sorted(PLATFORM_WORDS.items()) if number]
    return {"outcome": OUTCOMES[outcome], "code": code, "platform_words": platforms, "now": now}
