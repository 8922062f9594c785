"""The SMS card in the builder of automations."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_flow import CardKind, register_card
from apps.campaigns.admin_flow_forms import CardForm
from apps.campaigns.models import AutomationStep
from apps.customers.models import Customer
from apps.customers.preference_links import FACT, sample_url
from apps.customers.queries import facts_of
from apps.deliveries.rendering import RenderFailed, compile_body
from apps.gateways.sms_text import TextSize, measure


class SmsForm(CardForm):
    """The text."""

    text = forms.CharField(
        label=_("SMS text"),
        required=False,
        strip=False,
        max_length=1600,
        widget=forms.Textarea(attrs={"class": "hg-input", "rows": 3}),
    )

    def shown(self) -> dict[str, Any]:
        return {"text": self.stored.get("text", "")}

    def settings(self) -> dict[str, Any]:
        self.errors  # noqa: B018  (cleans)
        return {**self.stored, **({"text": self.cleaned_data["text"]} if "text" in self.cleaned_data else {})}


@dataclass(frozen=True, slots=True)
class SmsLook:
    """The stored SMS as one person reads it. text "": there is none to show. reader: who, "" = nobody known."""

    text: str
    size: TextSize
    reader: str


def look(step: AutomationStep, customer: Customer | None, facts: Mapping[str, Any]) -> SmsLook:
    """After these facts, the newest event of the kind that brings people in; without a reader with its fallbacks."""
    known = {**(facts_of(customer) if customer else {}), **facts, FACT: sample_url()}
    text = ""
    with suppress(RenderFailed):  # what is wrong stands beside the field
        text = compile_body({"body": str(step.settings.get("text", "")), "silent": True}).render(known).body
    return SmsLook(text, measure(text), str(customer) if customer else "")


register_card(
    CardKind(
        "sms",
        _("SMS"),
        "sms",
        "sms_booster/automation_step.html",
        {"text": ""},
        SmsForm,
        look,
        "sms_booster/automation_look.html",
    )
)
