"""Approvals: ask a second person, and that person's yes or no. A yes schedules what was asked for, and nothing else.

Each step locks the campaign first, so of two approvers at once one decides and the other is told.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Approval, Campaign
from apps.campaigns.services import lifecycle
from apps.campaigns.services.four_eyes import end_approval
from apps.campaigns.services.frozen import fingerprint_of, freeze, is_same
from apps.campaigns.services.local_time import begins_at, ends_at
from apps.campaigns.services.occurrences import last_time
from apps.campaigns.services.readiness import NotReady, readiness_problems
from apps.campaigns.services.sent_back import send_back
from apps.campaigns.services.simulate import simulate_campaign
from apps.campaigns.states import APPROVAL_STATES, CAMPAIGN_STATES
from apps.core.problems import Conflict
from apps.core.states import InvalidTransition
from apps.deliveries.services.freeze import Waterfall

Actor = User | str
LONGEST_YES = timedelta(days=366)


def request_approval(*, campaign: Campaign, version: int, actor: Actor, note: str, now: datetime) -> Approval:
    """draft -> awaiting_approval: freezes content, audience definition, policy and the exact count.

    Raises StaleVersion, InvalidTransition, NotReady.
    """
    counted = simulate_campaign(campaign, now)
    with transaction.atomic():
        fresh = _locked(campaign.pk)
        if fresh.state != "draft":
            raise InvalidTransition(CAMPAIGN_STATES, fresh.state, "awaiting_approval")
        if fresh.version != version:
            raise lifecycle.StaleVersion(wanted=version, current=fresh.version)
        if problems := readiness_problems(fresh, now):
            raise NotReady(problems)
        end_approval(fresh, "void", reason=_("a new approval was asked for"))
        approval = _ask(fresh, counted, actor, note, now)
        CAMPAIGN_STATES.require(Campaign.objects.filter(pk=fresh.pk), "awaiting_approval", launch_problem="")
        _note(approval, actor, "approval_requested", now, people=approval.people, note=approval.note)
    return approval


def approve(*, approval: Approval, fingerprint: str, actor: Actor, comment: str, now: datetime) -> Campaign:
    """Yes, to what has this fingerprint: the campaign is scheduled as it was asked for.

    Raises Conflict: `own_request`, `already_answered`, `approval_void` (then it is a draft again), and what
    `lifecycle.schedule` raises.
    """
    with transaction.atomic():
        asked = _open(approval, actor)
        objection = _why_void(asked, fingerprint, now)
        if objection:
            _back_to_draft(asked, "expired" if now >= asked.expires_at else "void", objection, now)
        else:
            _decide(asked, "approved", actor, comment, now)
            lifecycle.schedule_locked(asked.campaign, asked.campaign.version, actor, now)
    if objection:
        raise Conflict("approval_void", objection)
    return Campaign.objects.get(pk=approval.campaign_id)


def refuse(*, approval: Approval, actor: Actor, comment: str, now: datetime) -> None:
    """No: it is a draft again, with the comment as the reason. Raises Conflict as `approve` does."""
    with transaction.atomic():
        asked = _open(approval, actor)
        _decide(asked, "refused", actor, comment, now)
        who = actor if isinstance(actor, str) else actor.get_full_name() or _name(actor)
        reason = _("%(who)s did not approve it: %(comment)s") % {"who": who, "comment": comment.strip() or "–"}
        send_back(asked.campaign_id, reason, now)


def withdraw(*, campaign: Campaign, actor: Actor, now: datetime) -> Campaign:
    """Back to draft before anybody answered. Raises InvalidTransition: of the last question where there was one."""
    with transaction.atomic():
        fresh = _locked(campaign.pk)
        approval = Approval.objects.filter(campaign=fresh).order_by("-pk").first()
        if approval is None:
            raise InvalidTransition(CAMPAIGN_STATES, fresh.state, "draft")
        if approval.state != "waiting":
            raise InvalidTransition(APPROVAL_STATES, approval.state, "withdrawn")
        end_approval(fresh, "withdrawn")
        CAMPAIGN_STATES.require(Campaign.objects.filter(pk=fresh.pk), "draft")
        _note(approval, actor, "approval_withdrawn", now)
    return fresh


def expire_approvals(now: datetime) -> int:
    """Questions that nobody answered in time: their campaigns are drafts again. Returns how many."""
    ended = 0
    for campaign_id in Approval.objects.filter(state="waiting", expires_at__lte=now).values_list("campaign", flat=True):
        with transaction.atomic():
            fresh = _locked(campaign_id)
            approval = Approval.objects.filter(campaign=fresh, state="waiting", expires_at__lte=now).first()
            if approval is not None:
                _back_to_draft(approval, "expired", _("nobody answered the request for approval in time"), now)
                ended += 1
    return ended


def is_own(approval: Approval, actor: Actor) -> bool:
    """Whether it is the asker who would answer."""
    if isinstance(actor, str):
        return approval.requested_name == actor
    return approval.requested_by_id == actor.pk


def _ask(campaign: Campaign, counted: Waterfall, actor: Actor, note: str, now: datetime) -> Approval:
    frozen = freeze(campaign, now)
    until = now + timedelta(hours=campaign.app.approve_hours)
    begins, ends = begins_at(campaign, now), ends_at(campaign, now)
    if campaign.timing == "at" and begins is not None and ends is not None:
        until = min(until, begins if begins > now else ends)
    return Approval.objects.create(
        campaign=campaign,
        fingerprint=fingerprint_of(frozen),
        frozen=frozen,
        waterfall={
            "planned": [counted.planned_people, counted.planned_devices],
            "sending": [counted.sending_people, counted.sending_devices],
            "excluded": counted.excluded,
        },
        people=counted.sending_people,
        note=note.strip()[:500],
        requested_by=None if isinstance(actor, str) else actor,
        requested_name=_name(actor),
        requested_at=now,
        expires_at=until,
    )


def _open(approval: Approval, actor: Actor) -> Approval:
    """The approval as it is now, its campaign locked. Raises Conflict."""
    campaign = _locked(approval.campaign_id)
    asked = Approval.objects.get(pk=approval.pk)
    asked.campaign = campaign
    if asked.state != "waiting":
        who = {"who": asked.decider or "–", "state": asked.get_state_display()}
        raise Conflict("already_answered", _("somebody was faster: it is %(state)s (%(who)s)") % who)
    if is_own(asked, actor):
        raise Conflict("own_request", _("you asked for it yourself: somebody else has to answer"))
    return asked


def _why_void(asked: Approval, fingerprint: str, now: datetime) -> str:
    if now >= asked.expires_at:
        return _("the request for approval has expired")
    if fingerprint != asked.fingerprint or not is_same(freeze(asked.campaign, now), asked.frozen):
        return _("what would be sent is not what was asked for any more")
    return ""


def _decide(asked: Approval, to: str, actor: Actor, comment: str, now: datetime) -> None:
    """A yes holds as long as the question did, counted from when it is to go out (its last time, where it repeats)."""
    changes: dict[str, Any] = {
        "decided_by": None if isinstance(actor, str) else actor,
        "decided_name": _name(actor),
        "decided_at": now,
        "comment": comment.strip()[:500],
        "expires_at": _last_launch(asked.campaign, now) + timedelta(hours=asked.campaign.app.approve_hours),
    }
    APPROVAL_STATES.require(Approval.objects.filter(pk=asked.pk), to, **changes)
    _note(asked, actor, to, now, people=asked.people, comment=changes["comment"])


def _last_launch(campaign: Campaign, now: datetime) -> datetime:
    """A yes to what has no end holds for a year."""
    if campaign.timing == "repeat":
        return last_time(campaign, now, within=LONGEST_YES)
    return max(now, begins_at(campaign, now) or now)


def _back_to_draft(asked: Approval, to: str, reason: str, now: datetime) -> None:
    APPROVAL_STATES.require(Approval.objects.filter(pk=asked.pk), to, ended_reason=reason[:300])
    send_back(asked.campaign_id, reason, now)
    _note(asked, "system", f"approval_{to}", now, reason=reason)


def _locked(campaign_id: int) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",)).select_related("app").get(pk=campaign_id)


def _name(actor: Actor) -> str:
    return (actor if isinstance(actor, str) else actor.get_username())[:150]


def _note(approval: Approval, actor: Actor, verb: str, now: datetime, **details: Any) -> None:
    campaign = approval.campaign
    write_audit(
        app=campaign.app,
        actor=actor,
        action=f"campaign.{verb}",
        subject=f"campaign:{campaign.pk}",
        details={"approval": approval.pk, "fingerprint": approval.fingerprint, **details},
        now=now,
    )
