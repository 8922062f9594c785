"""The staff's door to signed identities: how strictly they are asked for, and who may sign them."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_scope import AppScopedAdmin, AppScopedStackedInline
from apps.api.models import IdentityCheck, IdentityKey
from apps.api.services.identity import clean_identity_key
from apps.api.services.identity_tally import last_days
from apps.core.problems import InvalidInput


class IdentityKeyForm(forms.ModelForm):
    """A key is pasted once and never shown again: to change it, add the new one and remove the old one."""

    pasted = forms.CharField(
        label=_("Key"),
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("ES256: the public key in PEM. HS256: a secret of at least 32 characters. Stored encrypted."),
    )

    class Meta:
        model = IdentityKey
        fields = ("name", "algorithm")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["algorithm"].disabled = self.fields["pasted"].disabled = True
            self.fields["pasted"].widget.attrs["placeholder"] = str(_("Stored, and never shown again."))

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk or "algorithm" not in said:
            return said
        try:
            self.instance.key = clean_identity_key(algorithm=said["algorithm"], pasted=said.get("pasted", ""))
        except InvalidInput as refused:
            self.add_error("pasted", [problem.message for problem in refused.problems])
        return said


class IdentityKeyFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """Enforcing without a key would log every app's people out."""

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        if self.instance.mode != "off" and not kept:
            raise forms.ValidationError(_("Add a key first: without one no identity can be proved."))


class IdentityKeyInline(AppScopedStackedInline):
    """The keys; each of them may have signed."""

    model = IdentityKey
    form = IdentityKeyForm
    formset = IdentityKeyFormSet
    fields: ClassVar = ["name", "algorithm", "pasted"]
    max_num = 5


@admin.register(IdentityCheck)
class IdentityCheckAdmin(AppScopedAdmin):
    """One page an app."""

    first_step = FirstStep(
        "verified_user",
        _("Identities are not signed yet"),
        _(
            "With signed identities nobody can register a device in the name of somebody else: your server signs "
            "who is logged in, and we check it."
        ),
        _("Set it up"),
        "admin:api_identitycheck_add",
        "api.add_identitycheck",
    )
    list_display: ClassVar = ["app", "mode", "key_count"]
    list_select_related: ClassVar = ["app"]
    list_filter: ClassVar = ["app", "mode"]
    fieldsets: ClassVar = [
        (
            None,
            {
                "fields": ["app", "mode", "lately"],
                "description": _(
                    "A publishable key can be read out of your app, so by itself it proves nothing about a person. Your"
                    " server signs who is logged in, and the app hands that on when it registers a device."
                ),
            },
        )
    ]
    inlines: ClassVar = [IdentityKeyInline]
    readonly_fields: ClassVar = ["lately"]
    radio_fields: ClassVar = {"mode": admin.VERTICAL}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(key_count=Count("keys"))

    @admin.display(description=_("last 7 days"))
    def lately(self, check: Any) -> str:
        """Registrations that named somebody: whom enforcing would shut out."""
        if check.pk is None or check.mode == "off":
            return str(_("Nothing is counted while it is off."))
        counted = last_days(app=check.app, now=timezone.now())
        return _("%(proved)d with a good proof, %(missing)d without one, %(wrong)d with a wrong one") % counted

    @admin.display(description=_("keys"))
    def key_count(self, check: Any) -> int:
        return int(check.key_count)
