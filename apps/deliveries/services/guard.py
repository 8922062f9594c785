"""Guard: a campaign that goes wrong stops by itself, before it has gone wrong for everybody.

Canary: of a large campaign a few devices are sent first, and the rest is released when most of them have been
answered well. Watch: all along, the latest answers are looked at; too many errors, or dead addresses, pause the
dispatch with the reason. A person who resumes it has the last word: it is not stopped again. Judged by every release,
once a second.
"""

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext as _

from apps.core.sql import rows
from apps.deliveries.models import Batch, Delivery, Dispatch, Retry
from apps.deliveries.policy import Policy
from apps.deliveries.states import DISPATCH_STATES, GATEWAY_WORDS, OUTCOME_WORDS, OUTCOMES
from apps.devices.services.hygiene import doubt_deaths

# Canaries by default: one in a hundred, at most 200, of dispatches so large that they matter.
CANARY_FROM_DEVICES = 10_000
CANARY_SHARE = 0.01
MOST_CANARIES = 200
GUARDED_KINDS = {"campaign", "automation"}
# Many addresses may be dead by chance in a small sample.
LEAST_ANSWERS_FOR_DEATHS = 50
LATEST_PAGES = 200

_ERRORS = [OUTCOMES[word] for word in ("message_bad", "gave_up", "unknown_outcome")]
_DEAD = OUTCOMES["token_dead"]
_SAMPLE = 500


def canary_size(kind: str, policy: Policy, devices: int) -> int:
    """How many devices of so many go first; 0 = no canary."""
    if kind not in GUARDED_KINDS:
        return 0
    if policy.canary_devices is not None:
        return policy.canary_devices if policy.canary_devices < devices else 0
    return min(MOST_CANARIES, int(devices * CANARY_SHARE)) if devices >= CANARY_FROM_DEVICES else 0


def guard_at_start(kind: str, devices: int, *, has_canary: bool) -> str:
    """The guard's state of a dispatch that has just been planned."""
    if kind not in GUARDED_KINDS or not devices:
        return ""
    return "canary" if has_canary else "watching"


def judge_dispatches(*, now: datetime) -> int:
    """Look at every guarded dispatch that is sending: stop it, or let the rest go. Returns how many changed.

    Any number may judge at once. Cost: one query where nothing is guarded, 1 ms a dispatch.
    """
    guarded = Dispatch.objects.filter(finished_at=None, state="sending", guard__in=["canary", "watching"])
    return sum(_judge(dispatch, now) for dispatch in guarded)


def _judge(dispatch: Dispatch, now: datetime) -> int:
    counted: Mapping[int, int] = dict(
        rows("deliveries", "guard_answers", {"dispatch_id": dispatch.pk, "pages": LATEST_PAGES})
    )
    reason = _why_stop(dispatch, counted)
    if reason and counted.get(_DEAD, 0) > sum(counted.values()) / 2:
        _doubt_deaths(dispatch, now)
    mine = Dispatch.objects.filter(pk=dispatch.pk, guard=dispatch.guard)
    if reason:
        return DISPATCH_STATES.move(mine.filter(state="sending"), "paused", reason=reason[:300], guard="stopped")
    if dispatch.guard == "canary" and _is_canary_answered(dispatch, sum(counted.values())):
        return mine.update(guard="watching")
    return 0


def _why_stop(dispatch: Dispatch, counted: Mapping[int, int]) -> str:
    """A sentence, or "" where all is well."""
    policy = Policy.from_json(dispatch.policy)
    answers = sum(counted.values())
    if answers < policy.stop_after_answers:
        return ""
    errors = sum(counted.get(outcome, 0) for outcome in _ERRORS)
    dead = counted.get(_DEAD, 0)
    words = {"answers": f"{answers:,}", "share": round(100 * errors / answers), "what": ""}
    if policy.stop_error_percent < 100 and errors > answers * policy.stop_error_percent / 100:
        words["what"] = _commonest_error(dispatch)
        return _("It stopped by itself: %(share)d%% of its last %(answers)s answers were errors (%(what)s).") % words
    is_much = answers >= LEAST_ANSWERS_FOR_DEATHS and policy.stop_dead_percent < 100
    if is_much and dead > answers * policy.stop_dead_percent / 100:
        words["share"] = round(100 * dead / answers)
        return _("It stopped by itself: %(share)d%% of its last %(answers)s addresses were called dead.") % words
    return ""


def _doubt_deaths(dispatch: Dispatch, now: datetime) -> None:
    """So slow a dispatch may have been that no window of its channel was full enough to notice."""
    dead = Delivery.objects.filter(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, outcome=_DEAD)
    for gateway in set(dead.order_by().values_list("gateway", flat=True)[:_SAMPLE]):
        doubt_deaths(app_id=dispatch.app_id, gateway=GATEWAY_WORDS[gateway], since=dispatch.created_at, now=now)


def _commonest_error(dispatch: Dispatch) -> str:
    """Its outcome and code, of a sample: the ledger may be long."""
    ledger = Delivery.objects.filter(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, outcome__in=_ERRORS)
    sample = list(ledger.order_by().values_list("outcome", "code")[:_SAMPLE])
    outcome, code = max(set(sample), key=sample.count, default=(_ERRORS[0], ""))
    return f"{OUTCOME_WORDS[outcome]}: {code}" if code else OUTCOME_WORDS[outcome]


def _is_canary_answered(dispatch: Dispatch, answers: int) -> bool:
    """Every canary was tried, and most have their answer: those that have to wait must not hold up all others."""
    canaries = Batch.objects.filter(dispatch=dispatch, is_canary=True, state__in=["waiting", "leased"])
    return not canaries.exists() and answers >= Retry.objects.filter(dispatch=dispatch).count()
