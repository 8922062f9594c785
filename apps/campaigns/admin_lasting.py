"""The page of a campaign that goes out more than once: its rhythm, what became of each time, and one of them alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_numbers import Numbers, numbers_of
from apps.campaigns.admin_repeat import rhythm_of
from apps.campaigns.models import Campaign
from apps.campaigns.queries import dispatches_of
from apps.core.words import Word
from apps.deliveries.models import Dispatch

SHOWN_LAUNCHES = 30
OUTCOME_WORDS = {
    "launched": Word(_("Sent"), _("It went out."), "good"),
    "missed": Word(_("Missed"), _("Nothing could launch it in time."), "bad"),
    "skipped": Word(_("Skipped"), _("It did not go out this time."), "warn"),
}


@dataclass(frozen=True, slots=True)
class Launch:
    """One time of it. dispatch_id None: it did not go out, and reason says why."""

    at: datetime
    word: Word
    reason: str
    dispatch_id: int | None
    numbers: Numbers


def lasting_context(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """What the page shows above the report."""
    return {
        "rhythm": rhythm_of(campaign, timezone.now()) if campaign.state == "scheduled" else None,
        "launches": list(launches_of(campaign)),
        "launch_count": dispatches_of(campaign).count(),
    }


def launch_chosen(request: HttpRequest, campaign: Campaign) -> Dispatch | None:
    """The launch of ?launch=, if it is one of this campaign's."""
    wanted = request.GET.get("launch", "")
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 18):
        return None
    return dispatches_of(campaign).filter(pk=int(wanted)).first()


def launches_of(campaign: Campaign) -> Iterator[Launch]:
    """Its last launches, the latest first; of what repeats also the times that were missed or skipped."""
    if campaign.timing == "repeat":
        told = campaign.occurrences.select_related("dispatch")[:SHOWN_LAUNCHES]
        times = [(one.planned_at, one.outcome, one.reason, one.dispatch) for one in told]
    else:
        found = dispatches_of(campaign).order_by("-pk")[:SHOWN_LAUNCHES]
        times = [(one.created_at, "launched", "", one) for one in found]
    numbers = numbers_of(dispatch for *_rest, dispatch in times if dispatch)
    for at, outcome, reason, dispatch in times:
        pk = dispatch.pk if dispatch else None
        yield Launch(at, OUTCOME_WORDS[outcome], reason, pk, numbers.get(pk or 0, Numbers()))
