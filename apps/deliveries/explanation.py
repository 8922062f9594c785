"""Why somebody did or did not get something: each outcome with the facts that made it, in words and as data.

The ledger has the outcome and its code. What stands behind it (which answer, which earlier campaign, which night) is
looked up here, as of the moment when it was decided. The person's page, the story of a delivery and the API read this.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.sql import rows
from apps.customers.models import Consent, Customer
from apps.customers.queries import ids_of_people
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Batch, Delivery, Dispatch, Receipt, Retry
from apps.deliveries.policy import CAPPED_KINDS, Policy
from apps.deliveries.services.moments import Moment, moment_of
from apps.deliveries.states import GATEWAY_WORDS, OUTCOME_WORDS, OUTCOMES, PLATFORM_WORDS, RECEIPT_WORDS
from apps.devices.models import Device

MOST_SPENT = 20
_COUNTED = (OUTCOMES["accepted"], OUTCOMES["unknown_outcome"])
_OPEN = ("waiting", "held", "leased")


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


@dataclass(frozen=True, slots=True)
class _Case:
    """What a reason is found from."""

    dispatch: Dispatch
    policy: Policy
    customer: Customer
    ids: Sequence[int]
    row: Delivery
    device: Device | None


def explain_dispatch(*, dispatch: Dispatch, customer: Customer, now: datetime) -> Explanation:
    """Every device of this person in this dispatch, with its reason. Cost: six queries by key, more where capped."""
    ids = ids_of_people([customer.pk])
    ledger = list(Delivery.objects.filter(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, customer_id__in=ids))
    reasons = explain_rows(rows=ledger, dispatches={dispatch.pk: dispatch}, customer=customer)
    told = {row.device_id for row in ledger}
    reasons += [one for one in _on_their_way(dispatch, ids, now) if one.device_id not in told]
    was_reached = any(one.status == "accepted" for one in reasons)
    return Explanation(dispatch, bool(reasons), was_reached, _summary(reasons, was_reached=was_reached), reasons)


def explain_rows(*, rows: Sequence[Delivery], dispatches: Mapping[int, Dispatch], customer: Customer) -> list[Reason]:
    """Each of these ledger rows of one person, in their order."""
    ids = ids_of_people([customer.pk])
    devices = Device.objects.in_bulk({row.device_id for row in rows if row.device_id})
    receipts = _receipts(rows)
    reasons = []
    for row in rows:
        dispatch = dispatches[row.dispatch_id]
        policy = Policy.from_json(dispatch.policy)
        case = _Case(dispatch, policy, customer, ids, row, devices.get(row.device_id))
        reasons.append(_reason(case, receipts.get((row.dispatch_id, row.device_id), [])))
    return reasons


def _reason(case: _Case, receipts: Sequence[tuple[str, datetime]]) -> Reason:
    row, status = case.row, OUTCOME_WORDS[case.row.outcome]
    text, facts = _WHY.get(status, _plain)(case)
    return Reason(
        delivery_id=_delivery_id(case.dispatch, row.device_id, row.variant),
        device_id=row.device_id,
        platform=PLATFORM_WORDS[row.platform],
        gateway=GATEWAY_WORDS[row.gateway],
        status=status,
        code=row.code,
        text=text,
        at=row.recorded_at,
        facts=facts,
        receipts=receipts,
    )


type _Why = tuple[str, dict[str, Any]]


def _accepted(case: _Case) -> _Why:
    facts = {"vendor_message_id": case.row.vendor_message_id, "tries": case.row.attempt}
    return _("The gateway took it."), facts


def _no_consent(case: _Case) -> _Why:
    said = _last_answer(case, "")
    if said is not None and not said.granted:
        return _("They said no to push on %(day)s.") % {"day": _day(said.at)}, {"answer": _told(said)}
    if not case.policy.topic:
        return _("They had said no to push."), {}
    topic = {"topic": case.policy.topic}
    said = _last_answer(case, case.policy.topic)
    if said is None or said.granted:
        return _("They were not in the topic %(topic)s.") % topic, topic
    text = _("They left the topic %(topic)s on %(day)s.") % {**topic, "day": _day(said.at)}
    return text, {**topic, "answer": _told(said)}


def _last_answer(case: _Case, topic: str) -> Consent | None:
    """The person's newest answer to push ("") or to a topic, when the delivery was decided."""
    answers = Consent.objects.filter(customer__in=case.ids, topic=topic, at__lte=case.row.recorded_at)
    return answers.filter(channel="push").order_by("-at", "-id").first()


def _told(said: Consent) -> dict[str, Any]:
    return {"source": said.source, "wording": said.wording, "at": said.at.isoformat()}


def _capped(case: _Case) -> _Why:
    topic = case.policy.topic if case.row.code == "topic" else ""
    if topic:
        count, days = case.policy.topic_cap_count or 0, case.policy.topic_cap_days
        text = ngettext(
            "They had already had %(count)d push about %(topic)s in %(days)d days, which is the cap of that topic.",
            "They had already had %(count)d pushes about %(topic)s in %(days)d days, which is the cap of that topic.",
            count,
        ) % {"count": count, "days": days, "topic": topic}
    else:
        count, days = case.policy.cap_count or 0, case.policy.cap_days
        text = ngettext(
            "They had already had %(count)d push in %(days)d days, which is the cap.",
            "They had already had %(count)d pushes in %(days)d days, which is the cap.",
            count,
        ) % {"count": count, "days": days}
    spent = _spent_by(case, days, topic)
    if spent:
        text += " " + _("Used up by: %(names)s.") % {"names": ", ".join(one["name"] for one in spent)}
    return text, {"cap": {"count": count, "days": days, "topic": topic}, "used_by": spent}


def _spent_by(case: _Case, days: int, topic: str) -> list[dict[str, Any]]:
    """The campaigns that counted against the cap ("" = of all topics): accepted in its days."""
    since = case.row.recorded_at - timedelta(days=days)
    theirs = Delivery.objects.filter(
        customer_id__in=case.ids,
        outcome__in=_COUNTED,
        recorded_at__gte=since,
        planned_on__gte=(since - timedelta(days=7)).date(),
    ).exclude(dispatch_id=case.dispatch.pk)
    first: dict[int, datetime] = {}
    for dispatch_id, at in theirs.order_by("recorded_at").values_list("dispatch_id", "recorded_at"):
        first.setdefault(dispatch_id, at)
    before = Dispatch.objects.filter(pk__in=first, kind__in=CAPPED_KINDS, created_at__lte=case.row.recorded_at)
    if topic:
        before = before.filter(policy__topic=topic)
    return [
        {"dispatch_id": one.pk, "name": one.name or f"#{one.pk}", "at": first[one.pk].isoformat()}
        for one in before.order_by("-created_at")[:MOST_SPENT]
    ]


def _zone(case: _Case) -> str:
    return case.customer.time_zone or (case.device.time_zone if case.device else "") or case.policy.default_time_zone


def _moment(case: _Case) -> Moment:
    """As it was planned; where everybody has an hour of their own, for those who have none."""
    begun, ends = case.dispatch.created_at, case.dispatch.expires_at
    return moment_of(policy=case.policy, zone=_zone(case), begins_at=begun, expires_at=ends)


def _quiet(case: _Case) -> _Why:
    moment = _moment(case)
    told = {"from": case.policy.quiet_from, "until": case.policy.quiet_until, "time_zone": _zone(case)}
    facts = {
        "quiet_hours": {**told, "ends_at": moment.opens_at.isoformat()},
        "expires_at": moment.expires_at.isoformat(),
    }
    text = _("Quiet hours (%(from)s to %(until)s in %(time_zone)s) would have outlasted the message.")
    return text % told, facts


def _missed_hour(case: _Case) -> _Why:
    wall, launched_at = case.policy.wall, case.dispatch.created_at
    told = {"local": date_format(wall, "j M Y, H:i") if wall else "", "zone": _zone(case), "day": _day(launched_at)}
    facts = {"local_at": case.policy.local_at, "time_zone": _zone(case), "launched_at": launched_at.isoformat()}
    if case.policy.by_habit:
        return _("Their usual hour of that day (%(zone)s) had passed when it was launched, on %(day)s.") % told, facts
    return _("%(local)s on their clock (%(zone)s) had passed when it was launched, on %(day)s.") % told, facts


def _holdout(case: _Case) -> _Why:
    found = rows("deliveries", "explain_draw", {"salt": case.policy.salt, "customer_id": case.row.customer_id})
    share = case.policy.holdout_percent
    facts = {"holdout_percent": share, "drawn": round(float(found[0][0]), 3)}
    text = _("Drawn into the hold-out of %(share)g %%: kept without a message, for comparison.")
    return text % {"share": share}, facts


def _no_live_device(case: _Case) -> _Why:
    devices = list(Device.objects.filter(customer__in=case.ids, created_at__lte=case.row.recorded_at).order_by("id"))
    facts = {
        "devices": [
            {
                "device_id": one.pk,
                "platform": one.platform,
                "state": one.state,
                "why": one.retired_reason,
                "since": one.retired_at.isoformat() if one.retired_at else None,
            }
            for one in devices
        ]
    }
    if not devices:
        return _("They had no device with the app."), facts
    if any(one.state in ("active", "stale") for one in devices):
        return _("None of their devices fitted then: of another platform, or gone at the time."), facts
    return _("All their devices were gone: the app was removed, or push was switched off."), facts


def _gateway_refused(case: _Case) -> _Why:
    facts = {"tries": case.row.attempt, "gateway_answer": case.row.code}
    code = {"code": case.row.code or "–"}
    if OUTCOME_WORDS[case.row.outcome] == "token_dead":
        return _("The gateway answered that the app is gone from this device (%(code)s).") % code, facts
    return _("The text could not be made for this person, or the gateway refused it (%(code)s).") % code, facts


def _gave_up(case: _Case) -> _Why:
    text = _("The gateway could not be reached in %(tries)d tries (%(code)s).")
    told = {"tries": case.row.attempt, "code": case.row.code or "–"}
    return text % told, {"tries": case.row.attempt, "gateway_answer": case.row.code}


def _expired(case: _Case) -> _Why:
    is_local = case.policy.wall is not None
    at = min(_moment(case).expires_at, case.row.recorded_at) if is_local else case.dispatch.expires_at
    text = _("It was not sent before it expired, on %(day)s.") % {"day": _day(at)}
    return text, {"expires_at": at.isoformat(), "tries": case.row.attempt}


def _cancelled(case: _Case) -> _Why:
    return _("The dispatch was stopped before this was sent."), {"reason": case.dispatch.reason}


def _moved(case: _Case) -> _Why:
    return _("Somebody else logged in on this device before it was sent."), {}


def _duplicate(case: _Case) -> _Why:
    if case.row.code != "merged":
        return _("The same device is sent to once."), {}
    return _("Two records of this person became one meanwhile; the other one counts here."), {"merged": True}


def _stale(case: _Case) -> _Why:
    seen = case.device.last_seen_at if case.device else None
    facts = {"last_seen_at": seen.isoformat() if seen else None}
    return _("The app had not been opened on this device for long, and this dispatch leaves such devices out."), facts


def _plain(case: _Case) -> _Why:
    words = {
        "unknown_outcome": _("No answer came back: it may have arrived."),
        "excluded:erased": _("They had asked to be forgotten."),
        "excluded:left_segment": _("They were no longer in the audience when it was their turn."),
    }
    return words.get(OUTCOME_WORDS[case.row.outcome], ""), {}


_WHY: Mapping[str, Callable[[_Case], _Why]] = {
    "accepted": _accepted,
    "token_dead": _gateway_refused,
    "message_bad": _gateway_refused,
    "gave_up": _gave_up,
    "expired": _expired,
    "cancelled": _cancelled,
    "excluded:no_consent": _no_consent,
    "excluded:no_live_device": _no_live_device,
    "excluded:capped": _capped,
    "excluded:quiet_hours_past_expiry": _quiet,
    "excluded:missed_hour": _missed_hour,
    "excluded:holdout": _holdout,
    "excluded:duplicate_device": _duplicate,
    "excluded:moved": _moved,
    "excluded:stale": _stale,
}


def _on_their_way(dispatch: Dispatch, ids: Sequence[int], now: datetime) -> list[Reason]:
    """Devices that have no outcome yet: in the plan, or waiting for another try."""
    found = []
    waiting = Batch.objects.filter(dispatch=dispatch, state__in=_OPEN, customer_ids__overlap=list(ids))
    for batch in waiting:
        for device_id, customer_id, variant in zip(batch.device_ids, batch.customer_ids, batch.variants, strict=True):
            if customer_id in ids:
                found.append(_queued(dispatch, device_id, variant, batch.gateway, *_waits_for(dispatch, batch, now)))
    for retry in Retry.objects.filter(Q(dispatch=dispatch) & Q(customer_id__in=ids)):
        facts = {"retry_at": retry.due_at.isoformat(), "tries": retry.tries, "gateway_answer": retry.reason}
        text = _("The last try failed (%(code)s); it is tried again.") % {"code": retry.reason}
        found.append(_queued(dispatch, retry.device_id, retry.variant, retry.gateway, text, facts))
    return found


def _waits_for(dispatch: Dispatch, batch: Batch, now: datetime) -> _Why:
    facts = {"state": dispatch.state, "release_at": batch.release_at.isoformat()}
    if dispatch.state == "paused":
        return _("The dispatch is paused."), {**facts, "reason": dispatch.reason}
    if batch.state == "held":
        return _("It waits for a decision: which variant is better, or whether the first ones went well."), facts
    if batch.release_at > now:
        return _("It is sent on %(day)s: quiet hours, or the plan, say so.") % {"day": _day(batch.release_at)}, facts
    return _("It is on its way."), facts


def _queued(
    dispatch: Dispatch, device_id: int, variant: int, gateway: int, text: str, facts: Mapping[str, Any]
) -> Reason:
    device = Device.objects.filter(pk=device_id).first()
    return Reason(
        delivery_id=_delivery_id(dispatch, device_id, variant),
        device_id=device_id,
        platform=device.platform if device else "",
        gateway=GATEWAY_WORDS[gateway],
        status="queued",
        code="",
        text=text,
        at=None,
        facts=facts,
    )


def _delivery_id(dispatch: Dispatch, device_id: int, variant: int) -> str:
    day = dispatch.planned_on
    return make_delivery_id(planned_on=day, dispatch_id=dispatch.pk, device_id=device_id, variant=variant)


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


def _day(at: datetime) -> str:
    return _("%s UTC") % date_format(at.astimezone(UTC), "j M Y, H:i")
