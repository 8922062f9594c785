"""The SMS behind a message: what it waits for, why this person needs none, or what became of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from apps.customers.models import Customer
from apps.customers.queries import ids_of_people
from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.on_their_way import on_their_way
from apps.sms_booster.models import BoostRule, Fallback, SmsMessage
from apps.sms_booster.services.fall_back import unanswered
from apps.sms_booster.sms_words import sms_text, waits_for_answers, waits_for_opens

STATES = ("waiting", "not_needed", "cancelled")


@dataclass(frozen=True, slots=True)
class SmsStory:
    """state: of the SMS, or one of STATES while or where the person has none. at: when it came to that; of one that
    waits, until when."""

    state: str
    code: str
    reason: str
    at: datetime | None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "code": self.code or None, "at": self.at.isoformat() if self.at else None}


def sms_story(*, dispatch: Dispatch, customer: Customer) -> SmsStory | None:
    """None where no SMS stands behind the message for this person. Cost: six queries by key at most.

    What was asked for is read before the SMS: those are planned in the transaction that decides it.
    """
    ids = ids_of_people([customer.pk])
    fallback = Fallback.objects.defer("text").filter(dispatch=dispatch).first()
    rule = BoostRule.objects.filter(campaign__dispatch=dispatch, is_enabled=True).first()
    messages = list(SmsMessage.objects.filter(dispatch_id=dispatch.pk, customer__in=ids))
    if messages:
        return _of_message(min(messages, key=lambda message: message.code == "merged"))
    if customer.erased_at is not None:
        return None
    if fallback is not None and set(ids) & set(fallback.customer_ids):
        return _of_fallback(fallback, dispatch, ids)
    return _of_rule(rule, dispatch) if rule is not None and _is_for(dispatch, ids) else None


def _is_for(dispatch: Dispatch, ids: Sequence[int]) -> bool:
    """Whether they are in its audience. What is on its way first: it goes from there to the ledger."""
    told = Delivery.objects.filter(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, customer_id__in=ids)
    return bool(on_their_way(dispatch_ids=[dispatch.pk], people=ids)) or told.exists()


def _of_message(message: SmsMessage) -> SmsStory:
    is_planned = message.state == "planned"
    at = message.due_at if is_planned else message.settled_at or message.sending_at or message.planned_at
    return SmsStory(message.state, message.code, sms_text(message), at)


def _of_fallback(fallback: Fallback, dispatch: Dispatch, ids: Sequence[int]) -> SmsStory:
    """Of somebody who has no SMS of it."""
    if fallback.state == "cancelled" or dispatch.state == "cancelled":
        return SmsStory("cancelled", "cancelled", _("The push was cancelled, so no SMS follows it."), None)
    if fallback.state == "chosen" or not unanswered(dispatch, ids):
        return SmsStory("not_needed", "answered", _("Not needed: they answered the push."), None)
    return SmsStory("waiting", "", waits_for_answers(fallback.due_at), fallback.due_at)


def _of_rule(rule: BoostRule, dispatch: Dispatch) -> SmsStory | None:
    """Of somebody who has no SMS of the campaign."""
    if dispatch.state in ("cancelled", "failed"):
        return None
    if rule.chosen_at is not None:
        reason = _(
            "Not due: it goes to those who were sent a push on a device that tells of opens, did not open it, agreed to"
            " SMS and have a phone number."
        )
        return SmsStory("not_needed", "", reason, rule.chosen_at)
    due_at = dispatch.finished_at and dispatch.finished_at + timedelta(minutes=rule.wait_minutes)
    return SmsStory("waiting", "", waits_for_opens(due_at, rule.wait_minutes), due_at)
