"""Forms of a webhook: its address and what it is told, and what to send once more."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.api.webhooks.event_types import MEANINGS
from apps.api.webhooks.services.cutting import REACHES_BACK
from apps.api.webhooks.services.endpoints import MOST_CHARACTERS
from apps.core.problems import InvalidInput


class EndpointForm(forms.Form):
    """apps: those to choose from for a new one; one alone is not asked for."""

    app = forms.ModelChoiceField(
        App.objects.none(), label=_("App"), empty_label=None, widget=forms.Select(attrs={"class": "hg-input"})
    )
    url = forms.CharField(
        label=_("Address of your server"),
        max_length=MOST_CHARACTERS * 2,
        help_text=_("https, on port 443 or 8443. It answers 2xx within 15 seconds; a redirect is not followed."),
        widget=forms.TextInput(
            attrs={"class": "hg-input", "inputmode": "url", "placeholder": "https://shop.example.com/push-events"}
        ),
    )
    description = forms.CharField(
        label=_("What it is for"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"class": "hg-input"}),
    )
    types = forms.MultipleChoiceField(
        label=_("Is told"),
        choices=[(word, f"{word}: {meaning}") for word, meaning in MEANINGS.items()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick at least one.")},
    )

    def __init__(self, *args: Any, apps: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["types"].choices = [(word, f"{word}: {meaning}") for word, meaning in MEANINGS.items()]  # type: ignore[attr-defined]
        if apps is None:
            del self.fields["app"]
        else:
            self.fields["app"].queryset = apps  # type: ignore[attr-defined]
            if len(apps) == 1:
                self.fields["app"].initial = apps[0]

    def take(self, refused: InvalidInput) -> None:
        """Show what the service refused beside its field."""
        for problem in refused.problems:
            name = problem.pointer.split("/")[1]
            self.add_error(name if name in self.fields else None, problem.message)


class ReplayForm(forms.Form):
    """Hours back, or a span of one's own (UTC)."""

    since = forms.DateTimeField(
        label=_("From (UTC)"),
        widget=forms.DateTimeInput(attrs={"class": "hg-input", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("At most %d days back.") % (REACHES_BACK // timedelta(days=1)),
    )
    until = forms.DateTimeField(
        label=_("Until (UTC), or now"),
        required=False,
        widget=forms.DateTimeInput(attrs={"class": "hg-input", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
