"""What this floor keeps about a person: the SMS they got and what they answered."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from apps.customers.belongings import Pairs, Rows
from apps.customers.sealed import PHONE, forms_of
from apps.sms_booster.models import SmsMessage, SmsReply
from apps.sms_booster.states import SMS_STATES


class SmsBelongings:
    key = "sms"

    def erase(self, *, customer_id: int, now: datetime) -> None:
        """Replies go, messages stay as counts: what is not sent yet never will be."""
        messages = SmsMessage.objects.filter(customer=customer_id)
        for app_id, phone in messages.exclude(phone="").values_list("app_id", "phone").distinct():
            _replies_of(app_id, phone).delete()
        SMS_STATES.move(messages, "spared", code="erased", settled_at=now)
        messages.update(phone="", body="", sealed=None)

    def merge(self, *, pairs: Pairs, now: datetime) -> None:
        """One person gets one SMS of a campaign: of two, the one not sent yet is spared. History moves where it can."""
        people = dict(pairs)
        for half_id in SmsMessage.objects.filter(customer__in=people).values_list("customer", flat=True).distinct():
            self._merge_one(half_id, people[half_id], now)

    def _merge_one(self, half_id: int, into_id: int, now: datetime) -> None:
        theirs = SmsMessage.objects.filter(customer=half_id)
        mine = SmsMessage.objects.filter(customer=into_id)
        twice = mine.filter(dispatch_id__in=theirs.values("dispatch_id")).values_list("dispatch_id", flat=True)
        sent = {"sending", "accepted", "delivered", "undelivered", "unknown"}
        for dispatch_id in list(twice):
            went = theirs.filter(dispatch_id=dispatch_id, state__in=sent).exists()
            spared = (mine if went else theirs).filter(dispatch_id=dispatch_id, state="planned")
            SMS_STATES.move(spared, "spared", code="merged", settled_at=now)
        theirs.filter(Q(dispatch_id=None) | ~Q(dispatch_id__in=list(twice))).update(customer=into_id)

    def disclose(self, *, customer_id: int) -> Rows:
        messages = (
            SmsMessage.objects.filter(customer=customer_id)
            .select_related("rule__campaign", "step__automation")
            .order_by("id")
        )
        phones = {(message.app_id, message.phone) for message in messages if message.phone}
        replies = (reply for app_id, phone in phones for reply in _replies_of(app_id, phone))
        return [*map(_message, messages), *map(_reply, replies)]


def _replies_of(app_id: int, phone: str) -> QuerySet[SmsReply]:
    return SmsReply.objects.filter(app=app_id, phone__in=forms_of(app_id, PHONE, phone))


def _message(message: SmsMessage) -> dict[str, Any]:
    return {
        "campaign": message.source_name,
        "to": message.phone,
        "text": message.sealed or message.body,
        "state": message.state,
        "planned_at": message.planned_at.isoformat(),
        "sent_at": message.sending_at.isoformat() if message.sending_at else None,
    }


def _reply(reply: SmsReply) -> dict[str, Any]:
    return {"from": reply.phone, "text": reply.body, "received_at": reply.received_at.isoformat()}
