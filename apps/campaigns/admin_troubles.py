"""What went wrong with a campaign after somebody let it go: what, since when, why, and what to do about it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.campaigns.models import Campaign, LaunchFault, SegmentTrigger
from apps.campaigns.services.large_triggers import expires_at
from apps.campaigns.services.local_time import is_time_to_launch
from apps.core.words import Word
from apps.deliveries.services.stop import is_stopped
from apps.segments.models import Segment

# Beat launches each second, and a plan takes seconds: so much later somebody should look.
LATE_AFTER = timedelta(minutes=1)
SHOWN_TRIGGERS = 20
REFUSALS_SHOWN_FOR = timedelta(days=30)
# On the dashboard.
RECENT = timedelta(days=3)

WAITING = Word(gettext_lazy("Waiting"), gettext_lazy("Accepted; it is worked out next."), "accent")
REFUSED = Word(gettext_lazy("Not sent"), gettext_lazy("It could not be sent any more; nobody got anything."), "bad")
_ADVICE = {
    "trigger_expired": gettext_lazy("Let your systems ask again, or give its pushes longer under “Expires after”."),
    "segment_broken": gettext_lazy("Mend the rule of the segment, then let your systems ask again."),
    "not_found": gettext_lazy("Let your systems ask with a segment that is there."),
    "approval_required": gettext_lazy("Make it a campaign to that segment: it can be approved."),
    "campaign_inactive": gettext_lazy("Activate it again, then let your systems ask again."),
    "not_by_api": gettext_lazy("Set its time to “When the API asks”, then let your systems ask again."),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One note on the page. error: the program's own words, for whoever runs the system."""

    title: str
    text: str
    tone: str = "bad"
    since: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class LateTrigger:
    """A trigger by a large segment that is not sent, or not yet."""

    at: datetime
    segment: Segment | None
    segment_id: int
    word: Word
    is_test: bool
    reason: str
    advice: Any
    until: datetime | None = None
    retry_at: datetime | None = None
    error: str = ""


def troubles_of(campaign: Campaign, now: datetime) -> list[Trouble]:
    """Why a scheduled campaign is not launched yet, though it should be."""
    if campaign.state != "scheduled" or campaign.paused_at is not None:
        return []
    fault = LaunchFault.objects.filter(campaign=campaign).first()
    if fault is not None:
        title = _("It could not be launched yet.")
        text = ngettext(
            "Tried once, and undone: nobody was sent anything.",
            "Tried %(tries)d times, and undone each time: nobody was sent anything.",
            fault.tries,
        )
        then = _(
            "It is tried again by itself every two minutes, until its pushes would have expired. Tell whoever runs the "
            "system. “Back to draft” or “Cancel” ends the tries."
        )
        if campaign.timing == "at" and not is_time_to_launch(campaign, now):
            then = _("It is tried again at its time. Tell whoever runs the system before.")
        return [Trouble(title, f"{text % {'tries': fault.tries}} {then}", since=fault.first_at, error=fault.error)]
    due_at, lease = campaign.scheduled_at, campaign.launching_until
    is_late = due_at is not None and now - due_at >= LATE_AFTER and (lease is None or lease <= now)
    if not is_late or is_stopped("campaign"):
        return []
    text = _(
        "Nothing is launched at the moment: the background workers are away or busy. Tell whoever runs the system."
    )
    return [Trouble(_("It should have been launched already."), text, "warn", since=due_at)]


def late_triggers(campaign: Campaign, now: datetime) -> list[LateTrigger]:
    """Of a campaign that the API triggers: what waits, and what was refused in the last weeks; the latest first."""
    if campaign.timing != "api":
        return []
    rows = SegmentTrigger.objects.filter(campaign=campaign).order_by("-pk")
    refused = rows.filter(state="refused", requested_at__gte=now - REFUSALS_SHOWN_FOR)[:SHOWN_TRIGGERS]
    found = [*rows.filter(state="waiting")[:SHOWN_TRIGGERS], *refused]
    segments = Segment.objects.in_bulk({one.segment_id for one in found})
    for one in found:
        one.campaign = campaign
    return [_shown(one, segments.get(one.segment_id)) for one in found]


def _shown(stored: SegmentTrigger, segment: Segment | None) -> LateTrigger:
    about: dict[str, Any] = {"at": stored.requested_at, "segment": segment, "segment_id": stored.segment_id}
    about["is_test"] = stored.is_test
    if stored.state == "refused":
        other = _("Put that right, then let your systems ask again.")
        advice = _ADVICE.get(stored.code, other)
        return LateTrigger(**about, word=REFUSED, reason=capfirst(stored.reason), advice=advice)
    reason, advice = _why_waiting(stored)
    about |= {"until": expires_at(stored), "retry_at": stored.retry_at, "error": stored.error}
    return LateTrigger(**about, word=WAITING, reason=reason, advice=advice)


def _why_waiting(stored: SegmentTrigger) -> tuple[str, str]:
    if stored.campaign.paused_at is not None:
        return _("The campaign is paused."), _("Resume it to let it go.")
    if is_stopped("campaign"):
        return _("All sending is stopped."), ""
    if stored.tries:
        tried = ngettext(
            "It could not be sent yet; tried once.", "It could not be sent yet; tried %(tries)d times.", stored.tries
        )
        return tried % {"tries": stored.tries}, _("It is tried again by itself. Tell whoever runs the system.")
    return _("Its segment is counted again first."), ""


def campaigns_in_trouble(app_ids: Collection[int], now: datetime) -> Iterator[tuple[Campaign, str]]:
    """For the dashboard: those that should have gone out in the last days and did not, each with what happened."""
    mine = Campaign.objects.filter(app__in=app_ids, archived_at=None)
    for one in mine.filter(state="scheduled", paused_at=None, launch_fault__isnull=False).order_by("pk"):
        yield one, _("could not be launched yet; it is tried again.")
    for one in mine.filter(state="draft", launch_problem_at__gte=now - RECENT).exclude(launch_problem=""):
        yield one, _("was not sent and is a draft again.")
    refused = SegmentTrigger.objects.filter(state="refused", is_test=False, settled_at__gte=now - RECENT)
    for one in mine.filter(pk__in=refused.values("campaign")).order_by("pk"):
        yield one, _("was asked for by your systems and could not be sent.")
