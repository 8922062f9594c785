"""Scheduled campaigns become dispatches, each exactly once, however often launchers die or meet."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Campaign
from apps.campaigns.queries import launched_waterfall
from apps.campaigns.services.four_eyes import end_approval, objection_at_launch, standing_approval
from apps.campaigns.services.handover import plan_arguments
from apps.campaigns.services.local_time import FARTHEST_AHEAD, IS_LOCAL, ends_at, is_time_to_launch
from apps.campaigns.services.readiness import world_problems
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


class _PlanFailed(Exception):
    """Undoes what the planner had done; says why."""


def launch_due(now: datetime) -> int:
    """Launch every scheduled campaign whose time has come; returns how many. None while sending is stopped."""
    if is_stopped("campaign"):
        return 0
    return sum(launch(campaign_id=campaign_id, now=now) for campaign_id in _due(now))


def launch(*, campaign_id: int, now: datetime) -> bool:
    """Launch one scheduled campaign; True if this call did it.

    False: somebody else is at it or was faster, or it went back to draft with the reason in `launch_problem`.
    """
    return take_lease(campaign_id=campaign_id, now=now) and launch_leased(campaign_id=campaign_id, now=now)


def take_lease(*, campaign_id: int, now: datetime) -> bool:
    """Reserve a scheduled campaign for this launcher; a dead launcher's lease runs out."""
    rows = Campaign.objects.filter(_is_free(now), pk=campaign_id, state="scheduled")
    return rows.update(launching_until=now + _LEASE) == 1


def launch_leased(*, campaign_id: int, now: datetime) -> bool:
    """Refresh the segments, then plan and mark as launched in one transaction.

    The row stays locked while planning, so a cancel comes either before (nothing is planned) or after (the dispatch is
    cancelled), and a killed launcher leaves nothing behind but its lease.
    """
    refresh_segments(Campaign.objects.get(pk=campaign_id), now)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).select_related("app").get(pk=campaign_id)
        if campaign.state != "scheduled":
            return False
        reason = _missed(campaign, now) or _problem_now(campaign) or _hand_over(campaign, now)
        if reason:
            _send_back(campaign, reason, now)
    return not reason


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
    rows = Campaign.objects.filter(_is_free(now), state="scheduled").order_by("scheduled_at")
    come = list(rows.filter(scheduled_at__lte=now).values_list("pk", flat=True)[:20])
    soon = rows.filter(IS_LOCAL, scheduled_at__gt=now, scheduled_at__lte=now + FARTHEST_AHEAD).select_related("app")
    return come + [one.pk for one in soon if is_time_to_launch(one, now)]


def _is_free(now: datetime) -> Q:
    return Q(launching_until=None) | Q(launching_until__lte=now)


def _missed(campaign: Campaign, now: datetime) -> str:
    """Why it is too late, where nothing launched it before its pushes had expired; or ""."""
    expired_at = ends_at(campaign)
    if campaign.scheduled_at is None or expired_at is None or now < expired_at:
        return ""
    due, end = (f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" for at in (campaign.scheduled_at, expired_at))
    return f"missed: it was due at {due} and had expired at {end} UTC when launching was possible again"


def _problem_now(campaign: Campaign) -> str:
    return "; ".join(problem.message for problem in world_problems(campaign))


def _hand_over(campaign: Campaign, now: datetime) -> str:
    """Plan the dispatch; returns why that failed, having undone it, or ""."""
    try:
        with transaction.atomic():
            dispatch = plan_dispatch(**plan_arguments(campaign, now))
            if dispatch.state == "failed":
                raise _PlanFailed(f"the audience could not be planned: {dispatch.reason}")
            if objection := _objection(campaign, dispatch, now):
                raise _PlanFailed(objection)
    except _PlanFailed as failed:
        return str(failed)
    row = Campaign.objects.filter(pk=campaign.pk)
    CAMPAIGN_STATES.require(
        row, "launched", dispatch=dispatch, launched_at=now, launching_until=None, launch_problem=""
    )
    end_approval(campaign, "used")
    planned = {"people": dispatch.planned_people, "devices": dispatch.planned_devices}
    _note(campaign, "launched", {"dispatch": dispatch.pk, **planned}, now)
    return ""


def _objection(campaign: Campaign, dispatch: Dispatch, now: datetime) -> str:
    """Why four eyes do not let this plan go out, or "". Counts only where somebody's yes is asked for."""
    if campaign.app.approve_above is None and standing_approval(campaign) is None:
        return ""
    campaign.dispatch = dispatch
    return objection_at_launch(campaign, people=launched_waterfall(campaign).sending_people, now=now)


def _send_back(campaign: Campaign, reason: str, now: datetime) -> None:
    row = Campaign.objects.filter(pk=campaign.pk)
    CAMPAIGN_STATES.require(row, "draft", launching_until=None, launch_problem=reason[:300])
    if end_approval(campaign, "void", reason=reason):
        _note(campaign, "approval_void", {"reason": reason}, now)
    _note(campaign, "launch_failed", {"reason": reason}, now)


def _note(campaign: Campaign, verb: str, details: dict[str, Any], now: datetime) -> None:
    subject = f"campaign:{campaign.pk}"
    write_audit(app=campaign.app, actor="system", action=f"campaign.{verb}", subject=subject, details=details, now=now)
