"""Campaigns: read, launch, pause, resume, cancel, simulate."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import NULLABLE_TIME, NUMBER, TEXT, Answer, Call, listing, record
from apps.api.paging import each, page_response
from apps.api.query import PAGE, choice
from apps.api.views.reports import REPORT, SIMULATION, with_pace
from apps.campaigns.models import Campaign
from apps.campaigns.queries import campaign_report, campaigns_of
from apps.campaigns.services import lifecycle
from apps.campaigns.services.simulate import simulate_campaign
from apps.campaigns.states import CAMPAIGN_STATES
from apps.deliveries.services.plan import Waterfall

_CAMPAIGN = record(
    {
        "id": NUMBER,
        "name": TEXT,
        "state": {"type": "string", "enum": CAMPAIGN_STATES.words},
        "dispatch_id": {"type": ["integer", "null"]},
        "scheduled_at": NULLABLE_TIME,
    }
)
_THE_CAMPAIGN = {200: Answer("The campaign", _CAMPAIGN)}


class CampaignsView(ApiView):
    """/v2.1/campaigns"""

    calls: ClassVar = {
        "GET": Call(
            "listCampaigns",
            "campaigns:read",
            "The app's campaigns, newest first.",
            {200: listing(_CAMPAIGN, "A page")},
            parameters={"state": choice(CAMPAIGN_STATES.words, "only in this state"), **PAGE},
        )
    }

    def get(self, request: Request) -> HttpResponse:
        found = campaigns_of([self.caller.app.pk])
        if "state" in self.parameters:
            found = found.filter(state=self.parameters["state"])
        return page_response(found, self.parameters, each(_shown))


class CampaignView(ApiView):
    """A path below one campaign."""

    def campaign(self, campaign_id: int) -> Campaign:
        """The campaign of the caller's app. Raises Http404."""
        return get_object_or_404(campaigns_of([self.caller.app.pk]), pk=campaign_id)


class OneCampaignView(CampaignView):
    """/v2.1/campaigns/{id}"""

    calls: ClassVar = {"GET": Call("readCampaign", "campaigns:read", "One campaign.", _THE_CAMPAIGN)}

    def get(self, request: Request, campaign_id: int) -> HttpResponse:
        return json_response(_shown(self.campaign(campaign_id)))


class CampaignReportView(CampaignView):
    """/v2.1/campaigns/{id}/report"""

    calls: ClassVar = {
        "GET": Call("readCampaignReport", "reports:read", "What became of it.", {200: Answer("The report", REPORT)})
    }

    def get(self, request: Request, campaign_id: int) -> HttpResponse:
        campaign = self.campaign(campaign_id)
        return json_response(with_pace(campaign_report(campaign).as_json(), campaign.dispatch, timezone.now()))


class SimulateCampaignView(CampaignView):
    """/v2.1/campaigns/{id}/simulate"""

    calls: ClassVar = {
        "GET": Call(
            "simulateCampaign",
            "campaigns:read",
            "Who would get it now, and who not, and why.\n\nThe real planner, rolled back: it says what will happen.",
            {200: Answer("The counts", SIMULATION)},
            refusals=(409,),
        )
    }

    def get(self, request: Request, campaign_id: int) -> HttpResponse:
        return json_response(_waterfall(simulate_campaign(self.campaign(campaign_id), timezone.now())))


class _StepView(CampaignView):
    """A step in a campaign's life."""

    step: ClassVar[Callable[..., Any]]

    def post(self, request: Request, campaign_id: int) -> HttpResponse:
        campaign = self.campaign(campaign_id)
        type(self).step(campaign=campaign, actor=self.caller.actor, now=timezone.now())
        return json_response(_shown(self.campaign(campaign_id)))


def _step(name: str, about: str) -> dict[str, Call]:
    return {"POST": Call(name, "campaigns:write", about, _THE_CAMPAIGN, refusals=(409,))}


def _launch(*, campaign: Campaign, actor: str, now: datetime) -> None:
    """As the button of the builder does: at its time where it has one, else now."""
    step = lifecycle.schedule if campaign.timing == "at" else lifecycle.launch_now
    step(campaign=campaign, version=campaign.version, actor=actor, now=now)


class LaunchCampaignView(_StepView):
    """/v2.1/campaigns/{id}/launch"""

    step = _launch
    calls: ClassVar = {
        "POST": Call(
            "launchCampaign",
            "campaigns:write",
            "Launch a draft, or schedule it where it has a time.\n\n409 `approval_required`: so many people need a"
            " second person's yes, given in the admin. 409 `sending_stopped`: the emergency stop is on.",
            _THE_CAMPAIGN,
            refusals=(409,),
        )
    }


class PauseCampaignView(_StepView):
    """/v2.1/campaigns/{id}/pause"""

    step = lifecycle.pause
    calls: ClassVar = _step("pauseCampaign", "No new push leaves from two seconds after the answer.")


class ResumeCampaignView(_StepView):
    """/v2.1/campaigns/{id}/resume"""

    step = lifecycle.resume
    calls: ClassVar = _step("resumeCampaign", "Go on where it stopped.")


class CancelCampaignView(_StepView):
    """/v2.1/campaigns/{id}/cancel"""

    step = lifecycle.cancel
    calls: ClassVar = _step("cancelCampaign", "Stop for good; what was not sent has the outcome `cancelled`.")


def _shown(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": campaign.pk,
        "name": campaign.name,
        "state": campaign.state,
        "dispatch_id": campaign.dispatch_id,
        "scheduled_at": campaign.scheduled_at.isoformat() if campaign.scheduled_at else None,
    }


def _waterfall(counted: Waterfall) -> dict[str, Any]:
    """`planned` and `excluded` as in a report: `excluded` counts the ledger's rows, `capped_by_topic` some of them."""
    people, devices = counted.capped_by_topic
    return {
        "planned": {"people": counted.planned_people, "devices": counted.planned_devices},
        "sending": {"people": counted.sending_people, "devices": counted.sending_devices},
        "excluded": {reason: devices for reason, (_people, devices) in counted.excluded.items()},
        "capped_by_topic": {"people": people, "devices": devices},
    }
