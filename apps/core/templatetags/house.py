"""What every page of the house writes the same way: numbers, shares, times with their zone, small charts, icons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template.defaultfilters import date as format_date
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext

from apps.core.words import spoken

register = template.Library()
# Icons that point along the line of reading, and so the other way from right to left.
_TURNED = {"arrow_back", "arrow_forward", "chevron_left", "chevron_right", "send", "undo", "redo", "open_in_new"}
# Fewer columns than this leave room to the right instead of growing into blocks.
FEWEST_COLUMNS = 12


@register.filter
def number(value: float | None) -> str:
    """A count with the thousands separated as the reader's language does; None is a dash."""
    return "–" if value is None else number_format(value, force_grouping=True)


register.filter("spoken", spoken)


@register.filter
def round_number(value: float) -> str:
    """A mark on an axis: a whole number."""
    return number(round(value))


@register.filter
def share(part: float | None, whole: float | None) -> str:
    """part / whole as a rounded percentage, one decimal under 10 %; a dash where there is no whole. 100 % means all."""
    if not whole or part is None:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.05:
        return f"< {number_format(0.1, 1)} %"
    if 99.5 <= percent < 100:
        return f"{number_format(min(round(percent, 1), 99.9), 1)} %"
    places = 1 if 0 < percent < 9.95 else 0
    return f"{number_format(round(percent, places), places)} %"


@register.filter
def fraction(part: float | None, whole: float | None) -> str:
    """part / whole between 0 and 1, written for CSS and SVG (always with a point)."""
    return f"{min((part or 0) / whole, 1) if whole else 0:.4f}"


@register.simple_tag
def meter(part: float | None, whole: float | None, full: float = 1) -> SafeString:
    """part / whole as a bar whose whole length means `full` (a rate). The number itself stands beside it."""
    length = min((part or 0) / whole / full, 1) if whole and full else 0
    return format_html('<span class="hg-meter" aria-hidden="true" style="--part: {}"><i></i></span>', f"{length:.4f}")


@register.filter
def ago(at: datetime) -> str:
    """How long since, or "just now" within the first minute."""
    passed = timesince(at)
    return gettext("just now") if passed.startswith("0") else gettext("%s ago") % passed


@register.filter
def rate(per_second: float | None) -> str:
    """A pace in words: "120 a second", "30 a minute"."""
    if not per_second:
        return "–"
    if per_second >= 1:
        return gettext("%s a second") % number(round(per_second))
    return gettext("%s a minute") % number(round(per_second * 60))


@register.filter
def span(seconds: float | None) -> str:
    """A duration in its largest sensible unit: "40 seconds", "12 minutes", "3 hours", "2 days"."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 90 and whole != 60:
        return ngettext("%d second", "%d seconds", whole) % whole
    if whole < 90 * 60:
        return ngettext("%d minute", "%d minutes", round(whole / 60)) % round(whole / 60)
    if whole < 36 * 3600:
        return ngettext("%d hour", "%d hours", round(whole / 3600)) % round(whole / 3600)
    return ngettext("%d day", "%d days", round(whole / 86400)) % round(whole / 86400)


@register.filter
def span_of_minutes(minutes: float | None) -> str:
    return span(None if minutes is None else minutes * 60)


@register.filter
def get(values: Mapping[str, Any] | None, key: str) -> Any:
    """values[key], None where there is none (a template cannot look up by variable)."""
    return (values or {}).get(key)


@register.simple_tag
def zoned(at: datetime | None, zone: str) -> SafeString | str:
    """A moment on the clock of `zone`, with the zone beside it and UTC in its tooltip."""
    if at is None:
        return "–"
    local, universal = at.astimezone(ZoneInfo(zone)), at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{} <span class="hg-subtle hg-small">{}</span></time>',
        universal.isoformat(),
        format_date(universal, "j M Y, H:i"),
        format_date(local, "j M Y, H:i"),
        zone.replace("_", " "),
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """A Material Symbol; decoration only, so readers of the screen do not hear it."""
    turns = mark_safe(" data-turns") if name in _TURNED else ""
    return format_html('<span class="hg-icon" aria-hidden="true"{}>{}</span>', turns, name)


@dataclass(frozen=True, slots=True)
class Column:
    """One place on the horizontal axis. values run parallel to the chart's series; hint is read on hover.

    row: what it is called in the table, where the label is too short to tell it from its neighbours.
    """

    label: str
    values: Sequence[float]
    hint: str = ""
    row: str = ""


@register.inclusion_tag("house/columns.html")
def columns(places: Sequence[Column], series: str, caption: str, labels: int = 8) -> dict[str, Any]:
    """Columns drawn over each other, largest series first (part within whole), with the same numbers as a table.

    series: their names, with | between. At most `labels` names are written under the axis, evenly spread.
    Units: a view box of 100 x 40.
    """
    top = max((max(place.values, default=0) for place in places), default=0) or 1
    slots = max(len(places), FEWEST_COLUMNS)
    width, every = 100 / slots, max(1, -(-slots // labels))
    return {
        "caption": caption,
        "series": series.split("|"),
        "places": places,
        "top": top,
        "marks": [(0, top), (50, top / 2)],
        "blanks": range(FEWEST_COLUMNS - len(places)),
        "bars": [
            {
                "place": place,
                "label": place.label if index % every == 0 else "",
                "rects": [_rect(index, width, value, top) for value in place.values],
                "slot": {"x": f"{index * width:.3f}", "width": f"{width:.3f}"},
            }
            for index, place in enumerate(places)
        ],
    }


@register.simple_tag
def spark(values: Sequence[float], label: str) -> SafeString:
    """A line as small as a word. label: what a screen reader says instead."""
    top = max(values, default=0) or 1
    step = 100 / max(len(values) - 1, 1)
    points = " ".join(f"{index * step:.1f},{28 - 26 * value / top:.1f}" for index, value in enumerate(values))
    return format_html(
        '<svg class="hg-spark" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polyline points="{}" vector-effect="non-scaling-stroke"/></svg>',
        label,
        points,
    )


def _rect(index: int, width: float, value: float, top: float) -> dict[str, str]:
    gap = min(width * 0.28, 1.2)
    height = 40 * value / top
    return {
        "x": f"{index * width + gap / 2:.3f}",
        "y": f"{40 - height:.3f}",
        "width": f"{width - gap:.3f}",
        "height": f"{height:.3f}",
    }
