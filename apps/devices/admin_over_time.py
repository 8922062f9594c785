"""Two pages about all devices together: who may be sent to over time, and how healthy the addresses are."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views import View

from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.core.words import Word
from apps.customers.models import ConsentDay
from apps.devices.admin_words import DEVICES, death_of, is_vendors
from apps.devices.models import GATEWAYS, PLATFORMS, Channel, DeviceDay
from apps.devices.over_time import (
    consent_lines,
    covered,
    days_of,
    deaths_by_reason,
    devices_csv,
    grouped,
    labels,
    opt_in_lines,
    people_csv,
    state_lines,
)
from apps.devices.queries import channels_of, consent_days, counts_by_state, device_days, set_aside_counts

PERIODS = (30, 90, 365)
_PLATFORM_NAMES = dict(PLATFORMS)


class OverTimeView(View, ABC):
    """What both pages share: whose devices, and since when. ?app=slug, ?days=30|90|365, ?csv=devices|people."""

    admin_site: AdminSite = None  # type: ignore[assignment]
    template: str
    title: Any

    def get(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        user: Any = request.user
        if not user.has_perm("devices.view_deviceday"):
            raise PermissionDenied
        mine = list(apps_of(request.user))
        apps = [app for app in mine if app.slug == request.GET.get("app")] or mine
        days = _days_in(request)
        since = timezone.now().date() - timedelta(days=days)
        app_ids = [app.pk for app in apps]
        rows = list(device_days(app_ids, since=since))
        people = list(consent_days(app_ids, since=since)) if user.has_perm("customers.view_consentday") else []
        if request.GET.get("csv") in ("devices", "people"):
            return _csv(request.GET["csv"], rows, people)
        frame = {
            **self.admin_site.each_context(request),
            "title": self.title,
            "apps": mine,
            "chosen": apps[0] if len(apps) == 1 else None,
            "days": days,
            "periods": PERIODS,
            "rows": rows,
            "covered": covered(rows, asked_days=days),
            "labels": labels(days_of(rows)),
            "has_reconstructed": any(row.is_reconstructed for row in rows),
        }
        return TemplateResponse(request, self.template, {**frame, **self.shown(request, apps, rows, people)})

    @abstractmethod
    def shown(
        self, request: HttpRequest, apps: Sequence[App], rows: Sequence[DeviceDay], people: Sequence[ConsentDay]
    ) -> dict[str, Any]:
        """What the page shows beside the frame."""


class OptInView(OverTimeView):
    """How many of the live devices may be sent to, and what people said."""

    template = "devices/opt_in.html"
    title = _("Opt-in")

    def shown(
        self, request: HttpRequest, apps: Sequence[App], rows: Sequence[DeviceDay], people: Sequence[ConsentDay]
    ) -> dict[str, Any]:
        last = _of_last_day(rows)
        first = grouped(_of_day(rows, rows[0].day if rows else None), lambda row: row.platform)
        today = grouped(last, lambda row: row.platform)
        told = [row for row in people if people[-1].day == row.day]
        return {
            "tiles": [
                {"name": _PLATFORM_NAMES[platform], "now": one, "change": _change(one, first.get(platform))}
                for platform in _PLATFORM_NAMES
                if (one := today.get(platform))
            ],
            "said": {channel: _said(told, channel) for channel in ("push", "sms")} if told else {},
            "lines": opt_in_lines(rows),
            "people_labels": labels(days_of(people)),
            "people_covered": covered(people, asked_days=_days_in(request)),
            "people_lines": consent_lines(people, {"push": _("Push"), "sms": _("SMS")}),
            "table": _by_app_and_platform(last),
        }


class HygieneView(OverTimeView):
    """States over time, why addresses died, and what waits for a decision."""

    template = "devices/hygiene.html"
    title = _("Device hygiene")

    def shown(
        self, request: HttpRequest, apps: Sequence[App], rows: Sequence[DeviceDay], people: Sequence[ConsentDay]
    ) -> dict[str, Any]:
        app_ids = [app.pk for app in apps]
        counts = counts_by_state(app_ids)
        deaths = _in_words(deaths_by_reason(rows))
        user: Any = request.user
        return {
            "tiles": [{"state": state, "word": word, "count": counts.get(state, 0)} for state, word in DEVICES.items()],
            "aside": list(_set_aside(app_ids)) if counts.get("quarantined") else [],
            "may_restore": user.has_perm("devices.change_channel"),
            "lines": state_lines(rows, {state: word.name for state, word in DEVICES.items()}),
            "deaths": deaths,
            "death_count": sum(one["count"] for one in deaths),
            "table": _by_app_and_platform(_of_last_day(rows)),
        }


def _days_in(request: HttpRequest) -> int:
    return next((period for period in PERIODS if str(period) == request.GET.get("days")), PERIODS[0])


def _set_aside(app_ids: Sequence[int]) -> Iterable[dict[str, Any]]:
    """Channels whose devices wait for a decision."""
    channels: dict[tuple[int, str], Channel] = {(one.app_id, one.gateway): one for one in channels_of(app_ids)}
    for place, count in set_aside_counts(app_ids).items():
        if place in channels:
            channel = channels[place]
            yield {"channel": channel, "name": dict(GATEWAYS)[channel.gateway], "count": count}


def _in_words(deaths: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Reasons that mean the same under one word, with the vendors' own words beside it."""
    found: dict[Word, dict[str, Any]] = {}
    for reason, count in deaths:
        word = death_of(reason)
        one = found.setdefault(word, {"word": word, "count": 0, "codes": []})
        one["count"] += count
        one["codes"] += [reason] if is_vendors(reason) else []
    return sorted(found.values(), key=lambda one: -one["count"])


def _by_app_and_platform(rows: Iterable[DeviceDay]) -> list[dict[str, Any]]:
    found = grouped(rows, lambda row: (row.app.name, row.platform))
    return [
        {"app": app, "platform": _PLATFORM_NAMES[platform], "standing": one}
        for (app, platform), one in sorted(found.items())
    ]


def _of_day(rows: Sequence[DeviceDay], day: date | None) -> list[DeviceDay]:
    return [row for row in rows if row.day == day]


def _of_last_day(rows: Sequence[DeviceDay]) -> list[DeviceDay]:
    return _of_day(rows, rows[-1].day if rows else None)


def _change(now: Any, before: Any) -> float | None:
    """In percentage points; None where one of the two is unknown."""
    if before is None or now.percent is None or before.percent is None:
        return None
    return round(float(now.percent - before.percent), 1)


def _said(rows: Iterable[ConsentDay], channel: str) -> dict[str, int]:
    mine = [row for row in rows if row.channel == channel]
    return {name: sum(getattr(row, name) for row in mine) for name in ("granted", "refused", "unsaid")}


def _csv(which: str, rows: Iterable[DeviceDay], people: Iterable[ConsentDay]) -> StreamingHttpResponse:
    lines = devices_csv(rows) if which == "devices" else people_csv(people)
    name = "devices-by-day" if which == "devices" else "consent-by-day"
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
