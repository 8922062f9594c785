"""The builder's fields of an A/B test: each variant's share, how much is tested, what wins, when, and the hold-out."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_forms import StepForm, number_input
from apps.campaigns.experiments.standing import letter
from apps.campaigns.models import Campaign, Variant
from apps.core.words import spoken
from apps.customers.models import EventType

MOST_EVENTS = 200


class ShareForm(forms.Form):
    """One variant's share: field `share-<position>`. Nothing sent = untouched."""

    share = forms.IntegerField(
        required=False, min_value=1, max_value=99, widget=number_input(min="1", max="99", step="1")
    )

    def __init__(self, variant: Variant, sent: Mapping[str, Any] | None = None) -> None:
        self.variant = variant
        super().__init__(sent, prefix=f"v{variant.position}", initial={"share": variant.share}, auto_id="%s")
        self.fields["share"].label = _("Share of %(variant)s") % {"variant": letter(variant.position)}

    def stored_share(self) -> int:
        """What is valid, else what was stored."""
        self.errors  # noqa: B018  (cleans)
        return self.cleaned_data.get("share") or self.variant.share


class ExperimentForm(StepForm):
    """The test as a whole, and who gets nothing. A field that was not sent is untouched."""

    test_percent = forms.IntegerField(
        required=False,
        label=_("Part of the audience in the test"),
        min_value=1,
        max_value=100,
        widget=number_input(min="1", max="100", step="1"),
    )
    holdout_percent = forms.IntegerField(
        required=False,
        label=_("Hold-out"),
        min_value=0,
        max_value=50,
        widget=number_input(min="0", max="50", step="1"),
    )
    winner_by = forms.ChoiceField(required=False, choices=Campaign.METRICS)
    decides = forms.ChoiceField(required=False, choices=Campaign.DECIDERS)
    decide_after_hours = forms.IntegerField(
        required=False, label=_("Hours"), min_value=1, max_value=14 * 24, widget=number_input(min="1", step="1")
    )
    fallback = forms.TypedChoiceField(
        required=False,
        coerce=int,
        label=_("If there is no difference, the rest gets"),
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    goal_event = forms.ChoiceField(
        required=False, label=_("Compared by"), widget=forms.Select(attrs={"class": "hg-input"})
    )

    def __init__(self, campaign: Campaign, sent: Mapping[str, Any] | None = None) -> None:
        super().__init__(campaign, sent)
        letters = [(one.position, letter(one.position)) for one in campaign.variants.all()]
        self.fields["fallback"].choices = [*letters, (Campaign.AHEAD, _("whichever is ahead"))]  # type: ignore[attr-defined]
        names = list(EventType.objects.filter(app=campaign.app_id).values_list("name", flat=True)[:MOST_EVENTS])
        gone = [campaign.goal_event] if campaign.goal_event and campaign.goal_event not in names else []
        known = [(name, spoken(name)) for name in [*names, *gone]]
        self.fields["goal_event"].choices = [("", _("nothing yet")), *known]  # type: ignore[attr-defined]

    def stored(self) -> dict[str, Any]:
        return {name: getattr(self.campaign, name) for name in self.base_fields}

    def changes(self) -> dict[str, Any]:
        sent = [name for name in self.fields if name in self.data]
        values = self.valid(*sent)
        return self.differing(
            {name: one for name, one in values.items() if one not in ("", None) or name == "goal_event"}
        )
