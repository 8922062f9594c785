"""What the app gets with a push and nobody sees: names, each with a text. One set for all languages of the message."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_forms import text_input
from apps.campaigns.models import Campaign
from apps.campaigns.services.readiness import known_names
from apps.deliveries.rendering.analysis import MOST_DATA_KEYS, data_problems

# Empty places that the page holds ready, for pages with and without scripts.
SPARE = 8


@dataclass(frozen=True, slots=True)
class Place:
    """One name and its text. is_used: it is shown from the start."""

    number: int
    key: forms.BoundField
    value: forms.BoundField
    is_used: bool


class PushDataForm(forms.Form):
    """Fields `data-<n>_key` and `data-<n>_value`, stored as `data` of contents; none of it while any of it is wrong."""

    def __init__(self, campaign: Campaign, text: Mapping[str, Any], sent: Mapping[str, Any] | None = None) -> None:
        """text: the default language's, whose data are shown."""
        self.campaign = campaign
        self.stored: dict[str, str] = dict(text.get("data") or {})
        places = min(len(self.stored) + SPARE, MOST_DATA_KEYS) if sent is None else _places_in(sent)
        initial: dict[str, str] = {}
        for place, (key, value) in enumerate(self.stored.items()):
            initial |= {f"{place}_key": key, f"{place}_value": value}
        super().__init__(sent if places else None, prefix="data", initial=initial, auto_id="%s")
        for place in range(places):
            self.fields[f"{place}_key"] = forms.CharField(
                label=_("Data for your app, name"),
                required=False,
                strip=True,
                widget=text_input(dir="ltr", autocapitalize="none"),
            )
            self.fields[f"{place}_value"] = forms.CharField(
                label=_("Data for your app, text"), required=False, strip=False, widget=text_input(dir="auto")
            )

    def places(self) -> Iterator[Place]:
        """For the template, in order."""
        for place in range(len(self.fields) // 2):
            key, value = self[f"{place}_key"], self[f"{place}_value"]
            yield Place(place + 1, key, value, bool(key.value() or value.value()))

    @property
    def is_used(self) -> bool:
        return bool(self.stored or self.errors)

    def slot_of(self, key: str) -> str:
        """The field in which the text of this name stands; "" where none does."""
        return next((one.value.auto_id for one in self.places() if one.key.value() == key), "")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        found: dict[str, int] = {}
        for place in range(len(self.fields) // 2):
            key, value = cleaned.get(f"{place}_key", ""), cleaned.get(f"{place}_value", "")
            if key in found:
                self.add_error(f"{place}_key", _("This name stands above already."))
            elif key or value:
                found[key] = place
        texts = {key: self._as_stored(key, cleaned.get(f"{place}_value", "")) for key, place in found.items()}
        for key, text in texts.items():
            self._judge(found[key], key, text)
        cleaned["texts"] = texts
        return cleaned

    def changes(self) -> dict[str, Any]:
        """`data` where it is valid and differs from what is shown; None = none. Empty where the form was not sent."""
        if not self.is_bound or self.errors or self.cleaned_data["texts"] == self.stored:
            return {}
        return {"data": self.cleaned_data["texts"] or None}

    def _as_stored(self, key: str, text: str) -> str:
        """A field of one line sends a text of several, which an API call may have stored, without its breaks."""
        stored = self.stored.get(key, "")
        return stored if stored.replace("\r", "").replace("\n", "") == text else text

    def _judge(self, place: int, key: str, text: str) -> None:
        """By the rules of the API; what is wrong with a name stands under the name."""
        if not key:
            self.add_error(f"{place}_key", _("Give it the name that your developers know."))
            return
        for problem in data_problems({key: text}, known_names(self.campaign)):
            part = "key" if problem.code in ("reserved_key", "key_length") else "value"
            self.add_error(f"{place}_{part}", capfirst(problem.message))


def _places_in(sent: Mapping[str, Any]) -> int:
    """How many the page had that was sent."""
    return next((place for place in range(MOST_DATA_KEYS) if f"data-{place}_key" not in sent), MOST_DATA_KEYS)
