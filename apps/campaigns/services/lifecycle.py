"""What a person does with a campaign: schedule, launch, pause, resume, cancel, duplicate. Every step is audited.

Each is a compare-and-set: two doors can never both win. Once launched, the live state is the dispatch's. What repeats,
or waits for the API, stays `scheduled`: a pause then holds its next times or triggers, and whatever is on its way.
"""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Campaign
from apps.campaigns.parts import parts
from apps.campaigns.queries import dispatches_of
from apps.campaigns.services import launch as launching
from apps.campaigns.services.four_eyes import ApprovalRequired, end_approval, require_approval, standing_approval
from apps.campaigns.services.launch_faults import forget_fault, is_tried_soon
from apps.campaigns.services.local_time import is_local, is_time_to_launch
from apps.campaigns.services.occurrences import next_time
from apps.campaigns.services.readiness import NotReady, readiness_problems
from apps.campaigns.states import CAMPAIGN_STATES
from apps.core.problems import Conflict
from apps.core.states import InvalidTransition, repeatable
from apps.deliveries.models import Dispatch
from apps.deliveries.services import lifecycle as dispatches
from apps.deliveries.services.stop import require_sending

Actor = User | str
# Nothing happens to a campaign in one of these by itself.
AT_REST = ("draft", "finished", "cancelled")
_log = logging.getLogger(__name__)


class StaleVersion(Conflict):
    """Somebody saved the campaign after this version was shown; what would be launched is not what was reviewed."""

    def __init__(self, *, wanted: int, current: int) -> None:
        self.wanted, self.current = wanted, current
        super().__init__(
            "stale_version",
            _("version %(wanted)s was shown, the campaign is at %(current)s now: look again")
            % {"wanted": wanted, "current": current},
        )


class LaunchFailed(Conflict):
    """It was ready, but its refreshed segments are not; it is a draft again (code `launch_failed`)."""

    def __init__(self, reason: str) -> None:
        super().__init__("launch_failed", reason)


class LaunchDelayed(Conflict):
    """It is scheduled, and an error that nobody foresaw undid its launch; it is tried again by itself.

    Code `launch_delayed`. The error itself is its cause, and in the log. is_due: its time has come, so the next try is
    not far; is_soon: it is but seconds away, for what it met passes by itself.
    """

    def __init__(self, *, is_due: bool, is_soon: bool) -> None:
        why = _("it could not be launched just now, and nobody was sent anything.")
        wait = _("in a few seconds") if is_soon else _("within two minutes")
        then = _(
            "It is scheduled and tried again by itself %(wait)s: load its page again then. If it has not gone out"
            " some minutes later, tell whoever runs the system."
        )
        if not is_due:
            wait = _("in a few seconds") if is_soon else _("in two minutes")
            then = _(
                "It stays scheduled for its time: try again %(wait)s, or let it go out then. If it fails again, tell"
                " whoever runs the system."
            )
        super().__init__("launch_delayed", f"{why} {then % {'wait': wait}}")


def schedule(*, campaign: Campaign, version: int, actor: Actor, now: datetime) -> Campaign:
    """draft -> scheduled, frozen as of `version`; "as soon as I launch it" means now.

    Raises StaleVersion, InvalidTransition, NotReady (with every problem), SendingStopped where it would go out at once,
    ApprovalRequired.
    """
    with transaction.atomic():
        return schedule_locked(_locked(campaign), version, actor, now)


def unschedule(*, campaign: Campaign, actor: Actor, now: datetime) -> Campaign:
    """scheduled -> draft: none of its times is launched any more; what is on its way goes on.

    Raises InvalidTransition when it is launched already.
    """
    with transaction.atomic():
        fresh = _locked(campaign)
        changes = {"scheduled_at": None} if fresh.is_lasting else {}
        _move(fresh, "draft", launching_until=None, paused_at=None, **changes)
        _note(fresh, actor, "unscheduled", now)
    return fresh


def launch_now(*, campaign: Campaign, version: int, actor: Actor, now: datetime) -> Campaign:
    """Launch a draft, or a scheduled campaign ahead of its time; returns once its dispatch is planned.

    Raises as `schedule` does; LaunchFailed where the refreshed segments do not carry it; LaunchDelayed; Conflict where
    beat is launching it at this moment, SendingStopped while the emergency stop is on.
    """
    require_sending("campaign")
    with transaction.atomic():
        fresh = _locked(campaign)
        if fresh.state != "scheduled":
            fresh.timing = "now"
            schedule_locked(fresh, version, actor, now)
        elif fresh.is_lasting:
            raise Conflict("not_by_hand", _("it goes out by itself: at its times, or when the API asks"))
        else:
            _require_its_time(fresh, now)
            if is_local(fresh) and not is_time_to_launch(fresh, now):
                Campaign.objects.filter(pk=fresh.pk).update(timing="now", scheduled_at=now)
        if not launching.take_lease(campaign_id=campaign.pk, now=now):
            raise Conflict("launching", _("it is being launched at this moment"))
    try:
        launching.launch_leased(campaign_id=campaign.pk, now=now)
    except Exception as error:
        _log.exception("campaign %s cannot be launched", campaign.pk)
        is_ahead = fresh.timing == "at" and not is_local(fresh) and not is_time_to_launch(fresh, now)
        raise LaunchDelayed(is_due=not is_ahead, is_soon=is_tried_soon(campaign.pk, now=now)) from error
    launched = Campaign.objects.select_related("app", "dispatch").get(pk=campaign.pk)
    if launched.state == "draft":
        raise LaunchFailed(launched.launch_problem)
    if launched.dispatch is None:
        raise InvalidTransition(CAMPAIGN_STATES, launched.state, "launched")
    return launched


def pause(*, campaign: Campaign, actor: Actor, now: datetime, reason: str = "") -> None:
    """No new gateway call starts 2 s from now, and nothing begins. Raises InvalidTransition unless it may be paused."""
    with transaction.atomic():
        fresh = _locked(campaign)
        reason = reason or f"paused by {actor}"
        sending = _dispatches(fresh, "sending") if fresh.is_lasting else []
        if _is_waiting(fresh):
            if fresh.paused_at is not None:
                raise InvalidTransition(CAMPAIGN_STATES, "paused", "paused")
            Campaign.objects.filter(pk=fresh.pk).update(paused_at=now)
        elif not sending:
            dispatches.pause(dispatch_id=_dispatch_id(fresh, "paused"), reason=reason, now=now)
        for dispatch_id in sending:
            repeatable(dispatches.pause)(dispatch_id=dispatch_id, reason=reason, now=now)  # or by its guard, just now
        _note(fresh, actor, "paused", now)


def resume(*, campaign: Campaign, actor: Actor, now: datetime) -> None:
    """Go on where it stopped; times that came while it was paused are passed over.

    Raises InvalidTransition unless it, or something of it that is on its way, is paused.
    """
    with transaction.atomic():
        fresh = _locked(campaign)
        held = _dispatches(fresh, "paused") if fresh.is_lasting else []
        if fresh.paused_at is not None:
            Campaign.objects.filter(pk=fresh.pk).update(paused_at=None)
            if fresh.timing == "repeat":
                launching.pass_over_pause(campaign=fresh, now=now)
        elif _is_waiting(fresh) and not held:
            raise InvalidTransition(CAMPAIGN_STATES, fresh.state, fresh.state)
        else:
            held = held or [_dispatch_id(fresh, "sending")]
        for dispatch_id in held:
            dispatches.resume(dispatch_id=dispatch_id, now=now)
        _note(fresh, actor, "resumed", now)


def cancel(*, campaign: Campaign, actor: Actor, now: datetime) -> Campaign:
    """Stop for good, with all that is on its way. Raises InvalidTransition when it has ended."""
    with transaction.atomic():
        fresh = _locked(campaign)
        if fresh.is_lasting:
            running = _dispatches(fresh, "planning", "sending", "paused")
        else:
            running = [_dispatch_id(fresh, "cancelled")] if fresh.state == "launched" else []
        for dispatch_id in running:
            dispatches.cancel(dispatch_id=dispatch_id, now=now)
        end_approval(fresh, "void", reason=_("the campaign was cancelled"))
        _move(fresh, "cancelled", launching_until=None, paused_at=None)
        _note(fresh, actor, "cancelled", now)
    return fresh


def duplicate(*, campaign: Campaign, actor: Actor, now: datetime) -> Campaign:
    """A new draft with the same audience, messages and parts; it has no time and no dispatch."""
    with transaction.atomic():
        source = Campaign.objects.get(pk=campaign.pk)
        copy = Campaign.objects.get(pk=campaign.pk)
        copy.pk, copy.state, copy.version = None, "draft", 1
        copy.name = (_("Copy of %(name)s") % {"name": source.name})[:150]
        copy.scheduled_at = copy.launched_at = copy.launching_until = copy.archived_at = copy.dispatch = None
        copy.paused_at = copy.launch_problem_at = None
        copy.launch_problem = copy.decided_how = ""
        copy.created_by = actor if isinstance(actor, User) else None
        copy._state.adding = True
        copy.save()
        copy.include_segments.set(source.include_segments.all())
        copy.exclude_segments.set(source.exclude_segments.all())
        for variant in source.variants.all():
            copy.variants.create(position=variant.position, share=variant.share, texts=variant.texts)
        for part in parts():
            part.copy(source=source, target=copy)
        _note(copy, actor, "duplicated", now, source=source.pk)
    return copy


def archive(*, campaign: Campaign, actor: Actor, now: datetime) -> None:
    """Out of the list, with its report. Raises Conflict (`not_at_rest`) while it waits, is scheduled or runs."""
    _put(campaign, "archived", now, actor, now)


def restore(*, campaign: Campaign, actor: Actor, now: datetime) -> None:
    """Back into the list."""
    _put(campaign, "restored", None, actor, now)


def _put(campaign: Campaign, verb: str, archived_at: datetime | None, actor: Actor, now: datetime) -> None:
    with transaction.atomic():
        fresh = _locked(campaign)
        if fresh.state not in AT_REST:
            raise Conflict("not_at_rest", _("it is not at its end yet: cancel it first, or wait until it is sent"))
        Campaign.objects.filter(pk=fresh.pk).update(archived_at=archived_at)
        _note(fresh, actor, verb, now)


def finish_done(now: datetime) -> int:
    """launched -> finished where the dispatch is done, -> cancelled where somebody cancelled it. Returns how many.

    What had repeated waits for all that is still on its way.
    """
    origin = Concat(Value("campaign:"), Cast(OuterRef("pk"), CharField()))
    on_its_way = Dispatch.objects.filter(app=OuterRef("app_id"), kind="campaign", origin=origin, finished_at=None)
    launched = Campaign.objects.filter(~Exists(on_its_way) | ~Q(timing__in=Campaign.LASTING), state="launched")
    return CAMPAIGN_STATES.move(launched.filter(dispatch__state="done"), "finished") + CAMPAIGN_STATES.move(
        launched.filter(dispatch__state="cancelled"), "cancelled"
    )


def schedule_locked(fresh: Campaign, version: int, actor: Actor, now: datetime) -> Campaign:
    """`schedule` for a caller that holds the row."""
    if "scheduled" not in CAMPAIGN_STATES.followers(fresh.state):
        raise InvalidTransition(CAMPAIGN_STATES, fresh.state, "scheduled")
    if fresh.version != version:
        raise StaleVersion(wanted=version, current=fresh.version)
    problems = readiness_problems(fresh, now)
    if problems:
        raise NotReady(problems)
    require_approval(fresh, now)
    if fresh.timing == "now":
        require_sending("campaign")
    at = _first_time(fresh, now)
    forget_fault(fresh.pk)
    _move(fresh, "scheduled", scheduled_at=at, timing=fresh.timing, launch_problem="")
    _note(fresh, actor, "scheduled", now, version=version, at=at.isoformat() if at else "")
    return fresh


def _first_time(campaign: Campaign, now: datetime) -> datetime | None:
    """When it launches next; None = when the API asks."""
    times = {"at": campaign.scheduled_at, "api": None, "now": now}
    return next_time(campaign, now) if campaign.timing == "repeat" else times[campaign.timing]


def _is_waiting(campaign: Campaign) -> bool:
    """Whether more of it is to come: further times, or triggers."""
    return campaign.state == "scheduled" and campaign.is_lasting


def _dispatches(campaign: Campaign, *states: str) -> list[int]:
    """Of all its launches those in one of these states, the oldest first."""
    found = dispatches_of(campaign).filter(finished_at=None, state__in=states)
    return list(found.order_by("pk").values_list("pk", flat=True))


def _require_its_time(campaign: Campaign, now: datetime) -> None:
    """What was approved for a time goes out then, not before."""
    if campaign.timing == "at" and not is_time_to_launch(campaign, now) and standing_approval(campaign) is not None:
        raise ApprovalRequired(_("it was approved for its time: to launch it before, make it a draft and ask again"))


def _locked(campaign: Campaign) -> Campaign:
    """The row as it is now, held until the transaction ends."""
    return Campaign.objects.select_for_update(of=("self",)).select_related("app").get(pk=campaign.pk)


def _move(campaign: Campaign, to: str, **changes: Any) -> None:
    CAMPAIGN_STATES.require(Campaign.objects.filter(pk=campaign.pk), to, **changes)
    campaign.refresh_from_db()


def _dispatch_id(campaign: Campaign, wanted: str) -> int:
    """The dispatch of a launched campaign; before and after there is nothing to pause, resume or stop."""
    if campaign.state != "launched" or campaign.dispatch_id is None:
        raise InvalidTransition(CAMPAIGN_STATES, campaign.state, wanted)
    return campaign.dispatch_id


def _note(campaign: Campaign, actor: Actor, verb: str, now: datetime, **details: Any) -> None:
    write_audit(
        app=campaign.app,
        actor=actor,
        action=f"campaign.{verb}",
        subject=f"campaign:{campaign.pk}",
        details=details,
        now=now,
    )
