"""Questions about campaigns."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from apps.campaigns.models import Campaign
from apps.campaigns.parts import parts
from apps.core.sql import rows
from apps.deliveries.queries import Report, report
from apps.deliveries.services.plan import Waterfall
from apps.deliveries.states import OUTCOME_WORDS


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """What became of a campaign. dispatch None: not launched yet; parts: figures of what hangs on it, by name."""

    campaign: Campaign
    dispatch: Report | None
    parts: dict[str, dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The report's public shape; the state is the dispatch's once there is one."""
        if self.dispatch is None:
            counts: dict[str, dict[str, int]] = {
                name: {} for name in ("outcomes", "excluded", "receipts", "by_platform", "by_variant", "by_hour")
            }
            planned = {"people": 0, "devices": 0}
            return {"state": self.campaign.state, "dispatch_id": None, "planned": planned, **counts, **self.parts}
        return {**self.dispatch.as_json(), **self.parts}


def campaigns_of(app_ids: Iterable[int]) -> QuerySet[Campaign]:
    """The campaigns of these apps with app and dispatch, newest change first."""
    return Campaign.objects.filter(app__in=app_ids).select_related("app", "dispatch")


def campaign_report(campaign: Campaign) -> CampaignReport:
    """The dispatch's report and each part's own figures."""
    own = {part.name: part.report(campaign=campaign) for part in parts()}
    return CampaignReport(campaign, report(campaign.dispatch) if campaign.dispatch else None, own)


def launched_waterfall(campaign: Campaign) -> Waterfall:
    """Who was planned and who left out, from a launched campaign's ledger; grows by what is left out on the way."""
    dispatch = campaign.dispatch
    if dispatch is None:
        raise ValueError(f"campaign {campaign.pk} is not launched")
    found = rows("campaigns", "exclusions", {"planned_on": dispatch.planned_on, "dispatch_id": dispatch.pk})
    excluded = {
        OUTCOME_WORDS[outcome].removeprefix("excluded:"): (people, devices) for outcome, people, devices in found
    }
    people = dispatch.planned_people - sum(pair[0] for pair in excluded.values())
    devices = dispatch.planned_devices - sum(pair[1] for pair in excluded.values())
    return Waterfall(dispatch.planned_people, dispatch.planned_devices, people, devices, excluded)
