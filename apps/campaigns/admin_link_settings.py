"""What becomes of a message's links: tags for web analytics, clicks counted without the SDK. One set for all texts."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_forms import text_input
from apps.campaigns.models import Campaign
from apps.deliveries.rendering.field_rules import MOST_TAG_CHARACTERS
from apps.deliveries.rendering.links import LINK_FIELDS, TAG_NAMES, slug

_USUAL = {"utm_source": "heliograph", "utm_medium": "push", "utm_campaign": ""}


class LinkSettingsForm(forms.Form):
    """Fields `links-<name>`; stored are `link_tags` and `counts_clicks` of contents.

    An empty campaign tag follows the campaign's name, also in a copy of it.
    """

    tags = forms.BooleanField(label=_("Tag links for web analytics (UTM)"), required=False)
    utm_source = forms.CharField(label=_("Source"), required=False, max_length=MOST_TAG_CHARACTERS, widget=text_input())
    utm_medium = forms.CharField(label=_("Medium"), required=False, max_length=MOST_TAG_CHARACTERS, widget=text_input())
    utm_campaign = forms.CharField(
        label=_("Campaign"), required=False, max_length=MOST_TAG_CHARACTERS, widget=text_input()
    )
    counts_clicks = forms.BooleanField(label=_("Count clicks without the SDK"), required=False)

    def __init__(self, campaign: Campaign, text: Mapping[str, Any], sent: Mapping[str, Any] | None = None) -> None:
        """text: the default language's, whose settings are shown."""
        self.stored = {name: text.get(name) for name in LINK_FIELDS}
        tags = self.stored["link_tags"]
        initial = {**_USUAL, **(tags or {}), "tags": bool(tags), "counts_clicks": self.stored["counts_clicks"]}
        data = sent if sent is None or "links-sent" in sent else None
        super().__init__(data, prefix="links", initial=initial, auto_id="%s", use_required_attribute=False)
        self.fields["utm_campaign"].widget.attrs["placeholder"] = slug(campaign.name)

    def tag_fields(self) -> list[forms.BoundField]:
        """For the template, in order."""
        return [self[name] for name in TAG_NAMES]

    @property
    def is_used(self) -> bool:
        """Whether anything is set, so that its part of the page opens by itself."""
        return bool(self.errors) or any(self.stored.values())

    def changes(self) -> dict[str, Any]:
        """What is valid and differs from what is shown; None = as usual. Empty where the form was not sent."""
        if not self.is_bound:
            return {}
        self.errors  # noqa: B018  (cleans)
        before = self.stored["link_tags"] or {}
        tags = {name: self.cleaned_data.get(name, before.get(name, "")) for name in TAG_NAMES}
        new = {
            "link_tags": tags if self.cleaned_data["tags"] else None,
            "counts_clicks": self.cleaned_data["counts_clicks"] or None,
        }
        return {name: value for name, value in new.items() if value != self.stored[name]}
