"""Why a person was, or was not, in a campaign's audience when it was planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.campaigns.models import Campaign
from apps.core.problems import InvalidInput
from apps.customers.models import Customer
from apps.deliveries.models import Dispatch
from apps.segments.models import Segment
from apps.segments.queries import was_member
from apps.segments.rules.clauses import Clause
from apps.segments.services.explanation import explain_member


@dataclass(frozen=True, slots=True)
class AudiencePart:
    """One segment of a campaign. is_excluded: "but not to". was_in: when it was planned.

    clause: what the rule says of the person now, None for a list, or where the rule does not hold any more.
    """

    segment: Segment
    is_excluded: bool
    was_in: bool
    clause: Clause | None


def explain_audience(*, dispatch: Dispatch, customer: Customer, now: datetime) -> Sequence[AudiencePart]:
    """The segments of the dispatch's campaign, those that decided; empty where it was no campaign."""
    campaign = Campaign.objects.filter(dispatch=dispatch).first()
    if campaign is None:
        return []
    parts = [(one, False) for one in campaign.include_segments.all()]
    parts += [(one, True) for one in campaign.exclude_segments.all()]
    return [_part(one, is_excluded, dispatch, customer, now) for one, is_excluded in parts]


def _part(segment: Segment, is_excluded: bool, dispatch: Dispatch, customer: Customer, now: datetime) -> AudiencePart:
    was_in = was_member(segment=segment, customer=customer, at=dispatch.created_at)
    return AudiencePart(segment, is_excluded, was_in, _clause(segment, customer, now))


def _clause(segment: Segment, customer: Customer, now: datetime) -> Clause | None:
    if segment.kind != "dynamic":
        return None
    try:
        return explain_member(rule=segment.rule, app=customer.app, customer=customer, now=now)
    except InvalidInput:
        return None
