"""Questions about booster SMS."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.campaigns.models import Campaign
from apps.core.sql import Compiled, rows
from apps.sms_booster.models import BoostRule, Fallback, SmsMessage
from apps.sms_booster.sms_words import sms_text, waits_for_answers

_HANDED_OVER = ("accepted", "delivered", "undelivered", "unknown")


@dataclass(frozen=True, slots=True)
class BoosterReport:
    """What became of a campaign's booster, in people (one SMS each).

    chosen: those who did not open and may get an SMS (unopened.sql), before the limit; sent: handed to the provider,
    `unknown` ones included; waiting: planned or under way. parts, cost: of what was sent. opened_after:
    who opened the push after their SMS; clicked: who followed the SMS's own link, where its rule counts that.
    left_out: the campaign's other people, by the reason why they were not chosen; null where nobody knows, people with
    it. spared_why: `spared` by code. So people = chosen + all of left_out, and chosen is the sum of waiting, sent,
    failed, spared and over_budget.
    """

    is_enabled: bool
    chosen_at: str | None
    chosen: int
    waiting: int
    sent: int
    delivered: int
    undelivered: int
    unknown: int
    failed: int
    spared: int
    over_budget: int
    parts: int
    cost: Decimal
    opened_after: int
    counts_clicks: bool
    clicked: int
    people: int | None
    left_out: Mapping[str, int] | None
    spared_why: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "cost": str(self.cost)}


def booster_report(campaign: Campaign) -> BoosterReport:
    """The booster's figures; all zero where the campaign has no rule. Cost: two queries by dispatch."""
    rule = BoostRule.objects.filter(campaign=campaign).first()
    found = SmsMessage.objects.filter(dispatch_id=campaign.dispatch_id or 0).values_list("state", "code")
    people, spared_why, parts = Counter[str](), Counter[str](), 0
    for state, code, count, size in found.annotate(Count("id"), Sum("parts")):
        people[state] += count
        spared_why.update({code: count} if state == "spared" else {})
        parts += size if state in _HANDED_OVER else 0
    left_out = rule.left_out if rule else None
    return BoosterReport(
        is_enabled=bool(rule and rule.is_enabled),
        chosen_at=rule.chosen_at.isoformat() if rule and rule.chosen_at else None,
        chosen=people.total(),
        waiting=people["planned"] + people["sending"],
        sent=sum(people[state] for state in _HANDED_OVER),
        delivered=people["delivered"],
        undelivered=people["undelivered"],
        unknown=people["unknown"],
        failed=people["failed"],
        spared=people["spared"],
        over_budget=people["over_budget"],
        parts=parts,
        cost=parts * rule.price_per_part if rule else Decimal(0),
        opened_after=_opened_after(campaign) if people else 0,
        counts_clicks=bool(rule and rule.counts_clicks),
        clicked=_clicked(campaign) if rule and rule.counts_clicks else 0,
        people=None if left_out is None else people.total() + sum(left_out.values()),
        left_out=left_out,
        spared_why=dict(spared_why),  # asdict cannot copy a Counter
    )


def fallback_state(dispatch_id: int) -> dict[str, Any] | None:
    """What became of the SMS after a push, as the API shows it; None where none was asked for. Cost: two queries."""
    fallback = Fallback.objects.filter(dispatch=dispatch_id).first()
    if fallback is None:
        return None
    messages = SmsMessage.objects.filter(fallback=fallback).select_related("customer").order_by("id")
    return {
        "state": fallback.state,
        "due_at": fallback.due_at.isoformat(),
        "reason": _said_of(fallback, len(messages)),
        "messages": [
            {
                "customer": message.customer.external_id,
                "status": message.state,
                "code": message.code or None,
                "reason": sms_text(message),
                "at": (message.settled_at or message.sending_at or message.planned_at).isoformat(),
            }
            for message in messages
        ],
    }


def _said_of(fallback: Fallback, unanswered: int) -> str:
    """What the whole of it waits for, or how many it was for."""
    if fallback.state == "cancelled":
        return _("The push was cancelled, so no SMS follows it.")
    if fallback.state == "waiting":
        return waits_for_answers(fallback.due_at)
    people = len(fallback.customer_ids)
    return ngettext(
        "It was for %(people)d person, of whom %(unanswered)d had not answered in time.",
        "It was for %(people)d people, of whom %(unanswered)d had not answered in time.",
        people,
    ) % {"unanswered": unanswered, "people": people}


def sms_columns(dispatch_id: int) -> Compiled:
    """customer_id, sms_state, sms_parts of a dispatch's SMS: the columns of the deliveries CSV."""
    return Compiled(
        "select customer_id, state as sms_state, parts as sms_parts from sms_booster_smsmessage"
        " where dispatch_id = %(sms_dispatch_id)s",
        {"sms_dispatch_id": dispatch_id},
    )


def openers(*, dispatch_id: int, customer_ids: list[int]) -> set[int]:
    """Which of these people opened or tapped a push of the dispatch, on any device."""
    found = rows("sms_booster", "openers", {"dispatch_id": dispatch_id, "customer_ids": customer_ids})
    return {customer_id for (customer_id,) in found}


def _clicked(campaign: Campaign) -> int:
    return SmsMessage.objects.filter(dispatch_id=campaign.dispatch_id or 0, clicked_at__isnull=False).count()


def _opened_after(campaign: Campaign) -> int:
    ((count,),) = rows("sms_booster", "opened_after", {"dispatch_id": campaign.dispatch_id})
    return int(count)
