"""Why a delivery ended as it did: each outcome in words and as data, as of the moment when it was decided.

The ledger has the outcome and its code. What stands behind it (which answer, which earlier campaign, which night) is
looked up here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.sql import rows
from apps.customers.models import Consent, Customer
from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.policy import CAP_LOOKS_BACK, CAPPED_KINDS, Policy
from apps.deliveries.services.moments import Moment, moment_of
from apps.deliveries.states import OUTCOME_WORDS, OUTCOMES
from apps.deliveries.unclear import is_gateways_word, unclear_text
from apps.devices.models import Device

MOST_SPENT = 20
_COUNTED = (OUTCOMES["accepted"], OUTCOMES["unknown_outcome"])

# In one or two sentences, and the same as JSON values.
type Why = tuple[str, dict[str, Any]]
type Decision = tuple[int, int, datetime, int, str]


@dataclass(frozen=True, slots=True)
class Case:
    """What a reason is found from."""

    dispatch: Dispatch
    policy: Policy
    customer: Customer
    ids: Sequence[int]
    row: Delivery
    device: Device | None


# What stands behind these is the person's, whichever device it is about: it is looked up once.
_OF_THE_PERSON = ("excluded:no_consent", "excluded:capped", "excluded:holdout")


def why_of(case: Case, known: dict[Decision, Why]) -> Why:
    """known: what was found before for other deliveries of the same person."""
    row, status = case.row, OUTCOME_WORDS[case.row.outcome]
    find = _WHY.get(status, _plain)
    if status not in _OF_THE_PERSON:
        return find(case)
    decision = (row.dispatch_id, row.customer_id, row.recorded_at, row.outcome, row.code)
    if decision not in known:
        known[decision] = find(case)
    return known[decision]


def day_told(at: datetime) -> str:
    """A moment in a sentence."""
    return _("%s UTC") % date_format(at.astimezone(UTC), "j M Y, H:i")


def _accepted(case: Case) -> Why:
    facts = {"vendor_message_id": case.row.vendor_message_id, "tries": case.row.attempt}
    return _("The gateway took it."), facts


def _no_consent(case: Case) -> Why:
    said = _last_answer(case, "")
    if said is not None and not said.granted:
        return _("They said no to push on %(day)s.") % {"day": day_told(said.at)}, {"answer": _told(said)}
    if not case.policy.topic:
        return _("They had said no to push."), {}
    topic = {"topic": case.policy.topic}
    said = _last_answer(case, case.policy.topic)
    if said is None or said.granted:
        return _("They were not in the topic %(topic)s.") % topic, topic
    text = _("They left the topic %(topic)s on %(day)s.") % {**topic, "day": day_told(said.at)}
    return text, {**topic, "answer": _told(said)}


def _last_answer(case: Case, topic: str) -> Consent | None:
    """The person's newest answer to push ("") or to a topic, when the delivery was decided."""
    answers = Consent.objects.filter(customer__in=case.ids, topic=topic, at__lte=case.row.recorded_at)
    return answers.filter(channel="push").order_by("-at", "-id").first()


def _told(said: Consent) -> dict[str, Any]:
    return {"source": said.source, "wording": said.wording, "at": said.at.isoformat()}


def _capped(case: Case) -> Why:
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


def _spent_by(case: Case, days: int, topic: str) -> list[dict[str, Any]]:
    """The campaigns that counted against the cap ("" = of all topics): accepted in its days."""
    since = case.row.recorded_at - timedelta(days=days)
    theirs = Delivery.objects.filter(
        customer_id__in=case.ids,
        outcome__in=_COUNTED,
        recorded_at__gte=since,
        planned_on__gte=(since - CAP_LOOKS_BACK).date(),
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


def _zone(case: Case) -> str:
    return case.customer.time_zone or (case.device.time_zone if case.device else "") or case.policy.default_time_zone


def _moment(case: Case) -> Moment:
    """As it was planned; where everybody has an hour of their own, for those who have none."""
    begun, ends = case.dispatch.created_at, case.dispatch.expires_at
    return moment_of(policy=case.policy, zone=_zone(case), begins_at=begun, expires_at=ends)


def _quiet(case: Case) -> Why:
    moment = _moment(case)
    told = {"from": case.policy.quiet_from, "until": case.policy.quiet_until, "time_zone": _zone(case)}
    facts = {
        "quiet_hours": {**told, "ends_at": moment.opens_at.isoformat()},
        "expires_at": moment.expires_at.isoformat(),
    }
    text = _("Quiet hours (%(from)s to %(until)s in %(time_zone)s) would have outlasted the message.")
    return text % told, facts


def _missed_hour(case: Case) -> Why:
    wall, launched_at = case.policy.wall, case.dispatch.created_at
    told = {"local": date_format(wall, "j M Y, H:i") if wall else "", "zone": _zone(case), "day": day_told(launched_at)}
    facts = {"local_at": case.policy.local_at, "time_zone": _zone(case), "launched_at": launched_at.isoformat()}
    if case.policy.by_habit:
        return _("Their usual hour of that day (%(zone)s) had passed when it was launched, on %(day)s.") % told, facts
    return _("%(local)s on their clock (%(zone)s) had passed when it was launched, on %(day)s.") % told, facts


def _holdout(case: Case) -> Why:
    found = rows("deliveries", "explain_draw", {"salt": case.policy.salt, "customer_id": case.row.customer_id})
    share = case.policy.holdout_percent
    facts = {"holdout_percent": share, "drawn": round(float(found[0][0]), 3)}
    text = _("Drawn into the hold-out of %(share)g %%: kept without a message, for comparison.")
    return text % {"share": share}, facts


def _no_live_device(case: Case) -> Why:
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


def _gateway_refused(case: Case) -> Why:
    facts = {"tries": case.row.attempt, "gateway_answer": case.row.code}
    code = {"code": case.row.code or "–"}
    if OUTCOME_WORDS[case.row.outcome] == "token_dead":
        return _("The gateway answered that the app is gone from this device (%(code)s).") % code, facts
    return _("The text could not be made for this person, or the gateway refused it (%(code)s).") % code, facts


def _gave_up(case: Case) -> Why:
    text = _("The gateway could not be reached in %(tries)d tries (%(code)s).")
    told = {"tries": case.row.attempt, "code": case.row.code or "–"}
    return text % told, {"tries": case.row.attempt, "gateway_answer": case.row.code}


def _unclear(case: Case) -> Why:
    said = {"gateway_answer": case.row.code} if is_gateways_word(case.row.code) else {}
    return unclear_text(case.row.code), {"tries": case.row.attempt, **said}


def _expired(case: Case) -> Why:
    is_local = case.policy.wall is not None
    at = min(_moment(case).expires_at, case.row.recorded_at) if is_local else case.dispatch.expires_at
    text = _("It was not sent before it expired, on %(day)s.") % {"day": day_told(at)}
    return text, {"expires_at": at.isoformat(), "tries": case.row.attempt}


def _cancelled(case: Case) -> Why:
    return _("The dispatch was stopped before this was sent."), {"reason": case.dispatch.reason}


def _moved(case: Case) -> Why:
    return _("Somebody else logged in on this device before it was sent."), {}


def _duplicate(case: Case) -> Why:
    if case.row.code != "merged":
        return _("The same device is sent to once."), {}
    return _("Two records of this person became one meanwhile; the other one counts here."), {"merged": True}


def _stale(case: Case) -> Why:
    seen = case.device.last_seen_at if case.device else None
    facts = {"last_seen_at": seen.isoformat() if seen else None}
    return _("The app had not been opened on this device for long, and this dispatch leaves such devices out."), facts


def _plain(case: Case) -> Why:
    words = {
        "excluded:erased": _("They had asked to be forgotten."),
        "excluded:left_segment": _("They were no longer in the audience when it was their turn."),
    }
    return words.get(OUTCOME_WORDS[case.row.outcome], ""), {}


_WHY: Mapping[str, Callable[[Case], Why]] = {
    "accepted": _accepted,
    "token_dead": _gateway_refused,
    "message_bad": _gateway_refused,
    "gave_up": _gave_up,
    "unknown_outcome": _unclear,
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
