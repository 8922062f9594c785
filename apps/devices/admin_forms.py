"""What the channel pages take in: pasted credentials (never shown again), pace, a reason for stopping."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.devices.models import GATEWAYS
from apps.devices.services.channels import FIELDS, SECRETS

_WORDS: Mapping[str, tuple[Any, Any]] = {
    "service_account": (
        _("Service account file"),
        _("Firebase console → Project settings → Service accounts → Generate new private key. Paste the whole file."),
    ),
    "key_p8": (_("Key file (.p8)"), _("Apple Developer → Keys. Paste the whole file, with its BEGIN and END lines.")),
    "key_id": (_("Key id"), _("Ten characters, beside the key in Apple Developer.")),
    "team_id": (_("Team id"), _("Ten characters, top right in Apple Developer.")),
    "topic": (_("Bundle id"), _("Of your app, such as com.example.shop.")),
    "private_key": (_("Private key"), _("Leave both keys empty on a new channel, and a pair is made for you.")),
    "public_key": (_("Public key"), _("What your web site subscribes with.")),
    "subject": (_("Contact"), _("mailto:… or https://…, for the browser vendors to reach you.")),
    "account_sid": (_("Account SID"), _("Begins with AC.")),
    "auth_token": (_("Auth token"), _("From the Twilio console.")),
    "sender": (_("Sender"), _("A number with its country's code, a short code, or a name of up to 11 letters.")),
}
_LONG = {"service_account", "key_p8"}


class CredentialsForm(forms.Form):
    """The fields of one gateway. Secrets are written, never read back."""

    def __init__(self, gateway: str, *args: Any, kept: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gateway = gateway
        for name in FIELDS[gateway]:
            label, help_text = _WORDS[name]
            self.fields[name] = forms.CharField(
                label=label,
                help_text=help_text,
                required=False,
                initial="" if name in SECRETS or not kept else kept.get(name, ""),
                widget=_widget(name, is_kept=kept is not None and name in SECRETS),
            )
        self.fields["pace_per_second"] = forms.FloatField(
            label=_("Most messages a second"),
            required=False,
            localize=True,
            help_text=_("Empty: as many as the vendor takes."),
            widget=forms.TextInput(attrs={"class": "hg-input", "inputmode": "decimal"}),
        )
        if gateway == "fcm":
            self.fields["quota_per_minute"] = forms.IntegerField(
                label=_("Quota of the Firebase project, a minute"),
                required=False,
                min_value=0,
                help_text=_(
                    "Shared by every app that uses the project. Empty: Google's usual 600,000. 0: not kept to."
                ),
                widget=forms.TextInput(attrs={"class": "hg-input", "inputmode": "numeric"}),
            )


class NewChannelForm(forms.Form):
    """Which gateway, of which app."""

    gateway = forms.ChoiceField(choices=GATEWAYS)

    def __init__(self, apps: QuerySet[App], *args: Any) -> None:
        super().__init__(*args)
        self.fields["app"] = forms.ModelChoiceField(apps, to_field_name="slug")


def _widget(name: str, *, is_kept: bool) -> forms.Widget:
    attrs: dict[str, Any] = {"class": "hg-input", "autocomplete": "off", "spellcheck": "false"}
    if is_kept:
        attrs["placeholder"] = _("stored – paste here only to replace it")
    if name in _LONG:
        return forms.Textarea(attrs={**attrs, "rows": 5})
    if name in SECRETS:
        return forms.PasswordInput(attrs={**attrs, "autocomplete": "new-password"})
    return forms.TextInput(attrs=attrs)
