"""The builder's pages: five steps on one page, saved while they are typed; nothing is sent but from Review."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.queries import apps_of
from apps.campaigns.admin_audience import at_once, counted, size_shown
from apps.campaigns.admin_draft import Draft, VariantForms, language_name, open_draft, store
from apps.campaigns.admin_forms import NewCampaignForm, text_prefix
from apps.campaigns.admin_moments import when_shown
from apps.campaigns.admin_preview import found_readers, sample_people, screen
from apps.campaigns.admin_problems import standing
from apps.campaigns.admin_repeat import rhythm_of
from apps.campaigns.admin_review import sent_number
from apps.campaigns.admin_steps import extra_steps
from apps.campaigns.admin_templates import first_text
from apps.campaigns.admin_trial import base_of
from apps.campaigns.admin_variants import VERBS, Edit
from apps.campaigns.models import Campaign
from apps.campaigns.queries import dispatches_of
from apps.campaigns.services.drafts import create_draft
from apps.campaigns.services.experiment_problems import MOST_VARIANTS
from apps.campaigns.services.images import check_image
from apps.campaigns.services.readiness import known_names
from apps.core.problems import Conflict
from apps.core.templatetags.house import number
from apps.customers.models import Customer

type Admin = ModelAdmin[Campaign]


@dataclass(frozen=True, slots=True)
class Tab:
    """One step: its name in the address, what it is called, its picture."""

    slug: str
    title: Any
    icon: str


def tabs() -> list[Tab]:
    return [
        Tab("audience", _("Audience"), "groups"),
        Tab("message", _("Message"), "edit_note"),
        Tab("delivery", _("Delivery"), "schedule_send"),
        *(Tab(step.slug, step.title, step.icon) for step in extra_steps()),
        Tab("review", _("Review"), "fact_check"),
    ]


def new_page(model_admin: Admin, request: HttpRequest) -> HttpResponse:
    """Name it; then its draft exists and the builder opens."""
    apps = apps_of(request.user).filter(is_active=True)
    form = NewCampaignForm(apps, request.POST if request.method == "POST" else None, request.GET.get("template", ""))
    if form.is_valid():
        author: Any = request.user
        campaign = create_draft(author=author, **form.cleaned_data)
        model_admin.log_addition(request, campaign, [{"added": {}}])
        return redirect("admin:campaigns_campaign_change", campaign.pk)
    templates = [(one, first_text(one)) for one in form.templates.select_related("app")]
    return _page(
        model_admin,
        request,
        "campaigns/builder/new.html",
        {"form": form, "title": _("New campaign"), "templates": templates},
    )


def page(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The whole builder."""
    draft = open_draft(campaign)
    context = {
        "title": campaign.name,
        "original": campaign,
        "tabs": tabs(),
        "version": campaign.version,
        "may_edit": model_admin.has_change_permission(request, campaign),
        "may_delete": model_admin.has_delete_permission(request, campaign),
        "may_automate": request.user.has_perm("campaigns.add_automation"),  # type: ignore[union-attr]
        "base": base_of(campaign),
        "may_try": model_admin.has_try_permission(request, campaign),  # type: ignore[attr-defined]
        "people": sample_people(campaign),
        **_message(draft),
        **when_shown(campaign, timezone.now()),
        **standing(draft, campaign, timezone.now(), is_reviewed=False),
        "screen": screen(campaign, language=campaign.app.default_language, external_id=""),
        "rhythm": rhythm_of(campaign, timezone.now()),
        "launch_count": dispatches_of(campaign).count(),
    }
    return _page(model_admin, request, "campaigns/builder/page.html", context)


def save(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Autosave: stores what is valid, answers with what follows from it. A newer draft is never overwritten."""
    draft = open_draft(campaign, request.POST)
    try:
        saved = store(draft, version=sent_number(request, "version"), now=timezone.now())
    except Conflict as refusal:
        return _refused(model_admin, request, campaign, refusal)
    if "HX-Request" not in request.headers:
        return redirect("admin:campaigns_campaign_change", campaign.pk)
    fresh = _reload(model_admin, request, campaign)
    response = TemplateResponse(
        request, "campaigns/builder/saved.html", _after_save(request, draft, fresh, saved.version)
    )
    events: dict[str, Any] = {"audience-changed": {}} if saved.recounts else {}
    if request.POST.get("step") == "review":
        events["review-wanted"] = {}
    response["HX-Trigger"] = json.dumps(events)
    return response


def languages(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Add a language to a variant, or remove one; answers with the whole message step."""
    position = max(0, sent_number(request, "variant"))
    add = request.POST.get(f"add-{position}" if position else "add", "")
    remove = request.POST.get("remove", "")
    if remove:
        return _edited(model_admin, request, campaign, Edit("remove_language", position, remove), "")
    known = add if add in _languages_on_offer(campaign) else ""
    return _edited(model_admin, request, campaign, Edit("add_language", position, known), known)


def variants(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Add, copy or remove a variant, or share equally; answers with the whole message step."""
    verb = request.POST.get("verb", "")
    edit = Edit(verb if verb in VERBS else "", max(0, sent_number(request, "variant")))
    return _edited(model_admin, request, campaign, edit, "")


def _edited(model_admin: Admin, request: HttpRequest, campaign: Campaign, edit: Edit, language: str) -> HttpResponse:
    """What was typed and the edit are stored together; the step is drawn anew with the variant it was about."""
    draft = open_draft(campaign, request.POST)
    try:
        saved = store(draft, version=sent_number(request, "version"), now=timezone.now(), edit=edit)
    except Conflict as refusal:
        return _refused(model_admin, request, campaign, refusal)
    fresh = _reload(model_admin, request, campaign)
    redrawn = open_draft(fresh)
    last = len(redrawn.variants) - 1
    shown = last if edit.verb in ("add", "copy") else min(edit.position, last)
    language = language or fresh.app.default_language
    context = {**_after_save(request, redrawn, fresh, saved.version), **_message(redrawn)}
    context |= {"shown_language": language, "shown_variant": shown, "may_edit": True}
    context["screen"] = screen(fresh, language=language, external_id=_reader(request), position=shown)
    response = TemplateResponse(request, "campaigns/builder/message_swap.html", context)
    if saved.recounts:
        response["HX-Trigger"] = json.dumps({"audience-changed": {}})
    return response


def audience(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Matched, reachable, will receive: the real planner over the segments as they were last computed."""
    now = timezone.now()
    context = {"campaign": campaign, **counted(campaign, at_once, now)}
    if "waterfall" in context:
        context["size"] = size_shown(campaign, context["waterfall"].sending_people, now)
    return TemplateResponse(request, "campaigns/builder/audience_count.html", context)


def readers(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Whom to preview as: people found by what was typed, a few of the audience while nothing is."""
    words = request.GET.get("reader", "").strip()
    people = found_readers(campaign.app, words) if words else sample_people(campaign)
    return TemplateResponse(request, "campaigns/builder/readers.html", {"people": people, "words": words})


def image(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Whether phones will get the image whose address stands in the form."""
    language = request.GET.get("language", "")
    variant = request.GET.get("variant", "0")
    place = text_prefix(int(variant) if variant in "01234" and variant else 0, language)
    url = request.GET.get(f"{place}-image_url", "").strip()
    context: dict[str, Any] = {"url": url, "is_personal": "{{" in url or "{%" in url}
    if url and not context["is_personal"]:
        context["check"] = check_image(url[:2048], allows_loopback=settings.HEALTH_PROBE_ALLOWS_LOOPBACK)
    return TemplateResponse(request, "campaigns/builder/image_check.html", context)


def _after_save(request: HttpRequest, draft: Draft, campaign: Campaign, version: int) -> dict[str, Any]:
    language = request.POST.get("preview_language", campaign.app.default_language)
    position = max(0, sent_number(request, "preview_variant"))
    now = timezone.now()
    return {
        "campaign": campaign,
        "draft": draft,
        "version": version,
        "saved_at": now,
        "tabs": tabs(),
        **when_shown(campaign, now),
        "rhythm": rhythm_of(campaign, now),
        "screen": screen(campaign, language=language, external_id=_reader(request), position=position),
        **standing(draft, campaign, now, is_reviewed=request.POST.get("reviewed") == "1"),
    }


def _reader(request: HttpRequest) -> str:
    return request.POST.get("preview_customer", "").strip()


def _message(draft: Draft) -> dict[str, Any]:
    campaign = draft.campaign
    offered = _languages_on_offer(campaign)
    return {
        "campaign": campaign,
        "shown_language": campaign.app.default_language,
        "shown_variant": 0,
        "variant_panels": [_panel(one, offered) for one in draft.variants],
        "may_add_variant": len(draft.variants) < MOST_VARIANTS,
        "variables": sorted(known_names(campaign)),
    }


def _panel(variant: VariantForms, offered: Mapping[str, str]) -> dict[str, Any]:
    """A variant for the template, with its languages and those that can be added."""
    written = [form.language for form in variant.texts]
    return {
        "variant": variant,
        "languages": [{"code": code, "name": language_name(code)} for code in written],
        "offer": {code: name for code, name in offered.items() if code not in written},
    }


def _languages_on_offer(campaign: Campaign) -> dict[str, str]:
    """Languages that people of the app speak, most spoken first: {code: "French · 1,240"}.

    Cost: one pass over the app's customers.
    """
    people = Customer.objects.filter(app=campaign.app_id, erased_at=None).exclude(language="")
    rows = people.values_list("language").annotate(people=Count("pk")).order_by("-people")[:40]
    return {code: f"{language_name(code)} · {number(count)}" for code, count in rows}


def _refused(model_admin: Admin, request: HttpRequest, campaign: Campaign, refusal: Conflict) -> HttpResponse:
    """Nothing was stored: say who was faster, leave what is typed where it is."""
    fresh = _reload(model_admin, request, campaign)
    context = {"campaign": fresh, "is_frozen": refusal.code == "not_a_draft"}
    return TemplateResponse(request, "campaigns/builder/stale.html", context, status=409)


def _reload(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> Campaign:
    return model_admin.get_queryset(request).get(pk=campaign.pk)


def _page(model_admin: Admin, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    return TemplateResponse(
        request, template, {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, **context}
    )
