"""How a push behaves on the device: sound, channel, badge and the like. One set for all languages of the message."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_forms import number_input, text_input
from apps.deliveries.rendering.field_rules import DRAWABLE, MOST_BADGE

_HEADER = r"[\x21-\x7e]{1,64}"


@dataclass(frozen=True, slots=True)
class Setting:
    """A field with what each platform makes of it, said beside the field."""

    field: forms.BoundField
    used: Any
    ignored: Any


# What the gateways' payloads carry (fcm_message, apns_payload, webpush_payload), in a marketer's words.
_USED = {
    "urgency": _("All platforms. “When convenient” lets a sleeping phone wait, and saves its battery."),
    "sound": _("iPhones, and Android 7 and older. The file has to be in the app; “default” is always there."),
    "badge": _("iPhones show it on the app’s icon; many Androids do; browsers only in installed web apps."),
    "android_icon": _("Android alone: the name of a picture inside the app, as your developers call it."),
    "lock_screen": _("Android alone: how much of it a locked phone shows, where its owner allows more."),
    "android_channel": _("Android alone: people can switch a channel off, and it decides sound and vibration."),
    "interruption_level": _("iPhones alone: “time-sensitive” breaks through Focus, “passive” waits in the list."),
    "collapse_key": _("All platforms: a later push with the same key takes the place of an earlier one."),
    "silent": _("Wakes the app without showing anything: no title or text is seen."),
}
_IGNORED = {
    "sound": _("Ignored by newer Androids (the channel decides) and by browsers."),
    "badge": _("Ignored by Androids without badges, and by browser tabs."),
    "android_icon": _("Ignored by iPhones and browsers, which show the app’s own icon."),
    "lock_screen": _("Ignored by iPhones and browsers: there people set it themselves."),
    "android_channel": _("Ignored by iPhones and browsers."),
    "interruption_level": _("Ignored by Android and browsers."),
    "silent": _("Browsers must show something, so there it comes without a sound. iPhones deliver only a few an hour."),
}


class PushSettingsForm(forms.Form):
    """Fields `push-<name>`, each a field of contents."""

    urgency = forms.ChoiceField(
        label=_("Urgency"),
        required=False,
        choices=[("", _("at once")), ("normal", _("when convenient"))],
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    sound = forms.RegexField(
        label=_("Sound"),
        regex=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        required=False,
        widget=text_input(placeholder="default"),
        error_messages={"invalid": _("Write the name of the sound file: letters, digits, _ . and - only.")},
    )
    badge = forms.IntegerField(
        label=_("Badge"),
        required=False,
        min_value=0,
        max_value=MOST_BADGE,
        widget=number_input(min="0", step="1"),
        help_text=_("A number; 0 takes it away, empty leaves it as it is."),
    )
    android_channel = forms.RegexField(
        label=_("Android channel"),
        regex=rf"^{_HEADER}$",
        required=False,
        widget=text_input(placeholder="offers"),
        error_messages={"invalid": _("Write the channel’s id as your developers set it: no spaces, at most 64 signs.")},
    )
    android_icon = forms.RegexField(
        label=_("Android icon"),
        regex=rf"^{DRAWABLE.pattern}$",
        required=False,
        widget=text_input(placeholder="ic_parcel"),
        error_messages={"invalid": _("Write the name of the picture: small letters, digits and _, as in ic_parcel.")},
    )
    lock_screen = forms.ChoiceField(
        label=_("On a locked Android"),
        required=False,
        choices=[
            ("", _("as usual")),
            ("public", _("everything")),
            ("private", _("that there is a message, not what it says")),
            ("secret", _("nothing")),
        ],
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    interruption_level = forms.ChoiceField(
        label=_("Interruption level"),
        required=False,
        choices=[
            ("", _("as usual")),
            ("passive", _("passive")),
            ("active", _("active")),
            ("time-sensitive", _("time-sensitive")),
        ],
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    collapse_key = forms.RegexField(
        label=_("Replaces earlier pushes with the key"),
        regex=rf"^{_HEADER}$",
        required=False,
        widget=text_input(placeholder="weekly-offer"),
        error_messages={"invalid": _("Write one word without spaces, at most 64 plain letters, digits and signs.")},
    )
    silent = forms.BooleanField(label=_("Silent: for the app, not for eyes"), required=False)

    def __init__(self, text: Mapping[str, Any], sent: Mapping[str, Any] | None = None) -> None:
        """text: the default language's, whose settings are shown."""
        self.stored = {name: text.get(name) for name in self.base_fields}
        data = sent if sent is None or "push-sent" in sent else None
        super().__init__(data, prefix="push", initial=self.stored, auto_id="%s", use_required_attribute=False)

    def settings(self) -> Iterator[Setting]:
        """For the template, in order; `silent` stands apart."""
        for name in self.fields:
            yield Setting(self[name], _USED[name], _IGNORED.get(name, ""))

    @property
    def is_used(self) -> bool:
        """Whether any setting differs from the usual, so that its part of the page opens by itself."""
        return bool(self.errors) or any(value not in (None, "", False) for value in self.stored.values())

    def changes(self) -> dict[str, Any]:
        """Valid settings that differ from what is shown; None = as usual. Empty where the form was not sent.

        A page that was opened before a field came does not send it, and takes nothing away.
        """
        if not self.is_bound:
            return {}
        self.errors  # noqa: B018  (cleans)
        new = {name: _usual(value) for name, value in self.cleaned_data.items() if self._is_sent(name)}
        return {name: value for name, value in new.items() if value != _usual(self.stored[name])}

    def _is_sent(self, name: str) -> bool:
        return not self.fields[name].widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))


def said_settings(text: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Whatever of a stored text is not as usual, in words: each with what it is called. Data for the app come last."""
    for name, field in PushSettingsForm.base_fields.items():
        value = _usual(text.get(name))
        if value is True:
            yield str(field.label), gettext("yes")
        elif value is not None:
            yield str(field.label), str(_in_words(field, value))
    for key, value in (text.get("data") or {}).items():
        yield gettext("Data for your app"), f"{key} = {value}"


def _in_words(field: forms.Field, value: Any) -> Any:
    choices: Any = field.choices if isinstance(field, forms.ChoiceField) else ()
    return dict(choices).get(value, value)


def _usual(value: Any) -> Any:
    return None if value is None or value is False or value == "" else value
