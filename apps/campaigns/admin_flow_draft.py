"""The pages of an automation's draft: how one begins, its builder, what a save answers with."""

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
from apps.campaigns.admin_flow import card_kinds, open_flow, standing, store
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


def builder_page(model_admin: Pages, request: HttpRequest, automation: Automation) -> HttpResponse:
    """The draft as a flow of cards."""
    flow = open_flow(automation)
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
    """Stores what is valid. With `edit` (a step added, moved, removed) the page is drawn anew, else what follows."""
    author: Any = request.user
    edit = request.POST.get("edit", "")
    flow = open_flow(automation, request.POST)
    try:
        version = store(flow, version=sent_number(request, "version"), edit=edit, author=author, now=timezone.now())
    except Conflict as refusal:
        if "HX-Request" not in request.headers:
            messages.error(request, capfirst(str(refusal)))
            return redirect("admin:campaigns_automation_change", automation.pk)
        return TemplateResponse(request, "campaigns/flow/stale.html", {"automation": automation}, status=409)
    if "HX-Request" not in request.headers:
        verb, _colon, place = edit.partition(":")
        position, _colon, language = place.partition(":")
        anchor = (
            f"#language-tab-{position}-{language}" if verb == "speak" else f"#card-{position}" if verb else "#start"
        )
        return redirect(reverse("admin:campaigns_automation_change", args=[automation.pk]) + anchor)
    fresh = model_admin.get_queryset(request).get(pk=automation.pk)
    language, reader = request.POST.get("preview_language", ""), request.POST.get("preview_customer", "").strip()
    redrawn = open_flow(fresh, language=language, reader=reader)
    context = {
        **standing(redrawn, flow),
        "flow": redrawn,
        "automation": fresh,
        "campaign": Campaign(app=fresh.app, name=fresh.name),
        "version": version,
        "saved_at": timezone.now(),
        "starting": starting(fresh, request.user),
        **_outlook(fresh),
    }
    return TemplateResponse(request, "campaigns/flow/saved.html", context)


def readers(model_admin: Pages, request: HttpRequest, automation: Automation) -> HttpResponse:
    """Whom to preview as: people found by what was typed, a few who would have entered while nothing is."""
    words = request.GET.get("reader", "").strip()
    people = found_readers(automation.app, words) if words else sample_readers(automation, timezone.now())
    return TemplateResponse(request, "campaigns/builder/readers.html", {"people": people, "words": words})
