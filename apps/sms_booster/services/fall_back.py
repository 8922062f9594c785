"""Falling back: an SMS to those who have not answered a transactional push in time, at most once a person.

Like a push it heeds no quiet hours, for somebody waits for it; like every SMS it needs the person's yes. What goes
wrong in a program goes wrong quickly, so an app has a budget of them: so many in 24 hours (`App.fallback_sms_per_day`).
Its text is kept encrypted and goes when the push's texts go.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.accounts.models import App
from apps.core.sql import rows
from apps.customers.sealed import BROKEN_CONTACT, BrokenContact, opened
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.rendering import compile_body
from apps.deliveries.services.lifecycle import KEPT_AFTER_EXPIRY
from apps.deliveries.services.stop import is_stopped
from apps.sms_booster.models import Fallback, SmsMessage
from apps.sms_booster.services.texts import text_maker
from apps.sms_booster.states import FALLBACK_STATES, SMS_STATES

AT_ONCE = 50
# What somebody waits for helps nobody so long after it was to come; sending may have been stopped, or beat away.
TOO_LATE_AFTER = timedelta(hours=1)
BUDGET_OF = timedelta(hours=24)
# What was paid for, or may be.
_COSTS = ("planned", "sending", "accepted", "delivered", "undelivered", "unknown")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FallbackDraft:
    """text: Liquid; facts win over the profile. customer_ids: whom the push was for, reachable by push or not."""

    dispatch_id: int
    customer_ids: Sequence[int]
    text: str
    facts: Mapping[str, Any]
    due_at: datetime


def plan_fallbacks(drafts: Sequence[FallbackDraft]) -> None:
    """In the transaction that accepts the pushes. Cost: one round trip."""
    Fallback.objects.bulk_create(
        Fallback(
            dispatch_id=draft.dispatch_id,
            customer_ids=sorted(set(draft.customer_ids)),
            text={"body": draft.text, "facts": dict(draft.facts)},
            due_at=draft.due_at,
        )
        for draft in drafts
        if draft.customer_ids
    )


def cancel_fallback(*, dispatch_id: int, now: datetime) -> bool:
    """No SMS follows the push, of those that have not left. False where there was nothing to cancel."""
    is_waiting = FALLBACK_STATES.move(Fallback.objects.filter(dispatch=dispatch_id), "cancelled")
    unsent = SmsMessage.objects.filter(fallback=dispatch_id)
    return bool(is_waiting + SMS_STATES.move(unsent, "spared", code="cancelled", settled_at=now))


def choose_fallbacks(*, now: datetime) -> int:
    """Choose the people of every push whose wait is over; returns how many. None while sending is stopped."""
    if is_stopped("transactional"):
        return 0
    due = Fallback.objects.filter(state="waiting", due_at__lte=now).order_by("due_at")
    return sum(_choose(pk, now) for pk in due.values_list("pk", flat=True)[:AT_ONCE])


def purge_fallbacks(*, now: datetime) -> int:
    """Forget the texts of pushes that expired a week ago. Returns how many pushes."""
    old = Fallback.objects.filter(forgotten_at=None, dispatch__expires_at__lt=now - KEPT_AFTER_EXPIRY)
    SmsMessage.objects.filter(fallback__in=old.values("pk")).update(sealed=None)
    return old.update(text=None, forgotten_at=now)


def _choose(pk: int, now: datetime) -> bool:
    """All or nothing: a process killed here leaves it waiting."""
    with transaction.atomic():
        free = Fallback.objects.select_for_update(of=("self",), skip_locked=True).select_related("dispatch")
        fallback = free.filter(pk=pk, state="waiting").first()
        if fallback is None:
            return False
        if fallback.dispatch.state == "cancelled":
            FALLBACK_STATES.move(Fallback.objects.filter(pk=pk), "cancelled")
            return False
        messages = _messages(fallback, now)
        _keep_to_budget(fallback.dispatch.app_id, messages, now)
        SmsMessage.objects.bulk_create(messages, ignore_conflicts=True)
        FALLBACK_STATES.move(Fallback.objects.filter(pk=pk), "chosen")
    return True


def _keep_to_budget(app_id: int, messages: Sequence[SmsMessage], now: datetime) -> None:
    """Those above what the app may send in 24 hours are over_budget. The app's row is held, so that two cannot both
    take what is left."""
    planned = [message for message in messages if message.state == "planned"]
    most = App.objects.select_for_update(no_key=True).get(pk=app_id).fallback_sms_per_day if planned else None
    if most is None:
        return
    spent = SmsMessage.objects.filter(app_id=app_id, fallback__isnull=False, planned_at__gt=now - BUDGET_OF)
    left = max(0, most - spent.filter(state__in=_COSTS).count())
    for message in planned[left:]:
        message.state, message.code, message.settled_at = "over_budget", "per_day", now
        message.sealed, message.parts = None, 0
    if planned[left:]:
        _log.warning("app %s: %s SMS after a push are above its budget of a day", app_id, len(planned[left:]))


def _messages(fallback: Fallback, now: datetime) -> list[SmsMessage]:
    """One for each who has not answered; where none may be sent, with the reason."""
    dispatch = fallback.dispatch
    said = fallback.text or {"body": "", "facts": {}}  # forgotten, where nobody chose for more than a week
    text = compile_body({"body": said["body"], "silent": True})
    is_test, is_late = Policy.from_json(dispatch.policy).is_test, fallback.due_at < now - TOO_LATE_AFTER
    make, phones = text_maker(text), set[str]()
    messages = []
    for customer_id, kept, has_agreed, traits, *columns in unanswered(dispatch, fallback.customer_ids):
        phone = opened(kept)
        body, parts, fault = make(columns, traits, said["facts"])
        if isinstance(phone, BrokenContact):
            fault = BROKEN_CONTACT
        refusal = _refusal(phone, has_agreed=has_agreed, is_test=is_test, is_known=phone in phones, is_late=is_late)
        phones.add(phone)
        state = "spared" if refusal else "failed" if fault else "planned"
        messages.append(
            SmsMessage(
                fallback=fallback,
                customer_id=customer_id,
                app_id=dispatch.app_id,
                dispatch_id=dispatch.pk,
                phone=phone,
                sealed=body if state == "planned" else None,
                parts=parts if state == "planned" else 0,
                state=state,
                code=refusal or fault,
                planned_at=now,
                due_at=now,
                settled_at=None if state == "planned" else now,
            )
        )
    return messages


def unanswered(dispatch: Dispatch, customer_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """Rows of sql/fallback_people.sql: of these people those whose devices have sent no receipt for the push."""
    where = {"dispatch_id": dispatch.pk, "planned_on": dispatch.planned_on, "customer_ids": list(customer_ids)}
    return rows("sms_booster", "fallback_people", where)


def _refusal(phone: str, *, has_agreed: bool, is_test: bool, is_known: bool, is_late: bool) -> str:
    """Why this person gets none; "" = they do."""
    if is_test:
        return "test_key"
    if not phone and not isinstance(phone, BrokenContact):
        return "no_phone"
    if not has_agreed:
        return "no_consent"
    if phone and is_known:
        return "same_phone"
    return "too_late" if is_late else ""
