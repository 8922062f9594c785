"""The calendar: a month of campaigns, a week of it on a phone, and what meets the same people on a day."""

import calendar as months
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.utils import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from apps.accounts.admin_pages import draw_page
from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.campaigns.calendar import Entry, collisions, entries_of
from apps.campaigns.models import Campaign

type Admin = ModelAdmin[Campaign]
YEARS = range(2000, 2100)
SHOWN_IN_A_DAY = 4
_PAGE = "campaigns/calendar/page.html"


@dataclass(frozen=True, slots=True)
class Day:
    """One place of the grid. more: how many entries are not shown there."""

    day: date
    entries: Sequence[Entry]
    more: int
    is_of_month: bool
    is_today: bool
    is_chosen: bool


def page(model_admin: Admin, request: HttpRequest) -> HttpResponse:
    """The month of ?on=, with that day chosen; what has to be counted comes after it."""
    app, chosen = _asked(model_admin, request)
    if app is None:
        return draw_page(model_admin, request, _PAGE, {"title": _("Calendar"), "apps": []}, place=_("Calendar"))
    weeks = months.Calendar(firstweekday=0).monthdatescalendar(chosen.year, chosen.month)
    now = timezone.now()
    found = entries_of(app, weeks[0][0], weeks[-1][-1], now)
    today = now.astimezone(ZoneInfo(app.time_zone)).date()
    days = [[_day(one, found, app, chosen, today) for one in week] for week in weeks]
    first = chosen.replace(day=1)
    context = {
        "title": _("Calendar"),
        "app": app,
        "apps": list(apps_of(request.user)),
        "chosen": chosen,
        "weeks": [(week, any(day.is_chosen for day in week)) for week in days],
        "weekdays": [(WEEKDAYS[day], WEEKDAYS_ABBR[day]) for day in range(7)],
        "before": (first - timedelta(days=1)).replace(day=1),
        "after": (first + timedelta(days=31)).replace(day=1),
        "week_before": chosen - timedelta(days=7),
        "week_after": chosen + timedelta(days=7),
        "entries": _on(found, chosen, app),
        "triggered": Campaign.objects.filter(app=app, state="scheduled", timing="api"),
    }
    return draw_page(model_admin, request, _PAGE, context, place=_("Calendar"))


def day(model_admin: Admin, request: HttpRequest) -> HttpResponse:
    """What has to be counted about the day of ?on=: people in common, and whom the frequency cap will leave out."""
    app, chosen = _asked(model_admin, request)
    if app is None:
        raise PermissionDenied
    now = timezone.now()
    to_come = [entry for entry in entries_of(app, chosen, chosen, now) if entry.dispatch_id is None]
    context: dict[str, Any] = {"app": app, "names": {entry.campaign_id: entry.name for entry in to_come}}
    try:
        found = collisions(app, to_come, now) if to_come else None
    except OperationalError:
        context["is_slow"] = True
        found = None
    if found:
        names = context["names"]
        context["rows"] = [
            {"name": names[pk], "pk": pk, "people": found.people.get(pk, 0), "capped": (found.capped or {}).get(pk, 0)}
            for pk in names
        ]
        context.update(is_cap_slow=found.capped is None, every=found.every)
        context["meetings"] = [
            {"one": names[met.one], "other": names[met.other], "people": met.people} for met in found.meetings
        ]
    return TemplateResponse(request, "campaigns/calendar/day.html", context)


def _asked(model_admin: Admin, request: HttpRequest) -> tuple[App | None, date]:
    """The app of ?app=, else the first of the person's; the day of ?on=, else today there. Raises PermissionDenied."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    apps = list(apps_of(request.user))
    app = next((one for one in apps if one.slug == request.GET.get("app")), apps[0] if apps else None)
    zone = ZoneInfo(app.time_zone) if app else ZoneInfo("UTC")
    return app, _date(request.GET.get("on", "")) or timezone.now().astimezone(zone).date()


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in YEARS else None


def _day(one: date, found: Sequence[Entry], app: App, chosen: date, today: date) -> Day:
    entries = _on(found, one, app)
    return Day(
        day=one,
        entries=entries[:SHOWN_IN_A_DAY],
        more=max(0, len(entries) - SHOWN_IN_A_DAY),
        is_of_month=one.month == chosen.month,
        is_today=one == today,
        is_chosen=one == chosen,
    )


def _on(found: Sequence[Entry], one: date, app: App) -> list[Entry]:
    zone = ZoneInfo(app.time_zone)
    return [entry for entry in found if entry.at.astimezone(zone).date() == one]
