"""What was approved and what became of it: by how many people each count differs, reason by reason."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.campaigns.admin_approval import waterfall_of
from apps.campaigns.models import Approval, Campaign
from apps.campaigns.queries import launched_waterfall
from apps.deliveries.admin_words import exclusion_label
from apps.deliveries.services.freeze import Waterfall


@dataclass(frozen=True, slots=True)
class Since:
    """One count in people, when it was approved and by now."""

    name: Any
    before: int
    now: int

    @property
    def change(self) -> str:
        return f"{self.now - self.before:+,}".replace("-", "−")


def since_approval(campaign: Campaign) -> list[Since]:
    """Every count that differs from what was approved; empty where nothing does, or nobody was asked."""
    approval = Approval.objects.filter(campaign=campaign, state="used").first()
    if approval is None or campaign.dispatch is None:
        return []
    return differences(waterfall_of(approval), launched_waterfall(campaign))


def differences(before: Waterfall, now: Waterfall) -> list[Since]:
    """In people: the audience, each reason, those who receive it."""
    reasons = sorted(before.excluded.keys() | now.excluded.keys())
    counts = [
        Since(_("In the audience"), before.planned_people, now.planned_people),
        *(Since(exclusion_label(one).name, _people(before, one), _people(now, one)) for one in reasons),
        Since(_("Will receive"), before.sending_people, now.sending_people),
    ]
    return [one for one in counts if one.before != one.now]


def _people(waterfall: Waterfall, reason: str) -> int:
    return waterfall.excluded.get(reason, (0, 0))[0]
