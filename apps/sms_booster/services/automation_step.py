"""The SMS step of automations (campaigns.services.automations.steps.OuterKind)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _

from apps.campaigns.models import Automation, AutomationStep
from apps.campaigns.services.automations.event_words import event_problems, message_names
from apps.campaigns.services.automations.policy import policy_of
from apps.campaigns.services.automations.steps import Said
from apps.core.problems import FieldProblem
from apps.core.sql import rows
from apps.deliveries.rendering import compile_body
from apps.sms_booster.models import SmsMessage
from apps.sms_booster.services.rules import channel_problems, text_problems
from apps.sms_booster.services.texts import plan_texts


class SmsStep:
    """settings: {"text": Liquid}. People without SMS consent or phone, and the hold-out, go on without an SMS."""

    kind = "sms"

    def problems(self, *, automation: Automation, step: AutomationStep) -> list[FieldProblem]:
        text = str(step.settings.get("text", ""))
        own = [*text_problems(text, message_names(automation)), *_event_problems(automation, step)]
        return [*own, *channel_problems(automation.app_id)]

    def texts(self, *, step: AutomationStep) -> Sequence[Mapping[str, Any]]:
        return [{"body": step.settings.get("text", "")}]

    def perform(self, *, step: AutomationStep, customer_ids: Sequence[int], said: Said, now: datetime) -> None:
        """Planned in the transaction that moves the people on; sending is the booster's: at most once."""
        policy = policy_of(step.automation)
        asked = {
            "customer_ids": list(customer_ids),
            "topic": policy.topic,
            "salt": policy.salt,
            "holdout_percent": policy.holdout_percent,
        }
        plan_texts(
            people=rows("sms_booster", "step_people", asked),
            text=compile_body({"body": step.settings["text"], "silent": True}),
            app_id=step.automation.app_id,
            now=now,
            step_id=step.pk,
            said=said,
        )

    def numbers(self, *, step: AutomationStep) -> list[tuple[Any, int]]:
        found = SmsMessage.objects.filter(step=step).values_list("state").annotate(Count("pk"))
        people = dict(found.values_list("state", "pk__count"))
        sent = sum(people.get(state, 0) for state in ("accepted", "delivered", "undelivered", "unknown"))
        shown = [
            (_("SMS sent"), sent),
            (_("delivered"), people.get("delivered", 0)),
            (_("waiting"), people.get("planned", 0) + people.get("sending", 0)),
            (_("failed"), people.get("failed", 0)),
            (_("not needed any more"), people.get("spared", 0)),
        ]
        return [(label, count) for label, count in shown[:2]] + [one for one in shown[2:] if one[1]]


def _event_problems(automation: Automation, step: AutomationStep) -> Iterator[FieldProblem]:
    """How it speaks of the event, beside its only field."""
    for body in SmsStep().texts(step=step):
        for found in event_problems(automation, body, ""):
            yield FieldProblem("/text", found.code, found.message, found.came)
