"""The form of a new API key: scopes to tick, and only those that its kind may have."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.api.models import ApiKey
from apps.api.scopes import PUBLISHABLE, SCOPES


class ApiKeyForm(forms.ModelForm):
    """A live or test key needs scopes; a publishable one has those that it may have."""

    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=[(scope, f"{scope}: {about}") for scope, about in SCOPES.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        required=False,
        help_text=_("As little as the caller needs. A publishable key always has: %s.") % ", ".join(PUBLISHABLE),
    )

    class Meta:
        model = ApiKey
        fields = ("app", "kind", "name", "scopes", "expires_at")

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("kind") == "pub":
            said["scopes"] = list(PUBLISHABLE)
        elif not said.get("scopes"):
            self.add_error("scopes", _("Tick at least one."))
        expires_at = said.get("expires_at")
        if expires_at and expires_at <= timezone.now():
            self.add_error("expires_at", _("This is in the past."))
        return said
