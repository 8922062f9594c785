"""Questions about campaigns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Sum

from apps.accounts.models import App, User
from apps.campaigns.experiments.standing import (
    GoalStanding,
    Standing,
    goal_standing,
    is_test,
    standing_of,
    variant_json,
)
from apps.campaigns.experiments.standing import interval_json as _interval
from apps.campaigns.models import Approval, Campaign, MessageTemplate
from apps.campaigns.parts import parts
from apps.core.sql import rows
from apps.deliveries.models import Dispatch
from apps.deliveries.queries import Report, report, report_of_all
from apps.deliveries.services.freeze import Waterfall
from apps.deliveries.states import OUTCOME_WORDS

MOST_LAUNCHES = 100


def template_named(app: App, wanted: int | str) -> MessageTemplate | None:
    """The app's message template of this id or name."""
    mine = MessageTemplate.objects.filter(app=app)
    return mine.filter(pk=wanted).first() if isinstance(wanted, int) else mine.filter(name=wanted).first()


def waiting_for(user: User, app_ids: Sequence[int]) -> QuerySet[Approval]:
    """Questions of these apps that somebody else asked, so that this person may answer; the most urgent first."""
    waiting = Approval.objects.filter(campaign__app__in=app_ids, state="waiting").exclude(requested_by=user)
    return waiting.select_related("campaign__app", "requested_by").order_by("expires_at")


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """What became of a campaign. dispatch None: not launched yet; parts: figures of what hangs on it, by name.

    test: where it has several variants; goal: where people were held out to compare with. launches: where it goes out
    more than once, each time by itself, the latest first.
    """

    campaign: Campaign
    dispatch: Report | None
    parts: dict[str, dict[str, Any]]
    test: Standing | None = None
    goal: GoalStanding | None = None
    launches: list[dict[str, Any]] | None = None

    def as_json(self) -> dict[str, Any]:
        """The report's public shape; the state is the dispatch's once there is one."""
        if self.dispatch is None:
            counts: dict[str, dict[str, int]] = {
                name: {} for name in ("outcomes", "excluded", "receipts", "by_platform", "by_variant", "by_hour")
            }
            planned = {"people": 0, "devices": 0}
            shown = {"state": self.campaign.state, "dispatch_id": None, "planned": planned, **counts}
        else:
            shown = {**self.dispatch.as_json(), **self._experiment()}
        launches = {} if self.launches is None else {"launches": self.launches}
        return {**shown, **launches, **self.parts}

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


def dispatches_of(campaign: Campaign) -> QuerySet[Dispatch]:
    """All its launches."""
    return Dispatch.objects.filter(app=campaign.app_id, kind="campaign", origin=campaign.origin)


def campaign_report(campaign: Campaign) -> CampaignReport:
    """The dispatch's report and each part's own figures; of what goes out more than once, all launches together."""
    own = {part.name: part.report(campaign=campaign) for part in parts()}
    if campaign.is_lasting:
        return CampaignReport(campaign, report_of_launches(campaign), own, launches=launches_json(campaign))
    if campaign.dispatch is None:
        return CampaignReport(campaign, None, own)
    test = standing_of(campaign) if is_test(campaign) else None
    return CampaignReport(campaign, report(campaign.dispatch), own, test, goal_standing(campaign))


def report_of_launches(campaign: Campaign) -> Report | None:
    """All its launches together; None before the first."""
    return report_of_all(app_id=campaign.app_id, origin=campaign.origin, state=campaign.state)


def launches_json(campaign: Campaign) -> list[dict[str, Any]]:
    """Its last MOST_LAUNCHES launches, the latest first; of what repeats also the times that were missed or skipped."""
    if campaign.timing == "repeat":
        told = campaign.occurrences.values_list("on_day", "planned_at", "outcome", "reason", "dispatch_id")
        return [
            {"day": day.isoformat(), "at": at.isoformat(), "outcome": outcome, "reason": reason, "dispatch_id": pk}
            for day, at, outcome, reason, pk in told[:MOST_LAUNCHES]
        ]
    found = dispatches_of(campaign).order_by("-pk").values_list("created_at", "pk")[:MOST_LAUNCHES]
    return [
        {"day": None, "at": at.isoformat(), "outcome": "launched", "reason": "", "dispatch_id": pk} for at, pk in found
    ]


def waterfall_of_launches(campaign: Campaign) -> Waterfall:
    """`launched_waterfall` of all its launches together; a person counts once a launch."""
    found = rows("campaigns", "exclusions_of_all", {"app_id": campaign.app_id, "origin": campaign.origin})
    planned = dispatches_of(campaign).aggregate(people=Sum("planned_people"), devices=Sum("planned_devices"))
    return _waterfall(planned["people"] or 0, planned["devices"] or 0, found)


def launched_waterfall(campaign: Campaign) -> Waterfall:
    """Who was planned and who left out, from a launched campaign's ledger; grows by what is left out on the way."""
    if campaign.dispatch is None:
        raise ValueError(f"campaign {campaign.pk} is not launched")
    return waterfall_of(campaign.dispatch)


def waterfall_of(dispatch: Dispatch) -> Waterfall:
    """The same of one launch."""
    found = rows("campaigns", "exclusions", {"planned_on": dispatch.planned_on, "dispatch_id": dispatch.pk})
    return _waterfall(dispatch.planned_people, dispatch.planned_devices, found)


def _waterfall(people: int, devices: int, found: Sequence[tuple[int, int, int]]) -> Waterfall:
    excluded = {OUTCOME_WORDS[outcome].removeprefix("excluded:"): (out[0], out[1]) for outcome, *out in found}
    sending_people = people - sum(pair[0] for pair in excluded.values())
    sending_devices = devices - sum(pair[1] for pair in excluded.values())
    return Waterfall(people, devices, sending_people, sending_devices, excluded)


def _decision(campaign: Campaign) -> dict[str, Any]:
    dispatch = campaign.dispatch
    at = dispatch.decided_at if dispatch else None
    return {
        "decided_how": campaign.decided_how or None,
        "winner": dispatch.winner if dispatch else None,
        "decided_at": at.isoformat() if at else None,
        "decided_by": dispatch.decided_by or None if dispatch else None,
    }
