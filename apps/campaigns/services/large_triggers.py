"""A trigger by a large segment: stored at once, planned by a worker, once, however often workers die or meet.

A pause or the emergency stop holds it, as it holds what is on its way. What cannot be planned any more is refused, with
the reason in its row; so is one whose pushes had expired before anything could plan it.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Campaign, SegmentTrigger
from apps.campaigns.services.faults import error_words
from apps.campaigns.services.trigger import require_triggerable, trigger_segment
from apps.campaigns.states import TRIGGER_STATES
from apps.core.database import passes_by_itself
from apps.core.problems import Conflict, InvalidInput
from apps.deliveries.services.stop import is_stopped
from apps.deliveries.services.wake import Wish, ask_for
from apps.segments.models import Segment
from apps.segments.services.refresh import SegmentBroken, refresh_segment

# A caller waits for the planning of so many members: well under a second.
MOST_AT_ONCE = 10_000
MOST_A_TICK = 20
RETRY_AFTER = timedelta(minutes=1)
_log = logging.getLogger(__name__)


def is_large(segment: Segment, *, most_at_once: int = MOST_AT_ONCE) -> bool:
    """Whether nobody should wait for it. A rule that was never computed may have any number of members."""
    is_unknown = segment.kind == "dynamic" and segment.refreshed_at is None
    return is_unknown or segment.member_count > most_at_once


def store_trigger(
    *, campaign: Campaign, segment_id: int, facts: Mapping[str, Any], occurrence: str, is_test: bool, now: datetime
) -> SegmentTrigger:
    """In the caller's transaction; a worker is woken by its commit. Raises NotTriggered, and nothing about people."""
    require_triggerable(campaign)
    stored = SegmentTrigger.objects.create(
        campaign=campaign,
        segment_id=segment_id,
        facts=dict(facts),
        occurrence=occurrence,
        is_test=is_test,
        requested_at=now,
    )
    transaction.on_commit(lambda: ask_for(Wish("campaigns.plan_triggers", (), "bulk", expires_seconds=30)))
    return stored


def plan_triggers(now: datetime) -> int:
    """Plan what waits, in order; returns how many were settled. None while sending is stopped."""
    if is_stopped("campaign"):
        return 0
    is_due = Q(retry_at=None) | Q(retry_at__lte=now)
    waiting = SegmentTrigger.objects.filter(is_due, state="waiting", campaign__paused_at=None).order_by("pk")
    return sum(_plan_or_log(one, now) for one in waiting.select_related("campaign")[:MOST_A_TICK])


def _plan_or_log(stored: SegmentTrigger, now: datetime) -> bool:
    """An error that nobody foresaw is tried again after a while, and holds up no other trigger."""
    try:
        return (_has_expired(stored, now) or _is_computed(stored, now)) and _plan(stored.pk, now)
    except Exception as error:
        _log.exception("trigger %s cannot be planned", stored.pk)
        if not passes_by_itself(error):
            changes = {"tries": stored.tries + 1, "error": error_words(error), "retry_at": now + RETRY_AFTER}
            SegmentTrigger.objects.filter(pk=stored.pk).update(**changes)
        return False


def expires_at(stored: SegmentTrigger) -> datetime:
    """From when on it is refused instead of planned."""
    return stored.requested_at + timedelta(minutes=stored.campaign.expire_after_minutes)


def _has_expired(stored: SegmentTrigger, now: datetime) -> bool:
    return now >= expires_at(stored)


def _is_computed(stored: SegmentTrigger, now: datetime) -> bool:
    """Whether the members are those of the request or later. False while somebody else computes them."""
    segment = Segment.objects.filter(pk=stored.segment_id, kind="dynamic").first()
    if segment is None:
        return True
    if segment.state == "fresh" and segment.refreshed_at is not None and segment.refreshed_at >= stored.requested_at:
        return True
    try:
        refresh_segment(segment_id=segment.pk, now=now)
    except Conflict:
        return False
    except SegmentBroken:
        pass  # the planning refuses it, with the reason
    return True


def _plan(trigger_id: int, now: datetime) -> bool:
    """All or nothing: a process killed here leaves it waiting. False where another is at it, or it has to wait."""
    with transaction.atomic():
        free = SegmentTrigger.objects.select_for_update(of=("self",), skip_locked=True).select_related("campaign__app")
        stored = free.filter(pk=trigger_id, state="waiting").first()
        if stored is None:
            return False
        try:
            dispatch_id = _dispatched(stored, now)
        except (Conflict, InvalidInput, SegmentBroken) as refusal:
            code, reason = _words(refusal)
            if code in ("campaign_paused", "sending_stopped"):
                return False
            _settle(stored, "refused", now, code=code, reason=reason[:300])
            _note(stored, code, reason, now)
        else:
            _settle(stored, "planned", now, dispatch=dispatch_id)
    return True


def _dispatched(stored: SegmentTrigger, now: datetime) -> int:
    """Plans it; what was planned before a refusal is undone."""
    campaign = stored.campaign
    if _has_expired(stored, now):
        raise Conflict("trigger_expired", _("its pushes had expired before it could be planned"))
    if not Segment.objects.filter(app=campaign.app_id, pk=stored.segment_id).exists():
        raise Conflict("not_found", _("there is no segment %d any more") % stored.segment_id)
    with transaction.atomic():
        done = trigger_segment(
            campaign=campaign,
            segment_id=stored.segment_id,
            facts=stored.facts or {},
            occurrence=stored.occurrence,
            is_test=stored.is_test,
            due_at=stored.requested_at,
            now=now,
        )
    return done.dispatch.pk


def _settle(stored: SegmentTrigger, to: str, now: datetime, **changes: Any) -> None:
    """Its facts stand in the dispatch's texts from now on, or nowhere."""
    TRIGGER_STATES.require(SegmentTrigger.objects.filter(pk=stored.pk), to, settled_at=now, facts=None, **changes)


def _words(refusal: Conflict | InvalidInput | SegmentBroken) -> tuple[str, str]:
    if isinstance(refusal, SegmentBroken):
        return "segment_broken", str(refusal)
    if isinstance(refusal, InvalidInput):
        return refusal.problems[0].code, "; ".join(problem.message for problem in refusal.problems)
    return refusal.code, str(refusal)


def _note(stored: SegmentTrigger, code: str, reason: str, now: datetime) -> None:
    write_audit(
        app=stored.campaign.app,
        actor="system",
        action="campaign.trigger_refused",
        subject=f"campaign:{stored.campaign_id}",
        details={"trigger": stored.pk, "segment": stored.segment_id, "code": code, "reason": reason[:300]},
        now=now,
    )
