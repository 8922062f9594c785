"""Explain: why a person did or did not get something."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import FLAG, NULLABLE_TEXT, NULLABLE_TIME, NUMBER, TEXT, TIME, Answer, Call, list_of, record
from apps.api.query import whole
from apps.api.refusals import refuse_fields
from apps.api.views.customers import NAME_AS_PARAMETER, customer_of
from apps.api.webhooks.told import STATES, Told, told_of
from apps.campaigns.services.explanation import AudiencePart, explain_audience
from apps.core.problems import FieldProblem
from apps.customers.queries import ids_of_people
from apps.deliveries.explanation import Explanation, Reason, explain_dispatch
from apps.deliveries.models import Dispatch
from apps.segments.rules.clauses import Clause
from apps.sms_booster.sms_story import sms_story

_DELIVERY = record(
    {
        "delivery_id": TEXT,
        "device_id": NUMBER,
        "platform": TEXT,
        "gateway": TEXT,
        "status": TEXT,
        "code": TEXT,
        "reason": TEXT,
        "at": NULLABLE_TIME,
        "facts": {"type": "object"},
        "receipts": list_of(record({"type": TEXT, "at": TIME})),
        "webhooks": list_of(
            record({"webhook_id": NUMBER, "type": TEXT, "state": {"type": "string", "enum": list(STATES)}})
        ),
    }
)
_AUDIENCE = record(
    {
        "segment_id": NUMBER,
        "name": TEXT,
        "is_excluded": FLAG,
        "was_in": FLAG,
        "rule_now": {"type": ["object", "null"]},
    }
)
_SMS = {
    **record({"state": TEXT, "code": NULLABLE_TEXT, "reason": TEXT, "at": NULLABLE_TIME}),
    "type": ["object", "null"],
}
_EXPLANATION = record(
    {
        "external_id": TEXT,
        "dispatch_id": NUMBER,
        "name": TEXT,
        "kind": TEXT,
        "planned_at": TIME,
        "was_planned": FLAG,
        "was_reached": FLAG,
        "reason": TEXT,
        "deliveries": list_of(_DELIVERY),
        "sms": _SMS,
        "audience": list_of(_AUDIENCE),
    }
)


class ExplainCustomerView(ApiView):
    """/v2.1/customers/{external_id}/explain"""

    hint = NAME_AS_PARAMETER
    text_in_path: ClassVar = ("external_id",)
    calls: ClassVar = {
        "GET": Call(
            "explainCustomer",
            "customers:read",
            "Why this person did or did not get a dispatch.\n\n`deliveries` has one entry a device (0: none): the"
            " reason in words and its `facts`: the answer that refused, the campaigns that used up the cap, the"
            " quiet hours, the draw of the hold-out, what the gateway said. Its `webhooks` are the events that your"
            " webhooks are told: `taken`, `waiting` (under way, or tried again), `given_up` (not taken in three days)"
            " or `to_come`. `audience` has the segments of a campaign: whether the person was in them when it was"
            " planned, and clause by clause what the rule says now. `sms` is what became of the SMS behind the push"
            " (`fallback_sms`, or a campaign's booster): its `state`, or `waiting` (`at`: until when), `not_needed` or"
            " `cancelled`; null where none stands behind it.",
            {200: Answer("The reasons", _EXPLANATION)},
            parameters={"dispatch": whole("the dispatch's id, required", low=1, high=2**63 - 1)},
        )
    }

    def get(self, request: Request, external_id: str) -> HttpResponse:
        customer, now = customer_of(self.caller.app, external_id), timezone.now()
        if "dispatch" not in self.parameters:
            raise refuse_fields([FieldProblem("?dispatch", "required", _("must name the dispatch to be explained"))])
        dispatch = get_object_or_404(Dispatch, app=self.caller.app, pk=self.parameters["dispatch"])
        told = explain_dispatch(dispatch=dispatch, customer=customer, now=now)
        audience = explain_audience(dispatch=dispatch, customer=customer, now=now)
        ids, devices = ids_of_people([customer.pk]), {one.device_id for one in told.reasons}
        webhooks = told_of(dispatch=dispatch, customer_ids=ids, device_ids=devices, now=now)
        sms = sms_story(dispatch=dispatch, customer=customer)
        return json_response(
            {
                **_shown(customer.external_id or "", told),
                "deliveries": [_delivery(one, webhooks[one.device_id]) for one in told.reasons],
                "sms": sms.as_json() if sms else None,
                "audience": [_audience_part(one) for one in audience],
            }
        )


def _shown(external_id: str, told: Explanation) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "dispatch_id": told.dispatch.pk,
        "name": told.dispatch.name,
        "kind": told.dispatch.kind,
        "planned_at": told.dispatch.created_at.isoformat(),
        "was_planned": told.was_planned,
        "was_reached": told.was_reached,
        "reason": told.text,
    }


def _delivery(one: Reason, webhooks: Sequence[Told]) -> dict[str, Any]:
    return {
        "delivery_id": one.delivery_id,
        "device_id": one.device_id,
        "platform": one.platform,
        "gateway": one.gateway,
        "status": one.status,
        "code": one.code,
        "reason": one.text,
        "at": one.at.isoformat() if one.at else None,
        "facts": dict(one.facts),
        "receipts": [{"type": word, "at": at.isoformat()} for word, at in one.receipts],
        "webhooks": [{"webhook_id": each.endpoint.pk, "type": each.type, "state": each.state} for each in webhooks],
    }


def _audience_part(one: AudiencePart) -> dict[str, Any]:
    return {
        "segment_id": one.segment.pk,
        "name": one.segment.name,
        "is_excluded": one.is_excluded,
        "was_in": one.was_in,
        "rule_now": _clause(one.clause) if one.clause else None,
    }


def _clause(one: Clause) -> dict[str, Any]:
    told = {"text": one.text, "verdict": one.verdict, "fact": one.fact, "change": one.change, "match": one.match}
    return {**told, "clauses": [_clause(child) for child in one.children]}
