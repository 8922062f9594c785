"""The builder's fields. A form stores what is valid and says what is not; it never judges readiness.

Whether a campaign may be launched is services.readiness' word alone: a draft may hold anything half done.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_moments import clock_change_words
from apps.campaigns.models import Campaign, MessageTemplate
from apps.customers.models import Topic
from apps.deliveries.services.moments import instant_of
from apps.devices.models import PLATFORMS
from apps.segments.models import Segment

BUTTONS = 3
TEXT_FIELDS = ("title", "subtitle", "body", "image_url", "link")
# What of a place says that its button is in use.
_BUTTON_PARTS = ("open", "label", "link", "icon")
_NO_CHANGES = ZoneInfo("UTC")
MINUTES_OF: dict[str, int] = {"minutes": 1, "hours": 60, "days": 24 * 60}


class StepForm(forms.Form):
    """Fields of one step. `sent` None shows the campaign as it is."""

    def __init__(self, campaign: Campaign, sent: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.campaign = campaign
        super().__init__(sent, initial=self.stored(), auto_id="%s", use_required_attribute=False, **kwargs)

    def stored(self) -> dict[str, Any]:
        """The campaign's own values by field name."""
        raise NotImplementedError

    def valid(self, *names: str) -> dict[str, Any]:
        """Cleaned values of those of `names` that have no problem."""
        self.errors  # noqa: B018  (cleans)
        return {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}

    def differing(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of `values` (model field -> value) that the campaign does not have already."""
        return {name: value for name, value in values.items() if getattr(self.campaign, name) != value}


def text_input(**attrs: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "hg-input", "autocomplete": "off", **attrs})


def number_input(**attrs: Any) -> forms.NumberInput:
    return forms.NumberInput(attrs={"class": "hg-input hg-input-number", "inputmode": "decimal", **attrs})


class AudienceForm(StepForm):
    """Who."""

    name = forms.CharField(
        label=_("Internal name"), max_length=150, help_text=_("Only your team sees it."), widget=text_input()
    )
    include = forms.ModelMultipleChoiceField(Segment.objects.none(), required=False)
    exclude = forms.ModelMultipleChoiceField(Segment.objects.none(), required=False)
    topic = forms.ChoiceField(
        label=_("What it is about"),
        required=False,
        help_text=_("Only people who chose this topic get it. They choose on their preference page."),
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    platforms = forms.MultipleChoiceField(
        choices=PLATFORMS, error_messages={"required": _("Choose at least one platform.")}
    )
    devices = forms.ChoiceField(choices=Campaign.DEVICE_CHOICES)

    def __init__(self, campaign: Campaign, sent: Mapping[str, Any] | None = None) -> None:
        super().__init__(campaign, sent)
        self.segments = Segment.objects.filter(app=campaign.app_id)
        self.topics = Topic.objects.filter(app=campaign.app_id)
        self.fields["topic"].choices = self._topic_choices()  # type: ignore[attr-defined]
        for name in ("include", "exclude"):
            self.fields[name].queryset = self.segments  # type: ignore[attr-defined]

    @property
    def capped_topics(self) -> list[Topic]:
        """Those with a frequency cap of their own."""
        return [topic for topic in self.topics if topic.cap_count is not None]

    def stored(self) -> dict[str, Any]:
        return {
            "name": self.campaign.name,
            "include": [segment.pk for segment in self.campaign.include_segments.all()],
            "exclude": [segment.pk for segment in self.campaign.exclude_segments.all()],
            "topic": self.campaign.topic,
            "platforms": self.campaign.platforms,
            "devices": self.campaign.devices,
        }

    def _topic_choices(self) -> list[tuple[str, Any]]:
        """Those of the app, and the chosen one even if it is gone."""
        known = [(topic.key, topic.name) for topic in self.topics]
        gone = [(self.campaign.topic, self.campaign.topic)] if self.campaign.topic not in ["", *dict(known)] else []
        return [("", _("No topic: everybody who takes push")), *known, *gone]

    def changes(self) -> dict[str, Any]:
        return self.differing(self.valid("name", "topic", "platforms", "devices"))

    def segment_ids(self, name: str) -> list[int] | None:
        """The chosen ids if they are valid and differ from the stored ones."""
        chosen = sorted(segment.pk for segment in self.valid(name).get(name, []))
        if name not in self.cleaned_data or chosen == sorted(self.initial[name]):
            return None
        return chosen


def text_prefix(position: int, language: str) -> str:
    """ "text-fr" for the first variant, "v1-text-fr" for the second."""
    return f"v{position}-text-{language}" if position else f"text-{language}"


class TextForm(forms.Form):
    """The message in one language: fields `text-<language>-title` and so on, and three places for buttons.

    A place keeps its button's id in a hidden field, because stored buttons close up when one is removed.
    """

    # Written from left or right as its own language is; addresses always from the left.
    title = forms.CharField(required=False, strip=False, max_length=500, widget=text_input(dir="auto"))
    subtitle = forms.CharField(required=False, strip=False, max_length=500, widget=text_input(dir="auto"))
    body = forms.CharField(
        required=False,
        strip=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"class": "hg-input", "rows": 3, "dir": "auto"}),
    )
    image_url = forms.CharField(required=False, max_length=2000, widget=text_input(inputmode="url", dir="ltr"))
    link = forms.CharField(required=False, max_length=2000, widget=text_input(inputmode="url", dir="ltr"))

    def __init__(
        self, language: str, text: Mapping[str, Any], sent: Mapping[str, Any] | None = None, position: int = 0
    ) -> None:
        self.language, self.stored, self.position = language, text, position
        super().__init__(sent, prefix=text_prefix(position, language), initial=self._initial(), auto_id="%s")
        for place in range(BUTTONS):
            self.fields[f"button{place}_id"] = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
            self.fields[f"button{place}_open"] = forms.CharField(required=False, max_length=1, widget=forms.HiddenInput)
            self.fields[f"button{place}_label"] = forms.CharField(
                required=False, max_length=40, widget=text_input(dir="auto")
            )
            self.fields[f"button{place}_link"] = forms.CharField(
                required=False, max_length=2000, widget=text_input(inputmode="url", dir="ltr")
            )
            self.fields[f"button{place}_icon"] = forms.CharField(
                required=False, max_length=2000, widget=text_input(inputmode="url", dir="ltr")
            )

    def places(self) -> Iterator[dict[str, Any]]:
        """For the template: each place for a button, its fields, and whether it is in use."""
        for place in range(BUTTONS):
            shown = {name: self[f"button{place}_{name}"] for name in ("id", *_BUTTON_PARTS)}
            is_used = any(shown[name].value() for name in _BUTTON_PARTS)
            yield {"number": place + 1, **shown, "is_used": is_used}

    def text(self) -> dict[str, Any]:
        """The body to store: valid fields replace, everything this form does not know stays."""
        sent = [name for name in TEXT_FIELDS if self.add_prefix(name) in self.data and not self.has_error(name)]
        valid = {name: self.cleaned_data[name] for name in sent}
        body = {**self.stored, **valid, "buttons": [self._button(place) for place in self.used_places()]}
        return {name: value for name, value in body.items() if value not in ("", [], None)}

    def used_places(self) -> list[int]:
        """Which places the stored buttons stand in, in order. One that was added and not yet named is stored too."""
        self.errors  # noqa: B018  (cleans)
        return [place for place in range(BUTTONS) if any(self._sent(place, name) for name in _BUTTON_PARTS)]

    def _sent(self, place: int, name: str) -> str:
        return str(self.data.get(f"{self.prefix}-button{place}_{name}") or "").strip()

    def _button(self, place: int) -> dict[str, str]:
        key = self.cleaned_data.get(f"button{place}_id") or f"b{place + 1}"
        known: Mapping[str, str] = next(
            (button for button in self.stored.get("buttons") or [] if button.get("id") == key), {}
        )
        shown = {name: self.cleaned_data.get(f"button{place}_{name}", known.get(name, "")) for name in ("link", "icon")}
        if self.add_prefix(f"button{place}_icon") not in self.data:
            shown["icon"] = known.get("icon", "")
        label = self.cleaned_data.get(f"button{place}_label", known.get("label", ""))
        return {"id": key, "label": label, **{name: value for name, value in shown.items() if value}}

    def _initial(self) -> dict[str, Any]:
        buttons = list(self.stored.get("buttons") or [])[:BUTTONS]
        used = [button.get("id", "") for button in buttons]
        free = [f"b{number}" for number in range(1, 2 * BUTTONS + 1) if f"b{number}" not in used]
        initial = {name: self.stored.get(name, "") for name in TEXT_FIELDS}
        for place in range(BUTTONS):
            button = buttons[place] if place < len(buttons) else {"id": free.pop(0)}
            initial.update({f"button{place}_{name}": button.get(name, "") for name in ("id", "label", "link", "icon")})
            initial[f"button{place}_open"] = "1" if place < len(buttons) else ""
        return initial


class WallTimeField(forms.DateTimeField):
    """A time on the current zone's clock. Skipped by a clock change it is as much later; coming twice, the first.

    wall: what was typed, for `DeliveryForm.clock_change` to say so.
    """

    wall: datetime | None = None

    def to_python(self, value: Any) -> datetime | None:
        zone = timezone.get_current_timezone()
        with timezone.override(_NO_CHANGES):
            read = super().to_python(value)
        if read is None or read.tzinfo is not _NO_CHANGES:
            return read
        self.wall = read.replace(tzinfo=None)
        return instant_of(self.wall, ZoneInfo(str(zone)))


class DeliveryForm(StepForm):
    """When, how fast, and when rather not."""

    timing = forms.ChoiceField(choices=Campaign.TIMINGS)
    clock = forms.ChoiceField(choices=Campaign.CLOCKS, required=False)
    missed_hour = forms.ChoiceField(
        choices=[("skip", _("people are left out")), ("next_day", _("people get it the next day"))],
        required=False,
        label=_("Where that time has passed already"),
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    scheduled_at = WallTimeField(
        required=False,
        label=_("Day and time"),
        widget=forms.DateTimeInput(attrs={"class": "hg-input", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    pace = forms.ChoiceField(choices=[("full", _("As fast as possible")), ("steady", _("At a steady pace"))])
    throttle_per_second = forms.FloatField(
        required=False, label=_("Pushes a second"), min_value=0.01, widget=number_input(step="any", min="0.01")
    )
    expire_value = forms.IntegerField(
        label=_("Expires after"), min_value=1, max_value=100_000, widget=number_input(min="1", step="1")
    )
    expire_unit = forms.ChoiceField(
        choices=[("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days"))],
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    respects_quiet_hours = forms.BooleanField(required=False)
    respects_cap = forms.BooleanField(required=False)

    def stored(self) -> dict[str, Any]:
        value, unit = largest_unit(self.campaign.expire_after_minutes)
        at = self.campaign.scheduled_at
        return {
            "timing": self.campaign.timing,
            "clock": self.campaign.clock,
            "missed_hour": self.campaign.missed_hour,
            "scheduled_at": at and timezone.localtime(at, self.zone).replace(tzinfo=None),
            "pace": "steady" if self.campaign.throttle_per_second else "full",
            "throttle_per_second": self.campaign.throttle_per_second,
            "expire_value": value,
            "expire_unit": unit,
            "respects_quiet_hours": self.campaign.respects_quiet_hours,
            "respects_cap": self.campaign.respects_cap,
        }

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.campaign.app.time_zone)

    @property
    def clock_change(self) -> str:
        """What a clock change on the app's clock does to the set time, in words; "" where there is none."""
        at, field = self.campaign.scheduled_at, self.fields["scheduled_at"]
        typed = field.wall if isinstance(field, WallTimeField) else None
        wall = typed or (at and timezone.localtime(at, self.zone).replace(tzinfo=None))
        return clock_change_words(wall, self.zone) if wall else ""

    def full_clean(self) -> None:
        """Times are read on the app's clock."""
        with timezone.override(self.zone):
            super().full_clean()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_given = cleaned.get("throttle_per_second") or "throttle_per_second" in self.errors
        if cleaned.get("pace") == "steady" and not is_given:
            self.add_error("throttle_per_second", _("Say how many pushes a second."))
        return cleaned

    def changes(self) -> dict[str, Any]:
        values = self.valid("timing", "scheduled_at", "respects_quiet_hours", "respects_cap")
        values |= {name: value for name, value in self.valid("clock", "missed_hour").items() if value}
        cleaned = self.cleaned_data
        if cleaned.get("pace") == "full":
            values["throttle_per_second"] = None
        elif cleaned.get("throttle_per_second"):
            values["throttle_per_second"] = cleaned["throttle_per_second"]
        if {"expire_value", "expire_unit"} <= cleaned.keys():
            values["expire_after_minutes"] = cleaned["expire_value"] * MINUTES_OF[cleaned["expire_unit"]]
        return self.differing(values)


def largest_unit(minutes: int) -> tuple[int, str]:
    """90 -> (90, minutes), 120 -> (2, hours), 2880 -> (2, days); one day reads as 24 hours."""
    for unit in ("days", "hours"):
        if minutes % MINUTES_OF[unit] == 0 and minutes > MINUTES_OF[unit]:
            return minutes // MINUTES_OF[unit], unit
    return minutes, "minutes"


class NewCampaignForm(forms.Form):
    """What a new campaign needs before its draft exists."""

    name = forms.CharField(
        label=_("What is it called?"),
        max_length=150,
        help_text=_("Only your team sees this name, so make it easy to find again."),
        widget=text_input(autofocus=True, placeholder=_("Black Friday, early access")),
    )
    app: Any = forms.ModelChoiceField(
        None, label=_("App"), empty_label=None, widget=forms.Select(attrs={"class": "hg-input"})
    )

    template: Any = forms.ModelChoiceField(None, label=_("Begin with"), required=False, blank=True)

    def __init__(self, apps: Any, sent: Mapping[str, Any] | None = None, template: str = "") -> None:
        super().__init__(sent, auto_id="%s", use_required_attribute=False, initial={"template": template})
        self.fields["app"].queryset = apps  # type: ignore[attr-defined]
        self.templates = MessageTemplate.objects.filter(app__in=apps)
        self.fields["template"].queryset = self.templates  # type: ignore[attr-defined]
        if len(apps) == 1:
            self.fields["app"].widget = forms.HiddenInput()
            self.initial["app"] = apps[0].pk

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        template, app = cleaned.get("template"), cleaned.get("app")
        if template and app and template.app_id != app.pk:
            self.add_error("template", _("This template belongs to another app."))
        return cleaned
