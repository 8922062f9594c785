"""Questions about campaigns."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from apps.campaigns.experiments.standing import (
    GoalStanding,
    Standing,
    goal_standing,
    is_test,
    standing_of,
    variant_json,
)
from apps.campaigns.experiments.standing import interval_json as _interval
from apps.campaigns.models import Campaign
from apps.campaigns.parts import parts
from apps.core.sql import rows
from apps.deliveries.queries import Report, report
from apps.deliveries.services.plan import Waterfall
from apps.deliveries.states import OUTCOME_WORDS


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """What became of a campaign. dispatch None: not launched yet; parts: figures of what hangs on it, by name.

    test: where it has several variants; goal: where people were held out to compare with.
    """

    campaign: Campaign
    dispatch: Report | None
    parts: dict[str, dict[str, Any]]
    test: Standing | None = None
    goal: GoalStanding | None = None

    def as_json(self) -> dict[str, Any]:
        """The report's public shape; the state is the dispatch's once there is one."""
        if self.dispatch is None:
            counts: dict[str, dict[str, int]] = {
                name: {} for name in ("outcomes", "excluded", "receipts", "by_platform", "by_variant", "by_hour")
            }
            planned = {"people": 0, "devices": 0}
            return {"state": self.campaign.state, "dispatch_id": None, "planned": planned, **counts, **self.parts}
        return {**self.dispatch.as_json(), **self._experiment(), **self.parts}

    def _experiment(self) -> dict[str, Any]:
        """by_variant with the people of the test beside the counts of devices, and what they say."""
        found: dict[str, Any] = {}
        if self.test and self.dispatch:
            counts = self.dispatch.by_variant
            tested = {str(one.position): {"test": variant_json(one)} for one in self.test.variants}
            found["by_variant"] = {key: {**counts.get(key, {}), **tested.get(key, {})} for key in {**counts, **tested}}
            found["experiment"] = {**self.test.as_json(), **_decision(self.campaign)}
        if self.goal:
            arms = {"sent": self.goal.sent, "held_out": self.goal.held_out}
            people = {name: {"people": arm.people, "did": arm.hits} for name, arm in arms.items()}
            found["holdout"] = {"goal": self.goal.goal, **people, "gain": _interval(self.goal.gain)}
        return found


def campaigns_of(app_ids: Iterable[int]) -> QuerySet[Campaign]:
    """The campaigns of these apps with app and dispatch, newest change first."""
    return Campaign.objects.filter(app__in=app_ids).select_related("app", "dispatch")


def campaign_report(campaign: Campaign) -> CampaignReport:
    """The dispatch's report and each part's own figures."""
    own = {part.name: part.report(campaign=campaign) for part in parts()}
    if campaign.dispatch is None:
        return CampaignReport(campaign, None, own)
    test = standing_of(campaign) if is_test(campaign) else None
    return CampaignReport(campaign, report(campaign.dispatch), own, test, goal_standing(campaign))


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


def _decision(campaign: Campaign) -> dict[str, Any]:
    dispatch = campaign.dispatch
    at = dispatch.decided_at if dispatch else None
    return {
        "decided_how": campaign.decided_how or None,
        "winner": dispatch.winner if dispatch else None,
        "decided_at": at.isoformat() if at else None,
        "decided_by": dispatch.decided_by or None if dispatch else None,
    }
