"""The builder's fields of what goes out more than once, and how its times are said to people."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format, time_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.campaigns.admin_forms import StepForm, number_input, text_input
from apps.campaigns.models import Campaign
from apps.campaigns.services.local_time import is_local
from apps.campaigns.services.occurrences import next_times

SHOWN_TIMES = 3
CLOCK_CHANGES_WITHIN = timedelta(days=366)
ENDS = [
    ("never", gettext_lazy("Never")),
    ("until", gettext_lazy("After a day")),
    ("times", gettext_lazy("After so many times")),
]


class RepeatForm(StepForm):
    """How it repeats, and what the API sends along. A part of which nothing was sent is untouched."""

    repeat_every = forms.ChoiceField(required=False, choices=Campaign.EVERY)
    repeat_weekdays = forms.TypedMultipleChoiceField(
        required=False, coerce=int, choices=list(WEEKDAYS.items()), label=gettext_lazy("On these days")
    )
    repeat_day = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=31,
        label=gettext_lazy("Day of the month"),
        widget=number_input(min="1", max="31", step="1"),
    )
    repeat_time = forms.TimeField(
        required=False,
        label=gettext_lazy("At"),
        widget=forms.TimeInput(attrs={"class": "hg-input", "type": "time"}, format="%H:%M"),
    )
    repeat_from = forms.DateField(
        required=False,
        label=gettext_lazy("Not before"),
        widget=forms.DateInput(attrs={"class": "hg-input", "type": "date"}, format="%Y-%m-%d"),
    )
    repeat_ends = forms.ChoiceField(required=False, choices=ENDS)
    repeat_until = forms.DateField(
        required=False,
        label=gettext_lazy("Last day"),
        widget=forms.DateInput(attrs={"class": "hg-input", "type": "date"}, format="%Y-%m-%d"),
    )
    repeat_times = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10_000,
        label=gettext_lazy("Times in all"),
        widget=number_input(min="1", step="1"),
    )
    api_facts = forms.CharField(
        required=False,
        max_length=2000,
        label=gettext_lazy("What it sends along"),
        widget=text_input(placeholder="order_number, total"),
    )

    def stored(self) -> dict[str, Any]:
        campaign = self.campaign
        ends = "until" if campaign.repeat_until else "times" if campaign.repeat_times else "never"
        values = {name: getattr(campaign, name) for name in self.base_fields if name != "repeat_ends"}
        return {**values, "repeat_ends": ends, "api_facts": ", ".join(campaign.api_facts)}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        ends = cleaned.get("repeat_ends")
        if ends in ("until", "times") and not cleaned.get(f"repeat_{ends}") and f"repeat_{ends}" not in self.errors:
            words = {"until": _("Say until which day."), "times": _("Say how many times.")}
            if self._is_chosen():
                self.add_error(f"repeat_{ends}", words[str(ends)])
        return cleaned

    def changes(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if self._is_sent("repeat_every"):
            valid = self.valid("repeat_every", "repeat_weekdays", "repeat_day", "repeat_time", "repeat_from")
            values = {name: one for name, one in valid.items() if one is not None or name == "repeat_from"}
            values |= self._end()
        if self._is_sent("api_facts"):
            values |= {
                name: list(dict.fromkeys(re.findall(r"[^\s,;{}]+", one)))
                for name, one in self.valid("api_facts").items()
            }
        return self.differing(values)

    def _end(self) -> dict[str, Any]:
        """The one end that is chosen, and none of the others."""
        ends = self.valid("repeat_ends").get("repeat_ends") or "never"
        if ends == "never":
            return {"repeat_until": None, "repeat_times": None}
        other = {"until": "repeat_times", "times": "repeat_until"}[ends]
        chosen = self.valid(f"repeat_{ends}").get(f"repeat_{ends}")
        return {other: None, f"repeat_{ends}": chosen} if chosen else {}

    def _is_chosen(self) -> bool:
        return self.data.get("timing") == "repeat"

    def _is_sent(self, name: str) -> bool:
        return name in self.data

    def days(self) -> list[dict[str, Any]]:
        """The days of the week for the template, with what is chosen."""
        chosen = {str(day) for day in self["repeat_weekdays"].value() or []}
        return [
            {"number": day, "name": WEEKDAYS[day], "short": WEEKDAYS_ABBR[day], "is_chosen": str(day) in chosen}
            for day in range(7)
        ]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How it repeats, in words. clock: on whose; times: its next ones; clocks: what a clock change does to it."""

    says: str
    clock: str
    is_local: bool
    ends: str
    times: Sequence[datetime]
    clocks: str


def rhythm_of(campaign: Campaign, now: datetime) -> Rhythm | None:
    """None where it does not repeat."""
    if campaign.timing != "repeat":
        return None
    return Rhythm(
        rhythm_words(campaign),
        clock_words(campaign),
        is_local(campaign),
        _end_words(campaign),
        next_times(campaign, now, SHOWN_TIMES),
        "" if is_local(campaign) else _clock_words(campaign, now),
    )


def rhythm_words(campaign: Campaign) -> str:
    """ "every Monday and Friday at 09:00"."""
    at = time_format(campaign.repeat_time, "H:i")
    if campaign.repeat_every == "weekly":
        names = [str(WEEKDAYS[day]) for day in sorted({*campaign.repeat_weekdays} & {*range(7)})]
        days = get_text_list(names, _("and")) or "–"
        return _("every %(days)s at %(time)s") % {"days": days, "time": at}
    if campaign.repeat_every == "monthly":
        words = {"day": campaign.repeat_day, "time": at}
        if campaign.repeat_day > 28:
            return _("on day %(day)s of every month, or its last day, at %(time)s") % words
        return _("on day %(day)s of every month at %(time)s") % words
    return _("every day at %(time)s") % {"time": at}


def clock_words(campaign: Campaign) -> str:
    """What follows the rhythm."""
    words = {
        "each": _("on each person's clock"),
        "habit": _("on each person's clock, or at the hour they usually open"),
    }
    return words.get(campaign.clock, campaign.app.time_zone)


def _end_words(campaign: Campaign) -> str:
    if campaign.repeat_until:
        return _("until %s") % date_format(campaign.repeat_until, "j M Y")
    if campaign.repeat_times:
        launched = campaign.occurrences.filter(outcome="launched").count()
        words = {"times": campaign.repeat_times, "launched": launched}
        return _("%(times)s times in all, %(launched)s so far") % words
    return _("without end, until you stop it")


def _clock_words(campaign: Campaign, now: datetime) -> str:
    """What the next change of the project's clock within a year does to its time, where it does anything."""
    rule = campaign.recurrence
    for day in rule.days_after(now):
        if rule.moment(day) > now + CLOCK_CHANGES_WITHIN:
            break
        local = rule.moment(day).astimezone(rule.zone)
        words = {"day": _day(day), "time": time_format(rule.at, "H:i"), "instead": time_format(local.time(), "H:i")}
        if local.time() != rule.at:
            return _("On %(day)s the clocks skip %(time)s: it goes out at %(instead)s.") % words
        if local.replace(fold=1).utcoffset() != local.replace(fold=0).utcoffset():
            return _("On %(day)s there are two %(time)s: it goes out at the first, once.") % words
    return ""


def _day(day: date) -> str:
    return date_format(day, "j M Y")
