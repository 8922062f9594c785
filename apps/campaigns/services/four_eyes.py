"""Four eyes: whether a campaign may go out without, or with, a second person's yes. Asked at every door and launch."""

from datetime import datetime

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.campaigns.models import Approval, Campaign
from apps.campaigns.services.frozen import freeze, is_same
from apps.campaigns.services.handover import plan_arguments
from apps.campaigns.states import APPROVAL_STATES
from apps.core.problems import Conflict
from apps.deliveries.services.plan import simulate_dispatch


class ApprovalRequired(Conflict):
    """More people than one person may decide about alone (code `approval_required`)."""

    def __init__(self, message: str) -> None:
        super().__init__("approval_required", message)


def needs_approval(app: App, people: int) -> bool:
    """Whether so many people are more than one person may send to."""
    return app.approve_above is not None and people > app.approve_above


def standing_approval(campaign: Campaign) -> Approval | None:
    """The yes that is not used yet."""
    return Approval.objects.filter(campaign=campaign.pk, state="approved").first()


def is_approved(campaign: Campaign, now: datetime) -> bool:
    """Whether there is a yes to exactly what the campaign is now."""
    approval = standing_approval(campaign)
    return approval is not None and not _objection(campaign, approval, now)


def require_approval(campaign: Campaign, now: datetime) -> None:
    """Raises ApprovalRequired where it would go to too many people without a yes to exactly this.

    Counts with the segments as they are; the launch counts again (`objection_at_launch`). A yes to something else
    ends as void.
    """
    approval = standing_approval(campaign)
    if approval is not None:
        objection = _objection(campaign, approval, now)
        if not objection:
            return
        end_approval(campaign, "void", reason=objection)
    if campaign.state == "awaiting_approval":
        raise ApprovalRequired(_("it waits for somebody else's yes"))
    if campaign.app.approve_above is None or campaign.timing == "api":
        return  # whom a trigger would go to is counted when it comes
    people = simulate_dispatch(**plan_arguments(campaign, now)).sending_people
    if needs_approval(campaign.app, people):
        words = {"people": f"{people:,}", "most": f"{campaign.app.approve_above:,}"}
        raise ApprovalRequired(
            _("it would go to %(people)s people; above %(most)s somebody else has to approve it") % words
        )


def objection_at_launch(campaign: Campaign, *, people: int, now: datetime) -> str:
    """Why what has just been planned may not go out, or "". people: who would receive it."""
    approval = standing_approval(campaign)
    if approval is None:
        if not needs_approval(campaign.app, people):
            return ""
        words = {"people": f"{people:,}", "most": f"{campaign.app.approve_above:,}"}
        return _("it would go to %(people)s people by now; above %(most)s somebody else has to approve it") % words
    return _objection(campaign, approval, now) or _drift(campaign.app, approval, people)


def end_approval(campaign: Campaign, to: str, *, reason: str = "") -> bool:
    """Its open approval, if there is one, becomes `to`."""
    rows = Approval.objects.filter(campaign=campaign.pk, state__in=["waiting", "approved"])
    return bool(APPROVAL_STATES.move(rows, to, ended_reason=reason[:300]))


def _objection(campaign: Campaign, approval: Approval, now: datetime) -> str:
    if now >= approval.expires_at:
        return _("the approval has expired")
    if not is_same(freeze(campaign, now), approval.frozen):
        return _("it was changed after it had been approved")
    return ""


def _drift(app: App, approval: Approval, people: int) -> str:
    """Why the audience is not the approved one any more, or ""."""
    change = abs(people - approval.people)
    if change * 100 <= app.approve_drift_percent * approval.people:
        return ""
    words = {"before": f"{approval.people:,}", "now": f"{people:,}", "most": app.approve_drift_percent}
    return (
        _("the audience changed from %(before)s people to %(now)s; the approval holds for a change of %(most)s %%")
        % words
    )
