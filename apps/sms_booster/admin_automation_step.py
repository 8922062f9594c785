"""The SMS card in the builder of automations."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_flow import CardKind, register_card
from apps.campaigns.admin_flow_forms import CardForm


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


register_card(CardKind("sms", _("SMS"), "sms", "sms_booster/automation_step.html", {"text": ""}, SmsForm))
