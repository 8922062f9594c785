"""Scheduled campaigns become dispatches, each time of each exactly once, however often launchers die or meet."""

import logging
import time
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Campaign
from apps.campaigns.queries import launched_waterfall
from apps.campaigns.services.four_eyes import end_approval, objection_at_launch, standing_approval
from apps.campaigns.services.handover import plan_arguments
from apps.campaigns.services.launch_faults import forget_fault, note_failure
from apps.campaigns.services.local_time import FARTHEST_AHEAD, IS_LOCAL, ends_at, is_time_to_launch
from apps.campaigns.services.occurrences import days_due, go_on, note_occurrence
from apps.campaigns.services.plan_words import plan_failed_words
from apps.campaigns.services.readiness import world_problems
from apps.campaigns.services.sent_back import send_back
from apps.campaigns.states import CAMPAIGN_STATES
from apps.core.problems import Conflict
from apps.deliveries.models import Dispatch
from apps.deliveries.services.plan import plan_dispatch
from apps.deliveries.services.stop import is_stopped
from apps.segments.models import Segment
from apps.segments.services.refresh import LIMIT_SECONDS, SegmentBroken, refresh_segment

# Longer than any launch seen (planning a million people takes seconds); a dead launcher is taken over after it.
_LEASE = timedelta(minutes=2)
_WAIT_SECONDS = 0.2
_log = logging.getLogger(__name__)


class _PlanFailed(Exception):
    """Undoes what the planner had done; says why."""


class _Objected(_PlanFailed):
    """Four eyes do not let the plan go out: somebody has to look at it before anything else does."""


def launch_due(now: datetime) -> int:
    """Launch every scheduled campaign whose time has come; returns how many. None while sending is stopped."""
    if is_stopped("campaign"):
        return 0
    return sum(_launch_or_note(campaign_id, now) for campaign_id in _due(now))


def _launch_or_note(campaign_id: int, now: datetime) -> bool:
    """An error that nobody foresaw holds up no other campaign; this one is tried again when its lease is over."""
    try:
        return launch(campaign_id=campaign_id, now=now)
    except Exception:
        _log.exception("campaign %s cannot be launched", campaign_id)
        return False


def launch(*, campaign_id: int, now: datetime) -> bool:
    """Launch one scheduled campaign; True if this call did it.

    False: somebody else is at it or was faster, or it went back to draft with the reason in `launch_problem`.
    """
    return take_lease(campaign_id=campaign_id, now=now) and launch_leased(campaign_id=campaign_id, now=now)


def take_lease(*, campaign_id: int, now: datetime) -> bool:
    """Reserve a scheduled campaign for the launcher of this moment; a dead launcher's lease runs out."""
    rows = Campaign.objects.filter(_is_free(now), pk=campaign_id, state="scheduled", paused_at=None)
    return rows.update(launching_until=now + _LEASE) == 1


def launch_leased(*, campaign_id: int, now: datetime) -> bool:
    """Refresh the segments, then plan and mark as launched in one transaction. False where its lease was lost by then.

    The row stays locked while planning, so a cancel comes either before (nothing is planned) or after (the dispatch is
    cancelled), and a killed launcher leaves nothing behind but its lease. now: that of the lease, which fences off a
    launcher who was slow: what repeats is scheduled for its next time once another has launched it. Any other error
    is noted for the campaign's page, unless it passes by itself, and raised.
    """
    try:
        is_launched = _launch_leased(campaign_id, now)
    except Exception as error:
        note_failure(campaign_id=campaign_id, error=error, lease_until=now + _LEASE, now=now)
        raise
    forget_fault(campaign_id)
    return is_launched


def _launch_leased(campaign_id: int, now: datetime) -> bool:
    refresh_segments(Campaign.objects.get(pk=campaign_id), now)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).select_related("app").get(pk=campaign_id)
        is_ours = campaign.launching_until == now + _LEASE
        if not is_ours or campaign.state != "scheduled" or campaign.paused_at is not None:
            return False
        return (_launch_next if campaign.timing == "repeat" else _launch_once)(campaign, now)


def refresh_segments(campaign: Campaign, now: datetime) -> None:
    """Recompute the members of the campaign's dynamic segments; one that breaks is left to `world_problems`.

    Raises Conflict where another worker is computing one and does not come to an end.
    """
    for relation in (campaign.include_segments, campaign.exclude_segments):
        for segment in relation.filter(kind="dynamic").order_by("pk"):
            with suppress(SegmentBroken):
                _refresh(segment.pk, now)


def _refresh(segment_id: int, now: datetime) -> None:
    """Refresh, or wait for whoever is at it: a refresh that began after `now` serves as well as ours."""
    deadline = time.monotonic() + LIMIT_SECONDS + 5
    while True:
        try:
            refresh_segment(segment_id=segment_id, now=now)
            return
        except Conflict:
            if time.monotonic() > deadline:
                raise
        time.sleep(_WAIT_SECONDS)
        if Segment.objects.filter(pk=segment_id, state="fresh", refreshed_at__gte=now).exists():
            return


def _due(now: datetime) -> list[int]:
    rows = Campaign.objects.filter(_is_free(now), state="scheduled", paused_at=None).order_by("scheduled_at")
    come = list(rows.filter(scheduled_at__lte=now).values_list("pk", flat=True)[:20])
    soon = rows.filter(IS_LOCAL, scheduled_at__gt=now, scheduled_at__lte=now + FARTHEST_AHEAD).select_related("app")
    return come + [one.pk for one in soon if is_time_to_launch(one, now)]


def _is_free(now: datetime) -> Q:
    return Q(launching_until=None) | Q(launching_until__lte=now)


def _missed(campaign: Campaign, now: datetime) -> str:
    """Why it is too late, where nothing launched it before its pushes had expired; or ""."""
    expired_at = ends_at(campaign, now)
    if campaign.scheduled_at is None or expired_at is None or now < expired_at:
        return ""
    zone = ZoneInfo(campaign.app.time_zone)
    due, end = (date_format(at.astimezone(zone), "j M Y, H:i") for at in (campaign.scheduled_at, expired_at))
    return _(
        "it was missed: due at %(due)s, its pushes had expired at %(end)s (%(zone)s) when launching was possible again"
    ) % {"due": due, "end": end, "zone": zone}


def _problem_now(campaign: Campaign) -> str:
    return "; ".join(problem.message for problem in world_problems(campaign))


def _launch_once(campaign: Campaign, now: datetime) -> bool:
    reason = _missed(campaign, now) or _problem_now(campaign)
    try:
        if not reason:
            _hand_over(campaign, now)
    except _PlanFailed as failed:
        reason = str(failed)
    if reason:
        _send_back(campaign, reason, now)
    return not reason


def _launch_next(campaign: Campaign, now: datetime) -> bool:
    """The latest of its times that have come; those before it were missed. True if it was launched.

    Nobody in the audience, or a plan that failed, costs it this one time. What a person has to put right makes it a
    draft, so that it does not fail in silence week after week.
    """
    *missed, day = days_due(campaign, now)
    for one in missed:
        note_occurrence(campaign, one, "missed", now, reason=_("nothing could launch it before its next time had come"))
    campaign.scheduled_at = campaign.recurrence.moment(day)
    late = _missed(campaign, now)
    problems = [] if late else world_problems(campaign)
    if any(problem.code != "empty_audience" for problem in problems):
        _send_back(campaign, "; ".join(problem.message for problem in problems), now)
        return False
    outcome, reason, dispatch = "missed" if late else "skipped", late, None
    try:
        if problems:
            reason = problems[0].message
        elif not late:
            outcome, dispatch = "launched", _hand_over(campaign, now)
    except _Objected as objected:
        _send_back(campaign, str(objected), now)
        return False
    except _PlanFailed as failed:
        outcome, reason = "skipped", str(failed)
    note_occurrence(campaign, day, outcome, now, reason=reason, dispatch=dispatch)
    if dispatch is None:
        _note(campaign, "occurrence_" + outcome, {"day": day.isoformat(), "reason": reason}, now)
    _go_on_or_end(campaign, now, past=day)
    return dispatch is not None


def pass_over_pause(*, campaign: Campaign, now: datetime) -> None:
    """Write down the times that came while it was paused, for a caller that holds the row, and go on to the next."""
    if campaign.scheduled_at is None or campaign.scheduled_at > now:
        return
    # A day that has only begun, for the first zones, may still go out to all the others; so may one that comes later
    # since the app is in another zone.
    days = [day for day in days_due(campaign, now) if campaign.recurrence.moment(day) <= now]
    for day in days:
        note_occurrence(campaign, day, "skipped", now, reason=_("it was paused"))
    forget_fault(campaign.pk)
    _go_on_or_end(campaign, now, past=max(days, default=date.min))


def _go_on_or_end(campaign: Campaign, now: datetime, *, past: date) -> None:
    """Wait for the next time; after the last one it is launched, and finishes with what is still on its way."""
    if go_on(campaign, now, past=past):
        return
    if campaign.dispatch_id is None:
        _send_back(campaign, _("none of its times could be launched"), now)
        return
    CAMPAIGN_STATES.require(Campaign.objects.filter(pk=campaign.pk), "launched", launching_until=None)
    end_approval(campaign, "used")


def _hand_over(campaign: Campaign, now: datetime) -> Dispatch:
    """Plan the dispatch, and mark the campaign as launched if that was all. Raises _PlanFailed, with all undone."""
    with transaction.atomic():
        dispatch = plan_dispatch(**plan_arguments(campaign, now))
        if dispatch.state == "failed":
            raise _PlanFailed(plan_failed_words(dispatch.reason))
        if objection := _objection(campaign, dispatch, now):
            raise _Objected(objection)
    row = Campaign.objects.filter(pk=campaign.pk)
    changes: dict[str, Any] = {"dispatch": dispatch, "launched_at": now}
    if campaign.timing == "repeat":
        row.update(**changes, launch_problem="")
    else:
        CAMPAIGN_STATES.require(row, "launched", **changes, launching_until=None, launch_problem="")
        end_approval(campaign, "used")
    campaign.dispatch = dispatch
    planned = {"people": dispatch.planned_people, "devices": dispatch.planned_devices}
    _note(campaign, "launched", {"dispatch": dispatch.pk, **planned}, now)
    return dispatch


def _objection(campaign: Campaign, dispatch: Dispatch, now: datetime) -> str:
    """Why four eyes do not let this plan go out, or "". Counts only where somebody's yes is asked for."""
    if campaign.app.approve_above is None and standing_approval(campaign) is None:
        return ""
    campaign.dispatch = dispatch
    return objection_at_launch(campaign, people=launched_waterfall(campaign).sending_people, now=now)


def _send_back(campaign: Campaign, reason: str, now: datetime) -> None:
    send_back(campaign.pk, reason, now)
    if end_approval(campaign, "void", reason=reason):
        _note(campaign, "approval_void", {"reason": reason}, now)
    _note(campaign, "launch_failed", {"reason": reason}, now)


def _note(campaign: Campaign, verb: str, details: dict[str, Any], now: datetime) -> None:
    subject = f"campaign:{campaign.pk}"
    write_audit(app=campaign.app, actor="system", action=f"campaign.{verb}", subject=subject, details=details, now=now)
