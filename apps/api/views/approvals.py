"""Approvals of a campaign: asked for, read and withdrawn by machines. The yes is a person's, given in the admin."""

from typing import Any, ClassVar

from django.http import Http404, HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import json_response
from apps.api.calls import NULLABLE_TIME, NUMBER, TEXT, TIME, Answer, Call, record
from apps.api.shapes import Record, Text
from apps.api.views.campaigns import CampaignView
from apps.campaigns.models import Approval, Campaign
from apps.campaigns.services import approvals
from apps.campaigns.states import APPROVAL_STATES
from apps.core.states import repeatable

_APPROVAL = record(
    {
        "campaign_id": NUMBER,
        "state": {"type": "string", "enum": APPROVAL_STATES.words},
        "people": NUMBER,
        "fingerprint": TEXT,
        "note": TEXT,
        "requested_by": TEXT,
        "requested_at": TIME,
        "expires_at": TIME,
        "decided_by": TEXT,
        "decided_at": NULLABLE_TIME,
        "comment": TEXT,
        "ended_reason": TEXT,
    }
)
_THE_APPROVAL = Answer("The approval", _APPROVAL)
_QUESTION = Record({"note": Text(most=500, lines=True, about="A word to who approves it.")})


class CampaignApprovalView(CampaignView):
    """/v2.1/campaigns/{id}/approval"""

    calls: ClassVar = {
        "GET": Call(
            "readCampaignApproval",
            "campaigns:read",
            "The latest question for a second person's yes, and what became of it; 404 where nobody ever asked.",
            {200: _THE_APPROVAL},
        ),
        "POST": Call(
            "askForCampaignApproval",
            "campaigns:write",
            "Ask a second person: freezes content, audience definition, policy and the count of a draft.\n\nAn approver"
            " or an owner answers in the admin; a yes launches it, or schedules it where it has a time. 200: it was"
            " asked for already, and stays as it is.",
            {200: _THE_APPROVAL, 201: _THE_APPROVAL},
            body=_QUESTION,
            refusals=(409,),
        ),
        "DELETE": Call(
            "withdrawCampaignApproval",
            "campaigns:write",
            "Withdraw the question before anybody answered: the campaign is a draft again.",
            {200: _THE_APPROVAL},
            refusals=(409,),
        ),
    }

    def get(self, request: Request, campaign_id: int) -> HttpResponse:
        return json_response(self._latest(campaign_id))

    def post(self, request: Request, campaign_id: int) -> HttpResponse:
        campaign, note = self.campaign(campaign_id), self.body().get("note", "")
        actor, now = self.caller.actor, timezone.now()
        asked = _ids(campaign)
        ask = repeatable(approvals.request_approval)
        ask(campaign=campaign, version=campaign.version, actor=actor, note=note, now=now)
        return json_response(self._latest(campaign_id), status=200 if _ids(campaign) == asked else 201)

    def delete(self, request: Request, campaign_id: int) -> HttpResponse:
        repeatable(approvals.withdraw)(campaign=self.campaign(campaign_id), actor=self.caller.actor, now=timezone.now())
        return json_response(self._latest(campaign_id))

    def _latest(self, campaign_id: int) -> dict[str, Any]:
        approval = Approval.objects.filter(campaign=self.campaign(campaign_id)).order_by("-id").first()
        if approval is None:
            raise Http404
        return _shown(approval)


def _ids(campaign: Campaign) -> set[int]:
    return set(Approval.objects.filter(campaign=campaign).values_list("pk", flat=True))


def _shown(approval: Approval) -> dict[str, Any]:
    return {
        "campaign_id": approval.campaign_id,
        "state": approval.state,
        "people": approval.people,
        "fingerprint": approval.fingerprint,
        "note": approval.note,
        "requested_by": approval.requested_name,
        "requested_at": approval.requested_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
        "decided_by": approval.decided_name,
        "decided_at": approval.decided_at.isoformat() if approval.decided_at else None,
        "comment": approval.comment,
        "ended_reason": approval.ended_reason,
    }
