"""What this floor keeps about a person: the SMS they got and what they answered."""

from datetime import datetime
from typing import Any

from apps.customers.belongings import Rows
from apps.sms_booster.models import SmsMessage, SmsReply
from apps.sms_booster.states import SMS_STATES


class SmsBelongings:
    key = "sms"

    def erase(self, *, customer_id: int, now: datetime) -> None:
        """Replies go, messages stay as counts: what is not sent yet never will be."""
        messages = SmsMessage.objects.filter(customer=customer_id)
        for app_id, phone in messages.exclude(phone="").values_list("app_id", "phone").distinct():
            SmsReply.objects.filter(app=app_id, phone=phone).delete()
        SMS_STATES.move(messages, "spared", code="erased", settled_at=now)
        messages.update(phone="", body="")

    def disclose(self, *, customer_id: int) -> Rows:
        messages = SmsMessage.objects.filter(customer=customer_id).select_related("rule__campaign").order_by("id")
        phones = {(message.app_id, message.phone) for message in messages if message.phone}
        replies = (reply for app_id, phone in phones for reply in SmsReply.objects.filter(app=app_id, phone=phone))
        return [*map(_message, messages), *map(_reply, replies)]


def _message(message: SmsMessage) -> dict[str, Any]:
    return {
        "campaign": message.rule.campaign.name,
        "to": message.phone,
        "text": message.body,
        "state": message.state,
        "planned_at": message.planned_at.isoformat(),
        "sent_at": message.sending_at.isoformat() if message.sending_at else None,
    }


def _reply(reply: SmsReply) -> dict[str, Any]:
    return {"from": reply.phone, "text": reply.body, "received_at": reply.received_at.isoformat()}
