"""The forms of API keys: scopes to tick, and only those that the kind may have; where it may be used; its successor."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from apps.api.models import ApiKey
from apps.api.scopes import PUBLISHABLE, SCOPES
from apps.api.services.key_places import clean_networks, clean_origins
from apps.core.problems import InvalidInput

OVERLAPS = [(0, _("at once")), (1, _("1 hour")), (24, _("1 day")), (24 * 7, _("7 days")), (24 * 30, _("30 days"))]


class ApiKeyForm(forms.ModelForm):
    """A live or test key needs scopes; a publishable one has those that it may have."""

    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=[(scope, f"{scope}: {about}") for scope, about in SCOPES.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        required=False,
        help_text=_("As little as the caller needs. A publishable key always has: %s.") % ", ".join(PUBLISHABLE),
    )

    allowed_networks = forms.CharField(
        label=_("Only from these addresses"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "192.0.2.0/24"}),
        required=False,
        help_text=_("Of secret and test keys: addresses or networks of your servers, one a line. Empty = any."),
    )
    allowed_origins = forms.CharField(
        label=_("Only on these sites"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "https://shop.example"}),
        required=False,
        help_text=_("Of publishable keys: origins of your pages, one a line. Apps are not touched by it. Empty = any."),
    )

    class Meta:
        model = ApiKey
        fields = ("app", "kind", "name", "scopes", "allowed_networks", "allowed_origins", "expires_at")

    def clean_allowed_networks(self) -> list[str]:
        return self._places("allowed_networks", clean_networks)

    def clean_allowed_origins(self) -> list[str]:
        return self._places("allowed_origins", clean_origins)

    def _places(self, name: str, clean: Callable[[Sequence[str]], list[str]]) -> list[str]:
        try:
            return clean([line for line in self.cleaned_data[name].splitlines() if line.strip()])
        except InvalidInput as refused:
            raise forms.ValidationError([problem.message for problem in refused.problems]) from refused

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("kind") == "pub":
            said["scopes"] = list(PUBLISHABLE)
        elif not said.get("scopes"):
            self.add_error("scopes", _("Tick at least one."))
        if said.get("kind") == "pub" and said.get("allowed_networks"):
            self.add_error("allowed_networks", _("A publishable key is used by phones and browsers everywhere."))
        if said.get("kind") != "pub" and said.get("allowed_origins"):
            self.add_error("allowed_origins", _("A secret key belongs on no page. Make a publishable one."))
        expires_at = said.get("expires_at")
        if expires_at and expires_at <= timezone.now():
            self.add_error("expires_at", _("This is in the past."))
        return said


class RotateForm(forms.Form):
    """How long the old key goes on working beside the new one."""

    hours = forms.TypedChoiceField(
        label=_("The old key ends"),
        choices=OVERLAPS,
        coerce=int,
        initial=24 * 7,
        help_text=_("Time to bring the new key to all that use the old one. Revoke the old one any time before."),
        widget=forms.RadioSelect,
    )

    @property
    def overlap(self) -> timedelta:
        return timedelta(hours=self.cleaned_data["hours"])
