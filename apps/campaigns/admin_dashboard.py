"""The first page: how many can be reached, what runs, what needs a hand, and the way to a first campaign."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.admin_pages import page_of
from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.campaigns import admin_numbers as numbers
from apps.campaigns.admin_troubles import campaigns_in_trouble
from apps.campaigns.admin_words import is_running, state_of
from apps.campaigns.funnel import stopped_automations
from apps.campaigns.models import Campaign
from apps.campaigns.queries import waiting_for
from apps.customers.services.sealing_start import who_is_waited_for
from apps.devices.models import Channel, Device
from apps.segments.models import Segment
from config import release

MOST_RECENT = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the first-run checklist. is_done comes from rows, never from a click; link "" = not for this role."""

    title: str
    help: str
    is_done: bool
    link: str
    action: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What templates/admin/index.html shows, of the apps the person works in (or of ?app=slug alone)."""
    apps = list(apps_of(request.user))
    chosen = chosen_apps(request, apps)
    context.update(title=_("Dashboard"), apps=apps, chosen=chosen[0] if len(chosen) == 1 else None)
    if chosen:
        context.update(overview(chosen, timezone.now()), may_add=request.user.has_perm("campaigns.add_campaign"))
        if request.user.has_perm("campaigns.approve_campaign"):
            context.update(to_approve(request, chosen))
        if request.user.has_perm("campaigns.view_automation"):
            context["stopped_automations"] = stopped_automations([app.pk for app in chosen])[:MOST_RECENT]
        if request.user.has_perm("segments.view_segment"):
            broken = Segment.objects.filter(app__in=chosen, state="broken").order_by("name")
            context["broken_segments"] = broken[:MOST_RECENT]
        if request.user.is_superuser:  # who runs the installation; owners of an app can stop no program
            context["sealing_waits_for"] = who_is_waited_for(reads=release.READS)
        troubled = campaigns_in_trouble([app.pk for app in chosen], timezone.now())
        context["in_trouble"] = list(islice(troubled, MOST_RECENT))
        context.update(checklist(request, [app.pk for app in chosen]))
    return context


def to_approve(request: HttpRequest, apps: Sequence[App]) -> dict[str, Any]:
    """How many wait for this person's yes, and the most urgent of them."""
    user: Any = request.user
    waiting = waiting_for(user, [app.pk for app in apps])
    return {"to_approve": waiting[:MOST_RECENT], "to_approve_count": waiting.count()}


def waiting_badge(request: HttpRequest) -> str:
    """The same number for the side bar of every page; "" = nothing waits for this person."""
    if not request.user.has_perm("campaigns.approve_campaign"):  # type: ignore[union-attr]
        return ""
    return str(to_approve(request, list(apps_of(request.user)))["to_approve_count"] or "")


class ReachView(View):
    """How many people can be reached: the one number that takes time where there are millions, so it comes after."""

    admin_site: AdminSite = None  # type: ignore[assignment]

    def get(self, request: HttpRequest) -> HttpResponse:
        app_ids = [app.pk for app in chosen_apps(request, list(apps_of(request.user)))]
        context = {"reachable": numbers.reachable_people(app_ids), "known": numbers.known_people(app_ids)}
        return TemplateResponse(request, "campaigns/dashboard/reach.html", context)


def chosen_apps(request: HttpRequest, apps: list[App]) -> list[App]:
    """The app of ?app=slug, else all of the person's."""
    return [app for app in apps if app.slug == request.GET.get("app")] or apps


def overview(apps: Sequence[App], now: datetime) -> dict[str, Any]:
    app_ids = [app.pk for app in apps]
    zone = apps[0].time_zone
    midnight = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    sent, opened = numbers.sent_and_opened(app_ids, since=midnight)
    same_time_yesterday = now - timedelta(days=1)
    before, _opened = numbers.sent_and_opened(
        app_ids, since=midnight - timedelta(days=1), until=same_time_yesterday.replace(minute=0)
    )
    return {
        "zone": zone,
        "sent_today": sent,
        "opened_today": opened,
        "sent_before": before,
        "days": numbers.days_of_sending(app_ids, now=now, zone=zone),
        "channels": list(numbers.channels_of(app_ids)),
        **campaign_rows(app_ids),
    }


def campaign_rows(app_ids: Sequence[int]) -> dict[str, Any]:
    """Running campaigns first, then the ones touched last; each with its numbers and its word."""
    rows = numbers.campaigns_on_screen(app_ids)
    running = [campaign for campaign in rows.filter(state__in=["launched", "scheduled"]) if is_running(campaign)]
    seen = {campaign.pk for campaign in running}
    recent = [campaign for campaign in rows[: MOST_RECENT + len(seen)] if campaign.pk not in seen][:MOST_RECENT]
    shown: list[Any] = [*running, *recent]
    numbers.attach_numbers(shown)
    for campaign in shown:
        campaign.word = state_of(campaign)
        campaign.audience = numbers.audience_words(campaign)
    return {"running": running, "recent": recent}


def checklist(request: HttpRequest, app_ids: Sequence[int]) -> dict[str, Any]:
    steps = first_steps(request, app_ids)
    return {"steps": steps, "steps_left": sum(not step.is_done for step in steps)}


def first_steps(request: HttpRequest, app_ids: Sequence[int]) -> list[Step]:
    """Five steps from an empty house to a first report."""
    push = Channel.objects.filter(app_id__in=app_ids).exclude(gateway="sms")
    launched = Campaign.objects.filter(app_id__in=app_ids, dispatch__isnull=False)
    return [
        Step(
            _("Connect a channel"),
            _("Apple, Google or the browser: paste the credentials once."),
            push.exists(),
            page_of(request, "devices.channel"),
            _("Connect"),
        ),
        Step(
            _("Register a first device"),
            _("Your app does it at every start; see the guide for developers."),
            Device.objects.filter(app_id__in=app_ids).exists(),
            page_of(request, "devices.device"),
            _("Devices"),
        ),
        Step(
            _("Make a segment"),
            _("Who should hear from you? A rule or a list."),
            Segment.objects.filter(app_id__in=app_ids).exists(),
            page_of(request, "segments.segment"),
            _("Segments"),
        ),
        Step(
            _("Launch a first campaign"),
            _("Five short steps, a preview beside you, nothing sent before you say so."),
            launched.exists(),
            page_of(request, "campaigns.campaign", "add"),
            _("New campaign"),
        ),
        Step(
            _("Read its report"),
            _("Who got it, who opened it, and why somebody did not."),
            launched.filter(state="finished").exists(),
            page_of(request, "campaigns.campaign"),
            _("Campaigns"),
        ),
    ]
