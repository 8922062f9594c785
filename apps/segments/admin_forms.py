"""What the segment pages take in beside the rule."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.segments.services.editing import PAUSES

_PAUSE_WORDS = {
    5: _("every 5 minutes"),
    15: _("every 15 minutes"),
    60: _("every hour"),
    360: _("every 6 hours"),
    1_440: _("once a day"),
}


class SegmentForm(forms.Form):
    """Name, description, pause: shape only; the rules are services.editing's."""

    name = forms.CharField(label=_("Name"), required=False)
    description = forms.CharField(
        label=_("Description"), required=False, help_text=_("For your colleagues: what these people have in common.")
    )
    refresh_every_minutes = forms.TypedChoiceField(
        label=_("Look again"),
        choices=[(minutes, _PAUSE_WORDS[minutes]) for minutes in PAUSES],
        coerce=int,
        required=False,
        help_text=_("Also right before a campaign is launched."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "hg-input"
        self.fields["name"].widget.attrs.update(maxlength=120, placeholder=_("Lapsed buyers in Warsaw"))
        self.fields["description"].widget.attrs["maxlength"] = 300


class NewSegmentForm(forms.Form):
    """Which kind, of which app."""

    kind = forms.ChoiceField(choices=[("dynamic", _("rule")), ("static", _("list"))])

    def __init__(self, apps: QuerySet[App], *args: Any) -> None:
        super().__init__(*args)
        self.fields["app"] = forms.ModelChoiceField(apps, to_field_name="slug")


class PeopleForm(forms.Form):
    """Names for a static list, pasted or in a file."""

    pasted = forms.CharField(
        label=_("Customer ids"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "hg-input sg-mono", "placeholder": "c000017\nc000212"}),
        help_text=_("One in a line, or separated by commas."),
    )
    file = forms.FileField(
        label=_("or a CSV file"),
        required=False,
        help_text=_("The column external_id, else the first one. Up to 20 MB."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain", "class": "hg-input"}),
    )
