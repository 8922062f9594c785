"""The pages of an automation's draft: how one begins, its builder, what a save answers with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.accounts.queries import apps_of
from apps.campaigns import admin_trial as trial
from apps.campaigns.admin_flow import Flow, Shown, card_kinds, lost_by, open_flow, standing, store
from apps.campaigns.admin_flow_forms import NewAutomationForm
from apps.campaigns.admin_flow_run import Pages, drawn
from apps.campaigns.admin_flow_starting import starting
from apps.campaigns.admin_preview import found_readers
from apps.campaigns.admin_review import sent_number
from apps.campaigns.models import Automation, Campaign
from apps.campaigns.services.automations import lifecycle
from apps.campaigns.services.automations.event_words import variables_of
from apps.campaigns.services.automations.outlook import people_lately, sample_readers
from apps.campaigns.services.automations.starters import starters
from apps.core.problems import Conflict
from apps.core.templatetags.house import number
from apps.segments.admin_rule_page import fresh_id


def new_page(model_admin: Pages, request: HttpRequest) -> HttpResponse:
    """Name it and choose what to begin with; then its draft opens."""
    apps = apps_of(request.user).filter(is_active=True)
    form = NewAutomationForm(apps, request.POST if request.method == "POST" else None)
    if form.is_valid():
        app, slug = form.cleaned_data["app"], form.cleaned_data["starter"]
        chosen = next((one for one in starters(app) if one.slug == slug), starters(app)[0])
        author: Any = request.user
        automation = lifecycle.create_automation(
            app=app,
            name=form.cleaned_data["name"],
            author=author,
            now=timezone.now(),
            steps=chosen.steps,
            **chosen.fields,
        )
        model_admin.log_addition(request, automation, [{"added": {}}])
        return redirect("admin:campaigns_automation_change", automation.pk)
    return drawn(model_admin, request, "campaigns/flow/new.html", {"form": form, "title": _("New automation")})


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked for and not done, because it would have lost what was typed. place: where it was asked."""

    place: str
    said: Any
    why: Sequence[Shown]


def builder_page(
    model_admin: Pages,
    request: HttpRequest,
    automation: Automation,
    *,
    sent: Mapping[str, Any] | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    """The draft as a flow of cards. sent: as it was typed, where something of it could not be stored."""
    flow = open_flow(automation, sent)
    context = {
        "title": automation.name,
        "original": automation,
        "automation": automation,
        "campaign": Campaign(app=automation.app, name=automation.name),
        "flow": flow,
        "kinds": card_kinds(),
        "page": fresh_id(),
        "has_message": any(card.texts or card.look for card in flow.cards),
        "version": automation.version,
        "refused": refused,
        "saved_at": timezone.now() if refused else None,
        "may_edit": model_admin.has_change_permission(request, automation),
        "may_delete": model_admin.has_delete_permission(request, automation),
        "starting": starting(automation, request.user),
        "variables": variables_of(automation),
        "may_try": model_admin.has_try_permission(request, automation),
        "base": trial.base_of(automation),
        **standing(flow),
        **_outlook(automation),
    }
    return drawn(model_admin, request, "campaigns/flow/page.html", context)


def _outlook(automation: Automation) -> dict[str, Any]:
    people = people_lately(automation, timezone.now())
    return {"lately": people, "shown_lately": number(people)}


def save(model_admin: Pages, request: HttpRequest, automation: Automation) -> HttpResponse:
    """Stores what is valid. With `edit` (a step added, moved, removed) the page is drawn anew, else what follows.

    An edit that would lose what was typed and cannot be stored is not done: the page says so, with all that was typed.
    """
    author: Any = request.user
    flow, asked = open_flow(automation, request.POST), request.POST.get("edit", "")
    is_drawn_anew = "HX-Request" not in request.headers
    lost = lost_by(flow, asked) if is_drawn_anew else []
    edit = "" if lost else asked
    try:
        version = store(flow, version=sent_number(request, "version"), edit=edit, author=author, now=timezone.now())
    except Conflict as refusal:
        if is_drawn_anew:
            messages.error(request, capfirst(str(refusal)))
            return redirect("admin:campaigns_automation_change", automation.pk)
        return TemplateResponse(request, "campaigns/flow/stale.html", {"automation": automation}, status=409)
    fresh = model_admin.get_queryset(request).get(pk=automation.pk)
    if lost:
        return builder_page(model_admin, request, fresh, sent=request.POST, refused=_refused(asked, lost))
    if is_drawn_anew:
        return redirect(reverse("admin:campaigns_automation_change", args=[automation.pk]) + _anchor(edit))
    return _what_follows(request, fresh, flow, version)


def _anchor(edit: str) -> str:
    """Where on the page the edit was done."""
    verb, _colon, place = edit.partition(":")
    position, _colon, language = place.partition(":")
    if verb == "speak":
        return f"#language-tab-{position}-{language}"
    return f"#card-{position}" if verb else "#start"


def _refused(edit: str, lost: Sequence[Shown]) -> Refused:
    verb, _colon, rest = edit.partition(":")
    position = rest.partition(":")[0]
    said = {
        "add": _("The step was not added."),
        "up": _("The step was not moved."),
        "down": _("The step was not moved."),
        "remove": _("The step was not removed."),
        "speak": _("The language was not added."),
        "mute": _("The language was not removed."),
    }
    if verb not in said:
        return Refused("start", _("Not everything is saved."), lost)
    return Refused(f"add{position}" if verb == "add" else f"s{position}", said[verb], lost)


def _what_follows(request: HttpRequest, automation: Automation, sent: Flow, version: int) -> HttpResponse:
    """Problems, previews and counts, as they are after a save; the fields stay as they are."""
    language, reader = request.POST.get("preview_language", ""), request.POST.get("preview_customer", "").strip()
    redrawn = open_flow(automation, language=language, reader=reader)
    context = {
        **standing(redrawn, sent),
        "flow": redrawn,
        "automation": automation,
        "campaign": Campaign(app=automation.app, name=automation.name),
        "version": version,
        "saved_at": timezone.now(),
        "starting": starting(automation, request.user),
        **_outlook(automation),
    }
    return TemplateResponse(request, "campaigns/flow/saved.html", context)


def readers(model_admin: Pages, request: HttpRequest, automation: Automation) -> HttpResponse:
    """Whom to preview as: people found by what was typed, a few who would have entered while nothing is."""
    words = request.GET.get("reader", "").strip()
    people = found_readers(automation.app, words) if words else sample_readers(automation, timezone.now())
    return TemplateResponse(request, "campaigns/builder/readers.html", {"people": people, "words": words})
