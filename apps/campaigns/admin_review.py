"""The last step of the builder: everything on one card, the exact audience, and the only button that sends."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.campaigns.admin_audience import at_once, counted, exactly, forecast, size_shown
from apps.campaigns.admin_draft import all_texts, open_draft
from apps.campaigns.admin_experiment import test_summary
from apps.campaigns.admin_problems import Shown, place, standing
from apps.campaigns.admin_steps import extra_steps
from apps.campaigns.models import Campaign
from apps.campaigns.services.gaps import gap_warnings
from apps.campaigns.services.lifecycle import LaunchFailed, StaleVersion, launch_now, schedule
from apps.campaigns.services.readiness import NotReady
from apps.campaigns.services.weights import heaviest_pushes
from apps.core.problems import Conflict
from apps.core.states import InvalidTransition

type Admin = ModelAdmin[Campaign]
# So much may the audience grow or shrink between Review and Launch without another look.
TOLERANCE = 0.1
FEW = 10


def review(model_admin: Admin, request: HttpRequest, campaign: Campaign, notice: str = "") -> HttpResponse:
    """The card, the problems with the way to each, the waterfall, and the button once nothing is in its way."""
    now = timezone.now()
    context: dict[str, Any] = {
        "campaign": campaign,
        "notice": notice,
        "version": campaign.version,
        "texts": all_texts(campaign),
        "test_says": test_summary(campaign),
        "extras": [(step, step.summary(campaign)) for step in extra_steps()],
        "may_launch": model_admin.has_launch_permission(request),  # type: ignore[attr-defined]
        **standing(open_draft(campaign), campaign, now, is_reviewed=True),
        **counted(campaign, exactly, now),
    }
    if "waterfall" in context:
        context.update(forecast(campaign, context["waterfall"], now))
        context["size"] = size_shown(campaign, context["waterfall"].sending_people, now)
        context["people"] = context["waterfall"].sending_people
        context["weights"] = heaviest_pushes(campaign)
        if context["size"] and context["size"]["tone"]:
            says = context["size"]["says"]
            advice = Shown("message", "test_percent", _("A/B test"), says, "test_too_small", is_advice=True)
            context["advice"].append(advice)
        context["advice"] += [place(gap, context["draft"], is_advice=True) for gap in gap_warnings(campaign)]
    return TemplateResponse(request, "campaigns/builder/review.html", context)


def launch(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Launches, or schedules where a time is set; shows the review again with the reason where it may not be."""
    refusal = _unconfirmed(request, campaign) or _launch(request, campaign)
    if refusal:
        fresh = model_admin.get_queryset(request).get(pk=campaign.pk)
        return review(model_admin, request, fresh, refusal)
    return HttpResponse(headers={"HX-Redirect": reverse("admin:campaigns_campaign_change", args=[campaign.pk])})


def sent_number(request: HttpRequest, name: str) -> int:
    """A whole number as people write it, with or without separators; -1 for anything else."""
    typed = "".join(sign for sign in request.POST.get(name, "") if not sign.isspace() and sign not in ".,'’_")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 12 else -1


def _launch(request: HttpRequest, campaign: Campaign) -> str:
    """Open the lifecycle's verb; returns why it refused, or ""."""
    step = schedule if campaign.timing == "at" else launch_now
    actor: Any = request.user
    try:
        step(campaign=campaign, version=sent_number(request, "version"), actor=actor, now=timezone.now())
    except NotReady:
        return _("It cannot be launched yet: see what is listed here.")
    except StaleVersion:
        return _("Somebody changed the campaign since you looked. This is how it stands now; look again.")
    except LaunchFailed as failed:
        return str(failed)
    except (InvalidTransition, Conflict):
        return _("It was launched or scheduled meanwhile. Load the page again to see it.")
    return ""


def _unconfirmed(request: HttpRequest, campaign: Campaign) -> str:
    """Why what was typed does not confirm the launch, or ""."""
    people = sent_number(request, "shown")
    if people > campaign.app.confirm_above and sent_number(request, "typed") != people:
        return _("Type the number of people to confirm.")
    now_counted = counted(campaign, at_once, timezone.now()).get("waterfall")
    if now_counted and abs(now_counted.sending_people - people) > max(TOLERANCE * people, FEW):
        return _("The audience has changed since you looked. These are the numbers now; confirm again.")
    return ""
