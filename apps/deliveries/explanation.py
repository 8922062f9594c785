"""Why somebody did or did not get something: each of their devices with its outcome, or what it waits for.

What stands behind an outcome is `why`'s. The person's page, the story of a delivery and the API read this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.customers.models import Customer
from apps.customers.queries import ids_of_people
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Delivery, Dispatch, Receipt
from apps.deliveries.on_their_way import OnItsWay, on_their_way
from apps.deliveries.policy import Policy
from apps.deliveries.states import GATEWAY_WORDS, OUTCOME_WORDS, PLATFORM_WORDS, RECEIPT_WORDS
from apps.deliveries.why import Case, Decision, Why, day_told, why_of
from apps.devices.models import Device


@dataclass(frozen=True, slots=True)
class Reason:
    """One device of one dispatch (device_id 0: the person has none). status: an outcome, or "queued".

    text: why, in one or two sentences. facts: the same as data, JSON values. at: when it was decided.
    """

    delivery_id: str
    device_id: int
    platform: str
    gateway: str
    status: str
    code: str
    text: str
    at: datetime | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    receipts: Sequence[tuple[str, datetime]] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A person and a dispatch. was_planned: False = not in its audience, then `reasons` is empty."""

    dispatch: Dispatch
    was_planned: bool
    was_reached: bool
    text: str
    reasons: Sequence[Reason]


def explain_dispatch(*, dispatch: Dispatch, customer: Customer, now: datetime) -> Explanation:
    """Every device of this person in this dispatch, with its reason.

    Cost: five queries by key, a few more where the outcome has a story of its own; however many devices there are.
    """
    ids = ids_of_people([customer.pk])
    waiting = on_their_way(dispatch_ids=[dispatch.pk], people=ids)
    ledger = list(Delivery.objects.filter(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, customer_id__in=ids))
    reasons = explain_rows(rows=ledger, dispatches={dispatch.pk: dispatch}, customer=customer)
    told = {row.device_id for row in ledger}
    reasons += _queued(dispatch, [one for one in waiting if one.device_id not in told], now)
    was_reached = any(one.status == "accepted" for one in reasons)
    return Explanation(dispatch, bool(reasons), was_reached, _summary(reasons, was_reached=was_reached), reasons)


def explain_rows(*, rows: Sequence[Delivery], dispatches: Mapping[int, Dispatch], customer: Customer) -> list[Reason]:
    """Each of these ledger rows of one person, in their order."""
    ids = ids_of_people([customer.pk])
    devices = Device.objects.in_bulk({row.device_id for row in rows if row.device_id})
    receipts = _receipts(rows)
    known: dict[Decision, Why] = {}
    reasons = []
    for row in rows:
        dispatch = dispatches[row.dispatch_id]
        policy = Policy.from_json(dispatch.policy)
        case = Case(dispatch, policy, customer, ids, row, devices.get(row.device_id))
        reasons.append(_reason(case, why_of(case, known), receipts.get((row.dispatch_id, row.device_id), [])))
    return reasons


def _reason(case: Case, why: Why, receipts: Sequence[tuple[str, datetime]]) -> Reason:
    row, (text, facts) = case.row, why
    return Reason(
        delivery_id=_delivery_id(case.dispatch, row),
        device_id=row.device_id,
        platform=PLATFORM_WORDS[row.platform],
        gateway=GATEWAY_WORDS[row.gateway],
        status=OUTCOME_WORDS[row.outcome],
        code=row.code,
        text=text,
        at=row.recorded_at,
        facts=facts,
        receipts=receipts,
    )


def _queued(dispatch: Dispatch, waiting: Sequence[OnItsWay], now: datetime) -> list[Reason]:
    """Devices that have no outcome yet: in the plan, or waiting for another try."""
    platforms = dict(Device.objects.filter(pk__in=[one.device_id for one in waiting]).values_list("pk", "platform"))
    reasons = []
    for one in waiting:
        text, facts = _waits_for(dispatch, one, now)
        reasons.append(
            Reason(
                delivery_id=_delivery_id(dispatch, one),
                device_id=one.device_id,
                platform=platforms.get(one.device_id, ""),
                gateway=GATEWAY_WORDS[one.gateway],
                status="queued",
                code="",
                text=text,
                at=None,
                facts=facts,
            )
        )
    return reasons


def _waits_for(dispatch: Dispatch, one: OnItsWay, now: datetime) -> Why:
    if one.retry_at is not None:
        facts = {"retry_at": one.retry_at.isoformat(), "tries": one.tries, "gateway_answer": one.reason}
        return _("The last try failed (%(code)s); it is tried again.") % {"code": one.reason}, facts
    assert one.release_at is not None, "it is in a batch, or in Retry"  # noqa: S101
    facts = {"state": dispatch.state, "release_at": one.release_at.isoformat()}
    if dispatch.state == "paused":
        return _("The dispatch is paused."), {**facts, "reason": dispatch.reason}
    if one.state == "held":
        return _("It waits for a decision: which variant is better, or whether the first ones went well."), facts
    if one.release_at > now:
        day = {"day": day_told(one.release_at)}
        return _("It is sent on %(day)s: quiet hours, or the plan, say so.") % day, facts
    return _("It is on its way."), facts


def _delivery_id(dispatch: Dispatch, one: Delivery | OnItsWay) -> str:
    return make_delivery_id(
        planned_on=dispatch.planned_on,
        dispatch_id=dispatch.pk,
        device_id=one.device_id,
        variant=one.variant,
        customer_id=one.customer_id,
    )


def _summary(reasons: Sequence[Reason], *, was_reached: bool) -> str:
    if was_reached:
        return _("They got it.")
    if not reasons:
        return _("They were not in its audience when it was planned.")
    if any(one.status == "queued" for one in reasons):
        return _("They have not got it yet.")
    if any(one.status == "unknown_outcome" for one in reasons):
        return _("It is not known whether they got it.")
    return _("They did not get it.") + " " + reasons[0].text


def _receipts(found: Sequence[Delivery]) -> dict[tuple[int, int], list[tuple[str, datetime]]]:
    """{(dispatch, device): [(word, at)]} of these rows."""
    devices = {row.device_id for row in found if row.device_id}
    theirs = Receipt.objects.filter(
        planned_on__in={row.planned_on for row in found},
        dispatch_id__in={row.dispatch_id for row in found},
        device_id__in=devices,
    )
    told: dict[tuple[int, int], list[tuple[str, datetime]]] = {}
    for one in theirs.order_by("at", "type"):
        told.setdefault((one.dispatch_id, one.device_id), []).append((RECEIPT_WORDS[one.type], one.at))
    return told
