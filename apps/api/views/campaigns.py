"""Campaigns: read, launch, trigger, pause, resume, cancel, simulate."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import FLAG, NULLABLE_TIME, NUMBER, TEXT, Answer, Call, listing, record
from apps.api.paging import each, page_response
from apps.api.query import PAGE, choice
from apps.api.services.idempotency import read_key
from apps.api.services.triggers import ACCEPTED, accept_trigger
from apps.api.trigger_request import ANSWER, STORED_TRIGGER, TRIGGER, stored_trigger, trigger_answer
from apps.api.views.reports import REPORT, SIMULATION, with_pace
from apps.campaigns.models import Campaign, SegmentTrigger
from apps.campaigns.queries import campaign_report, campaigns_of
from apps.campaigns.services import lifecycle
from apps.campaigns.services.large_triggers import is_large
from apps.campaigns.services.simulate import simulate_campaign
from apps.campaigns.states import CAMPAIGN_STATES
from apps.core.problems import Conflict
from apps.core.states import repeatable
from apps.deliveries.services.freeze import Release, Waterfall
from apps.deliveries.services.moments import ANY_HOUR
from apps.deliveries.states import OUTCOME_WORDS
from apps.segments.models import Segment
from apps.segments.services.refresh import refresh_segment

_CAMPAIGN = record(
    {
        "id": NUMBER,
        "name": TEXT,
        "state": {"type": "string", "enum": CAMPAIGN_STATES.words},
        "timing": {"type": "string", "enum": [word for word, _label in Campaign.TIMINGS]},
        "is_paused": FLAG,
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
            "Who would get it now, and who not, and why.\n\nThe real planner, rolled back: it says what will happen."
            " `releases`: when, zone by zone (`hour`: the usual hour of its people, where the campaign goes by that);"
            " `excluded` names the reason where all of a zone are left out, as in a night that outlasts the push.",
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
    """As the button of the builder does: now, or at its time or times, or when it is triggered."""
    step = lifecycle.launch_now if campaign.timing == "now" else lifecycle.schedule
    step(campaign=campaign, version=campaign.version, actor=actor, now=now)


class LaunchCampaignView(_StepView):
    """/v2.1/campaigns/{id}/launch"""

    step = _launch
    calls: ClassVar = {
        "POST": Call(
            "launchCampaign",
            "campaigns:write",
            "Launch a draft, or schedule it where it has a time.\n\n409 `approval_required`: so many people need a"
            " second person's yes: ask for it with `approval`. 409 `sending_stopped`: the emergency stop is on. 409"
            " `launch_delayed`: it is scheduled, an error undid its launch, and it is tried again by itself.",
            _THE_CAMPAIGN,
            refusals=(409,),
        )
    }


class PauseCampaignView(_StepView):
    """/v2.1/campaigns/{id}/pause"""

    step = repeatable(lifecycle.pause)
    calls: ClassVar = _step("pauseCampaign", "No new push leaves from two seconds after the answer.")


class ResumeCampaignView(_StepView):
    """/v2.1/campaigns/{id}/resume"""

    step = repeatable(lifecycle.resume)
    calls: ClassVar = _step("resumeCampaign", "Go on where it stopped.")


class CancelCampaignView(_StepView):
    """/v2.1/campaigns/{id}/cancel"""

    step = repeatable(lifecycle.cancel)
    calls: ClassVar = _step("cancelCampaign", "Stop for good; what was not sent has the outcome `cancelled`.")


class TriggerCampaignView(CampaignView):
    """/v2.1/campaigns/{id}/trigger"""

    calls: ClassVar = {
        "POST": Call(
            "triggerCampaign",
            "campaigns:trigger",
            "Send an active campaign, whose time is “when the API asks”, to these people.\n\nThe campaign's own rules"
            " hold: frequency cap, quiet hours, topic, hold-out. 202 means that it is stored; every named customer has"
            " a verdict in `data`: `queued`, `unknown_customer`, `duplicate`, `excluded_segment`, or the reason of the"
            " exclusion as in reports. The members of a segment are computed afresh; they are counted, not listed. A"
            " segment of more than 10,000 is planned right after the answer, which then has a `trigger_id` instead of"
            " counts: ask for them with `readCampaignTrigger`."
            " 409 `campaign_inactive`: nobody has activated it; `campaign_paused`; `not_by_api`; `approval_required`:"
            " more people than may be sent to without a second person's yes. A test key reaches no phone, and counts in"
            " no report.",
            {202: Answer("Accepted", ANSWER)},
            body=TRIGGER,
            headers={
                "Idempotency-Key": "1-255 ASCII characters (others only in the field `idempotency_key`), kept for 30"
                " days: the same request twice is one trigger."
            },
            refusals=(409, 413, 422),
        )
    }

    def post(self, request: Request, campaign_id: int) -> HttpResponse:
        campaign, body = self.campaign(campaign_id), self.raw_object()
        app, is_test, now = self.caller.app, self.caller.is_test, timezone.now()
        named = {**body, "campaign_id": campaign_id}
        key = read_key(app=app, is_test=is_test, header=request.headers.get("Idempotency-Key"), body=named)
        _compute(campaign, body.get("segment"), now)
        accepted = accept_trigger(campaign=campaign, is_test=is_test, body=body, key=key, now=now)
        replayed = {"Idempotency-Replayed": "true"} if accepted.is_replay else None
        return json_response(trigger_answer(body, campaign_id, accepted.stored), ACCEPTED, replayed)


class OneTriggerView(CampaignView):
    """/v2.1/campaigns/{id}/triggers/{id}"""

    calls: ClassVar = {
        "GET": Call(
            "readCampaignTrigger",
            "campaigns:trigger",
            "What became of a trigger by a large segment: `waiting`, `planned` (with its counts) or `refused`, and why."
            "\n\nA pause of the campaign holds it; one that is still held when its pushes expire is refused.",
            {200: Answer("The trigger", STORED_TRIGGER)},
        )
    }

    def get(self, request: Request, campaign_id: int, trigger_id: int) -> HttpResponse:
        found = SegmentTrigger.objects.select_related("dispatch").filter(is_test=self.caller.is_test)
        stored = get_object_or_404(found, campaign=self.campaign(campaign_id), pk=trigger_id)
        return json_response(stored_trigger(stored))


def _compute(campaign: Campaign, segment_id: Any, now: datetime) -> None:
    """Members as of now, where the trigger names a rule; whoever is computing them already does it as well.

    Those of a large segment are computed when it is planned.
    """
    if type(segment_id) is int and 0 < segment_id < 2**63:
        for segment in Segment.objects.filter(app=campaign.app_id, pk=segment_id, kind="dynamic"):
            if not is_large(segment):
                with suppress(Conflict):
                    refresh_segment(segment_id=segment.pk, now=now)


def _shown(campaign: Campaign) -> dict[str, Any]:
    # One that goes out once is paused by its dispatch; one that goes out again and again by itself, too.
    stopped = campaign.dispatch is not None and campaign.dispatch.state == "paused"
    return {
        "id": campaign.pk,
        "name": campaign.name,
        "state": campaign.state,
        "timing": campaign.timing,
        "is_paused": stopped or campaign.paused_at is not None,
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
        "releases": [_release(one) for one in sorted(counted.releases, key=lambda one: one.moment.opens_at)],
    }


def _release(found: Release) -> dict[str, Any]:
    reason = found.moment.reason
    return {
        "at": found.moment.opens_at.isoformat(),
        "time_zone": found.time_zone,
        "hour": None if found.hour == ANY_HOUR else found.hour,
        "devices": found.devices,
        "excluded": OUTCOME_WORDS[reason].removeprefix("excluded:") if reason else None,
    }
