"""The last step of the builder: everything on one card, the exact audience, and the only button that sends."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.campaigns.admin_audience import at_once, counted, exactly, forecast, size_shown
from apps.campaigns.admin_draft import Draft, all_texts, open_draft
from apps.campaigns.admin_experiment import test_summary
from apps.campaigns.admin_moments import moment_advice, releases_shown, when_shown
from apps.campaigns.admin_problems import Shown, form_problems, place, standing
from apps.campaigns.admin_repeat import rhythm_of
from apps.campaigns.admin_steps import extras_said
from apps.campaigns.models import Campaign
from apps.campaigns.services.approvals import request_approval
from apps.campaigns.services.four_eyes import ApprovalRequired, is_approved, needs_approval
from apps.campaigns.services.gaps import gap_warnings
from apps.campaigns.services.lifecycle import LaunchDelayed, LaunchFailed, StaleVersion, launch_now, schedule
from apps.campaigns.services.readiness import NotReady
from apps.campaigns.services.weights import heaviest_pushes
from apps.core.problems import Conflict
from apps.core.states import InvalidTransition
from apps.core.templatetags.house import number
from apps.deliveries.services.stop import SendingStopped

type Admin = ModelAdmin[Campaign]
type Step = Callable[[HttpRequest, Campaign], None]
# So much may the audience grow or shrink between Review and Launch without another look.
TOLERANCE = 0.1
FEW = 10
# Where the number was typed it holds exactly; of very many people one in so many may come or go while it is typed.
TYPED_TOLERANCE = 10_000


def review(model_admin: Admin, request: HttpRequest, campaign: Campaign, notice: str = "") -> HttpResponse:
    """The card, the problems with the way to each, the waterfall, and the button once nothing is in its way.

    Everything shown is stored; what was typed and could not be stored is in the way.
    """
    now, draft = timezone.now(), open_draft(campaign, _typed(model_admin, request, campaign))
    context: dict[str, Any] = {
        "campaign": campaign,
        "notice": notice,
        "version": campaign.version,
        "texts": all_texts(campaign),
        "test_says": test_summary(campaign),
        **when_shown(campaign, now),
        "rhythm": rhythm_of(campaign, now),
        "extras": extras_said(campaign),
        "may_launch": model_admin.has_launch_permission(request),  # type: ignore[attr-defined]
        **standing(draft, campaign, now, is_reviewed=True),
        **({} if campaign.timing == "api" else counted(campaign, exactly, now)),
    }
    if "waterfall" in context:
        context.update(forecast(campaign, context["waterfall"], now))
        context.update(releases_shown(campaign, context["waterfall"], now))
        context["advice"] += [
            place(found, context["draft"], is_advice=True)
            for found in moment_advice(campaign, context["waterfall"], now)
        ]
        context["size"] = size_shown(campaign, context["waterfall"].sending_people, now)
        context["people"] = context["waterfall"].sending_people
        context["weights"] = heaviest_pushes(campaign)
        context["is_asking"] = _is_asking(campaign, context["people"], now)
        if context["size"] and context["size"]["tone"]:
            says = context["size"]["says"]
            advice = Shown("message", "test_percent", _("A/B test"), says, "test_too_small", is_advice=True)
            context["advice"].append(advice)
        context["advice"] += [place(gap, context["draft"], is_advice=True) for gap in gap_warnings(campaign)]
    return TemplateResponse(request, "campaigns/builder/review.html", context)


def launch(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Launches, or schedules where a time is set; shows the review again with the reason where it may not be."""
    return _gone(model_admin, request, campaign, _launch)


def _gone(model_admin: Admin, request: HttpRequest, campaign: Campaign, step: Step) -> HttpResponse:
    """The campaign as it stands after `step`; the review with the reason where it may not be done."""
    typed = open_draft(campaign, _typed(model_admin, request, campaign))
    refusal = _unsaved(typed) or _unconfirmed(request, campaign) or _opened(request, campaign, step)
    if refusal:
        fresh = model_admin.get_queryset(request).get(pk=campaign.pk)
        return review(model_admin, request, fresh, refusal)
    return HttpResponse(headers={"HX-Redirect": reverse("admin:campaigns_campaign_change", args=[campaign.pk])})


def ask(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Asks a second person; the campaign then shows what they see."""
    return _gone(model_admin, request, campaign, _ask)


def sent_number(request: HttpRequest, name: str) -> int:
    """A whole number as people write it, with or without separators; -1 for anything else."""
    typed = "".join(sign for sign in request.POST.get(name, "") if not sign.isspace() and sign not in ".,'’_")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 12 else -1


def _is_asking(campaign: Campaign, people: int, now: datetime) -> bool:
    """Whether the way out leads through somebody else's yes."""
    return needs_approval(campaign.app, people) and not is_approved(campaign, now)


def _launch(request: HttpRequest, campaign: Campaign) -> None:
    step = launch_now if campaign.timing == "now" else schedule
    actor: Any = request.user
    step(campaign=campaign, version=sent_number(request, "version"), actor=actor, now=timezone.now())


def _ask(request: HttpRequest, campaign: Campaign) -> None:
    actor: Any = request.user
    version, note = sent_number(request, "version"), request.POST.get("note", "")
    request_approval(campaign=campaign, version=version, actor=actor, note=note, now=timezone.now())


def _typed(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> Mapping[str, Any] | None:
    """The builder's fields, which its page sends along; None where nothing was typed or may be."""
    is_builder = "reviewed" in request.POST and campaign.state == "draft"
    return request.POST if is_builder and model_admin.has_change_permission(request, campaign) else None


def _unsaved(typed: Draft) -> str:
    """Why it may not go out as it is stored: something else was typed, and stands on the page."""
    if any(form_problems(typed)):
        return _("Something you typed could not be saved, so nothing was sent: put it right first.")
    return ""


def _opened(request: HttpRequest, campaign: Campaign, step: Step) -> str:
    """Open one of the lifecycle's verbs; returns why it refused, or "" where the campaign's page says how it stands."""
    try:
        step(request, campaign)
    except NotReady:
        return _("It cannot be launched yet: see what is listed here.")
    except StaleVersion:
        return _("Somebody changed the campaign since you looked. This is how it stands now; look again.")
    except (LaunchFailed, SendingStopped, ApprovalRequired) as refused:
        return capfirst(str(refused))
    except LaunchDelayed as delayed:
        messages.warning(request, capfirst(str(delayed)))
    except (InvalidTransition, Conflict):
        return _("It was launched or scheduled meanwhile. Load the page again to see it.")
    return ""


def _unconfirmed(request: HttpRequest, campaign: Campaign) -> str:
    """Why what was typed does not confirm the launch, or "". Judged by the count of this moment.

    What is no draft any more, or another version, is left to the lifecycle to refuse with its own reason.
    """
    if campaign.state != "draft" or campaign.version != sent_number(request, "version"):
        return ""
    found = {} if campaign.timing == "api" else counted(campaign, at_once, timezone.now())
    if "waterfall" not in found:
        return str(found.get("uncounted", ""))
    people, shown = found["waterfall"].sending_people, sent_number(request, "shown")
    is_typed = people > campaign.app.confirm_above
    if abs(people - shown) > (people // TYPED_TOLERANCE if is_typed else max(TOLERANCE * shown, FEW)):
        words = {"before": number(max(shown, 0)), "now": number(people)}
        return (
            _("The audience has changed since you looked: %(before)s people then, %(now)s now. Confirm again.") % words
        )
    if is_typed and sent_number(request, "typed") != shown:
        return _("Type the number of people to confirm.")
    return ""
