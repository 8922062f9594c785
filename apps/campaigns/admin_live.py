"""A campaign after its draft: waiting for its time, on its way, and its report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.accounts.services.audit import write_audit
from apps.campaigns import admin_numbers as numbers
from apps.campaigns.admin_draft import all_texts, texts_by_language
from apps.campaigns.admin_experiment import experiment_context, test_summary
from apps.campaigns.admin_lasting import lasting_context, launch_chosen
from apps.campaigns.admin_moments import turns_under_way, when_shown
from apps.campaigns.admin_preview import screen
from apps.campaigns.admin_since import since_approval
from apps.campaigns.admin_steps import extra_steps, extras_said
from apps.campaigns.admin_troubles import late_triggers, troubles_of
from apps.campaigns.admin_words import is_running, state_of
from apps.campaigns.models import Approval, Campaign
from apps.campaigns.queries import launched_waterfall, report_of_launches, waterfall_of_launches
from apps.campaigns.services import lifecycle
from apps.core.problems import Conflict
from apps.core.states import InvalidTransition
from apps.core.templatetags.house import Column
from apps.deliveries.admin_words import PLATFORM_LABELS, exclusion_label, outcome_label
from apps.deliveries.models import Dispatch
from apps.deliveries.pace_story import pace_stories
from apps.deliveries.queries import Report, progress, report
from apps.deliveries.services.export import delivery_csv
from apps.deliveries.services.freeze import Waterfall

type Admin = ModelAdmin[Campaign]


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the funnel: of how many before it, of how many at the top."""

    name: Any
    count: int
    top: int


def page(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """One page from the schedule to the report."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": campaign,
        "title": campaign.name,
        "audience": numbers.audience_words(campaign),
        "screen": screen(campaign, language=campaign.app.default_language, external_id=""),
        "texts": texts_by_language(campaign),
        "images": list(dict.fromkeys(url for text in all_texts(campaign).values() if (url := text.get("image_url")))),
        "test_says": test_summary(campaign),
        **when_shown(campaign, timezone.now()),
        "extras": extras_said(campaign),
        "yes": Approval.objects.filter(campaign=campaign, state__in=["approved", "used"]).first(),
        "troubles": troubles_of(campaign, timezone.now()),
        "late_triggers": late_triggers(campaign, timezone.now()),
        **_standing(model_admin, request, campaign),
    }
    if campaign.is_lasting:
        context.update(lasting_context(request, campaign))
    if campaign.dispatch:
        context.update(live_context(campaign))
    context.update(shown_report(request, campaign))
    return TemplateResponse(request, "campaigns/live/page.html", context)


def live(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The progress, polled while it runs; says `ended` once, and the polling ends with it."""
    context = {**_standing(model_admin, request, campaign), **live_context(campaign)}
    response = TemplateResponse(request, "campaigns/live/live_swap.html", context)
    if not context["is_running"]:
        response["HX-Trigger"] = "ended"
    return response


def report_part(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The report, asked for again while it runs and when it has ended."""
    context = {**_standing(model_admin, request, campaign), **shown_report(request, campaign)}
    if "report" not in context:
        raise Http404(f"campaign {campaign.pk} is not launched")
    return TemplateResponse(request, "campaigns/live/report.html", context)


def act(verb: Callable[..., Any], done: Any) -> Callable[..., HttpResponse]:
    """A page for one button: opens one verb of the lifecycle, then shows the campaign as it stands."""

    def page_of_verb(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
        shown = campaign
        try:
            outcome = verb(campaign=campaign, actor=request.user, now=timezone.now())
            messages.success(request, done)
            shown = outcome if isinstance(outcome, Campaign) else campaign
        except (InvalidTransition, Conflict) as refusal:
            messages.error(request, _("That was not possible: %s") % refusal)
        return HttpResponse(headers={"HX-Redirect": reverse("admin:campaigns_campaign_change", args=[shown.pk])})

    return page_of_verb


def launch_ahead(*, campaign: Campaign, actor: Any, now: datetime) -> Campaign:
    """A scheduled campaign, now."""
    return lifecycle.launch_now(campaign=campaign, version=campaign.version, actor=actor, now=now)


def export(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> StreamingHttpResponse:
    """Every delivery as CSV, streamed; who took it away stands in the audit log."""
    dispatch = launch_chosen(request, campaign) or _dispatch(campaign)
    actor: Any = request.user
    subject = f"campaign:{campaign.pk}"
    write_audit(
        app=campaign.app, actor=actor, action="campaign.exported", subject=subject, details={}, now=timezone.now()
    )
    extras = next((found for step in extra_steps() if (found := step.csv_columns(campaign))), None)
    lines = delivery_csv(dispatch=dispatch, extras=extras, bom=request.GET.get("bom") == "1")
    name = slugify(campaign.name) or "campaign"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{campaign.pk}.csv"'},
    )


def live_context(campaign: Campaign) -> dict[str, Any]:
    """How far, how fast, how long still, and why not faster."""
    dispatch, now = _dispatch(campaign), timezone.now()
    found = progress(dispatch, now=now)
    parts = [
        {"word": outcome_label(word), "count": count, "name": word}
        for word, count in sorted(found.by_outcome.items(), key=lambda entry: -entry[1])
    ]
    stories = pace_stories(dispatch, now=now)
    return {"progress": found, "parts": parts, "stories": stories, "now": now, **turns_under_way(dispatch, now)}


def shown_report(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """The report of its launch; of what goes out more than once that of ?launch=, else of all. Empty before it."""
    chosen = launch_chosen(request, campaign)
    if chosen is not None:
        campaign.dispatch = chosen
        return {**report_context(campaign), "launch": chosen}
    if campaign.is_lasting:
        return _report_of_all(campaign)
    return report_context(campaign) if campaign.dispatch else {}


def report_context(campaign: Campaign) -> dict[str, Any]:
    """The report in tables and charts."""
    return {**_in_tables(campaign, report(_dispatch(campaign)), launched_waterfall(campaign)), **_beside(campaign)}


def _report_of_all(campaign: Campaign) -> dict[str, Any]:
    found = report_of_launches(campaign)
    return _in_tables(campaign, found, waterfall_of_launches(campaign)) if found else {}


def _beside(campaign: Campaign) -> dict[str, Any]:
    """What is read from one launch alone."""
    extras = [(step, shown) for step in extra_steps() if (shown := step.report(campaign)) is not None]
    return {**experiment_context(campaign), "extra_reports": extras, "since": since_approval(campaign)}


def _in_tables(campaign: Campaign, found: Report, waterfall: Waterfall) -> dict[str, Any]:
    outcomes = sorted(found.outcomes.items(), key=lambda entry: -entry[1])
    return {
        "report": found,
        "sent": found.outcomes.get("accepted", 0),
        "opened": found.receipts.get("opened", 0),
        "funnel": funnel(found),
        "outcomes": [{"word": outcome_label(word), "count": count} for word, count in outcomes],
        "unclear": outcome_label("unknown_outcome") if found.outcomes.get("unknown_outcome") else None,
        "excluded": [
            {"word": exclusion_label(reason), "people": people, "devices": devices}
            for reason, (people, devices) in sorted(waterfall.excluded.items(), key=lambda entry: -entry[1][0])
        ],
        "platforms": platform_rows(found.by_platform),
        "hours": hours(found.by_hour, campaign.app.time_zone),
    }


def funnel(found: Report) -> list[Rung]:
    top = found.planned_devices
    counts = [
        (_("Planned"), top),
        (_("Sent"), found.outcomes.get("accepted", 0)),
        (_("Displayed"), found.receipts.get("displayed", 0)),
        (_("Opened"), found.receipts.get("opened", 0)),
        (_("Clicked"), found.receipts.get("clicked", 0)),
    ]
    return [Rung(name, count, top) for name, count in counts]


def platform_rows(by_platform: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Platforms with what was sent and what came back; people without any device have no platform."""
    return [
        {
            "name": PLATFORM_LABELS[platform],
            "sent": counts.get("accepted", 0),
            "displayed": counts.get("displayed", 0),
            "opened": counts.get("opened", 0),
            "clicked": counts.get("clicked", 0),
        }
        for platform, counts in by_platform.items()
        if platform
    ]


def hours(by_hour: Mapping[str, Mapping[str, int]], zone: str) -> list[Column]:
    """Sent and opened by hour on the app's clock."""
    clock = ZoneInfo(zone)
    places = []
    for key, counts in by_hour.items():
        at = datetime.fromisoformat(key).astimezone(clock)
        places.append(Column(date_format(at, "j M H:i"), (counts.get("accepted", 0), counts.get("opened", 0))))
    return places


def _standing(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """State and what this person may do about it."""
    state = campaign.dispatch.state if campaign.dispatch else ""
    waits = campaign.state == "scheduled" and campaign.is_lasting
    return {
        "campaign": campaign,
        "word": state_of(campaign),
        "is_running": is_running(campaign),
        "may_launch": request.user.has_perm("campaigns.launch_campaign"),  # type: ignore[union-attr]
        "may_archive": campaign.state in lifecycle.AT_REST and model_admin.has_change_permission(request, campaign),
        "may_add": model_admin.has_add_permission(request),
        "may_pause": (waits and not campaign.paused_at) or (campaign.state == "launched" and state == "sending"),
        "may_resume": (waits and (campaign.paused_at or state == "paused"))
        or (campaign.state == "launched" and state == "paused"),
    }


def _dispatch(campaign: Campaign) -> Dispatch:
    if campaign.dispatch is None:
        raise Http404(f"campaign {campaign.pk} is not launched")
    return campaign.dispatch
