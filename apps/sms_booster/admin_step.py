"""The booster's tab in the campaign builder, and its part of the report."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.campaigns.admin_forms import MINUTES_OF, largest_unit, number_input
from apps.campaigns.models import Campaign
from apps.core.sql import Compiled
from apps.core.templatetags.house import number, span
from apps.customers.preference_links import FACT, sample_url
from apps.deliveries.rendering import RenderFailed, compile_body
from apps.gateways.sms_text import TextSize, measure
from apps.sms_booster.admin_report import booster_shown
from apps.sms_booster.click_links import sample
from apps.sms_booster.models import BoostRule
from apps.sms_booster.queries import booster_report, sms_columns
from apps.sms_booster.services.rules import RuleDraft, save_rule


class BoosterForm(forms.Form):
    """The rule's fields as they are typed."""

    is_enabled = forms.BooleanField(required=False, label=_("SMS booster"))
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=1600,
        label=_("SMS text"),
        widget=forms.Textarea(attrs={"class": "hg-input", "rows": 3}),
    )
    wait_minutes = forms.IntegerField(
        label=_("Wait"), min_value=1, max_value=100_000, widget=number_input(min="1", step="1")
    )
    wait_unit = forms.ChoiceField(
        choices=[("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days"))],
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    max_messages = forms.IntegerField(
        label=_("At most so many SMS"), min_value=1, max_value=10_000_000, widget=number_input(min="1", step="1")
    )
    price_per_part = forms.DecimalField(
        label=_("Price of one SMS part"),
        min_value=0,
        max_digits=8,
        decimal_places=4,
        widget=number_input(min="0", step="any"),
    )

    counts_clicks = forms.BooleanField(required=False, label=_("Count who follows the link"))

    def __init__(self, rule: BoostRule, sent: Mapping[str, Any] | None = None) -> None:
        self.rule = rule
        wait, unit = largest_unit(rule.wait_minutes)
        initial = {**asdict(self.stored()), "wait_minutes": wait, "wait_unit": unit}
        super().__init__(sent, prefix="booster", initial=initial, auto_id="%s", use_required_attribute=False)

    def stored(self) -> RuleDraft:
        return RuleDraft(**{name: getattr(self.rule, name) for name in RuleDraft.__slots__})

    def typed(self) -> RuleDraft:
        """What is valid; what is not stays as it is stored."""
        self.errors  # noqa: B018  (cleans)
        cleaned = dict(self.cleaned_data)
        unit = cleaned.pop("wait_unit", None)
        if "wait_minutes" in cleaned and unit:
            cleaned["wait_minutes"] *= MINUTES_OF[unit]
        return RuleDraft(**{**asdict(self.stored()), **cleaned})

    @property
    def size(self) -> TextSize:
        """How long the SMS is as it will be sent, with the fallbacks of its variables filled in."""
        text = str(self["text"].value() or "")
        with suppress(RenderFailed):
            text = compile_body({"body": text, "silent": True}).render({FACT: sample_url()}).body
        return measure(sample(text) if self["counts_clicks"].value() else text)


class BoosterStep:
    """campaigns.admin_steps.ExtraStep."""

    slug = "booster"
    title = _("SMS Booster")
    icon = "sms"
    pointer = "/boost_rule"
    template = "sms_booster/step.html"
    live_template = "sms_booster/size.html"
    report_template = "sms_booster/report.html"

    def form(self, campaign: Campaign, sent: Mapping[str, Any] | None = None) -> BoosterForm:
        return BoosterForm(rule_of(campaign), sent)

    def is_changed(self, form: Any) -> bool:
        return bool(form.typed() != form.stored())

    def save(self, form: Any, *, campaign: Campaign, version: int, now: datetime) -> int:
        return save_rule(campaign=campaign, version=version, draft=form.typed(), now=now)

    def summary(self, campaign: Campaign) -> str:
        rule = rule_of(campaign)
        if not rule.is_enabled:
            return str(_("Off"))
        parts = BoosterForm(rule).size.parts
        words = ngettext("%(parts)d part each", "%(parts)d parts each", parts) % {"parts": parts}
        if rule.counts_clicks:
            words += ", " + str(_("counting who follows its link"))
        return str(_("To those who did not open within %(wait)s, at most %(most)s SMS, %(parts)s")) % {
            "wait": span(rule.wait_minutes * 60),
            "most": number(rule.max_messages),
            "parts": words,
        }

    def text(self, campaign: Campaign) -> str:
        rule = rule_of(campaign)
        return rule.text if rule.is_enabled else ""

    def report(self, campaign: Campaign) -> Mapping[str, Any] | None:
        return booster_shown(campaign, booster_report(campaign))

    def csv_columns(self, campaign: Campaign) -> Compiled | None:
        return sms_columns(campaign.dispatch_id) if campaign.dispatch_id else None


def rule_of(campaign: Campaign) -> BoostRule:
    """The campaign's rule; an unsaved one with the defaults where it has none."""
    return BoostRule.objects.filter(campaign=campaign).first() or BoostRule(campaign=campaign)
