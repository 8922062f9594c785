"""The staff's door to automations: the list, the builder of a draft, the funnel of what runs."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.queries import apps_of
from apps.campaigns import admin_trial as trial
from apps.campaigns.admin_flow import card_kinds, open_flow, standing, store
from apps.campaigns.admin_flow_count import count
from apps.campaigns.admin_flow_forms import NewAutomationForm
from apps.campaigns.admin_flow_words import reason_words, state_word, step_words, trigger_words
from apps.campaigns.admin_preview import found_readers
from apps.campaigns.admin_review import sent_number
from apps.campaigns.admin_rights import SendingAdmin
from apps.campaigns.funnel import (
    attach_counts,
    funnel,
    overdue_since,
    standing_faults,
    stopped_sends,
    waiting_at,
)
from apps.campaigns.models import Automation, Campaign
from apps.campaigns.services.automations import lifecycle
from apps.campaigns.services.automations.event_words import variables_of
from apps.campaigns.services.automations.faults import MOST_TRIES
from apps.campaigns.services.automations.outlook import people_lately, sample_readers
from apps.campaigns.services.automations.starters import starters
from apps.core.problems import Conflict, InvalidInput
from apps.core.states import InvalidTransition
from apps.core.templatetags.house import number
from apps.segments.admin_rule_page import fresh_id

type CampaignPages = ModelAdmin[Campaign]


def new_page(model_admin: "AutomationAdmin", request: HttpRequest) -> HttpResponse:
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
    return _page(model_admin, request, "campaigns/flow/new.html", {"form": form, "title": _("New automation")})


def builder_page(model_admin: "AutomationAdmin", request: HttpRequest, automation: Automation) -> HttpResponse:
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
        "has_push": any(card.texts for card in flow.cards),
        "version": automation.version,
        "may_edit": model_admin.has_change_permission(request, automation),
        "may_delete": model_admin.has_delete_permission(request, automation),
        "may_launch": model_admin.has_launch_permission(request, automation),
        "variables": variables_of(automation),
        "may_try": model_admin.has_try_permission(request, automation),
        "base": trial.base_of(automation),
        **standing(flow),
        **_outlook(automation),
    }
    return _page(model_admin, request, "campaigns/flow/page.html", context)


def _outlook(automation: Automation) -> dict[str, Any]:
    people = people_lately(automation, timezone.now())
    return {"lately": people, "shown_lately": number(people)}


def save(model_admin: "AutomationAdmin", request: HttpRequest, automation: Automation) -> HttpResponse:
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
        "may_launch": model_admin.has_launch_permission(request, fresh),
        **_outlook(fresh),
    }
    return TemplateResponse(request, "campaigns/flow/saved.html", context)


def run_page(model_admin: "AutomationAdmin", request: HttpRequest, automation: Automation) -> HttpResponse:
    """What runs, or ran: its funnel, step by step."""
    now = timezone.now()
    counted = funnel(automation, now)
    overdue, overdue_at = overdue_since(automation, now) if automation.state == "paused" else (0, None)
    steps = [
        {
            "numbers": one,
            "kind": next((kind for kind in card_kinds() if kind.kind == one.step.kind), None),
            "words": step_words(one.step, automation),
            "left": [(reason_words(reason), count) for reason, count in one.left.items()],
            "people": waiting_at(automation, one.step.position) if one.waiting else [],
        }
        for one in counted.steps
    ]
    context = {
        "title": automation.name,
        "original": automation,
        "automation": automation,
        "word": state_word(automation.state),
        "enters": trigger_words(automation),
        "funnel": counted,
        "left_by": [(reason_words(reason), count) for reason, count in counted.left_by.items()],
        "steps": steps,
        "stopped": stopped_sends(automation),
        "faults": [(fault, fault.position + 1, MOST_TRIES) for fault in standing_faults(automation)],
        "overdue": overdue,
        "overdue_at": overdue_at,
        "may_launch": model_admin.has_launch_permission(request, automation),
        "may_add": model_admin.has_add_permission(request),
    }
    return _page(model_admin, request, "campaigns/flow/run.html", context)


def activate(model_admin: "AutomationAdmin", request: HttpRequest, automation: Automation) -> HttpResponse:
    """Starts it as the version that was shown; what keeps it from starting stands beside its fields."""
    actor: Any = request.user
    try:
        version = sent_number(request, "version")
        lifecycle.activate(automation=automation, version=version, actor=actor, now=timezone.now())
        messages.success(request, _("It is active: from now on people enter."))
    except InvalidInput:
        messages.error(request, _("It cannot start yet: what is missing stands below."))
        return redirect(reverse("admin:campaigns_automation_change", args=[automation.pk]) + "#start")
    except (Conflict, InvalidTransition) as refusal:
        messages.error(request, capfirst(str(refusal)))
    return redirect("admin:campaigns_automation_change", automation.pk)


def act(verb: Callable[..., Automation], done: Any) -> Callable[..., HttpResponse]:
    """A page that does one verb of the lifecycle and shows what it is about afterwards."""

    def page(model_admin: "AutomationAdmin", request: HttpRequest, automation: Automation) -> HttpResponse:
        after = automation
        try:
            after = verb(automation=automation, actor=request.user, now=timezone.now())
            messages.success(request, done)
        except InvalidInput as refusal:
            messages.error(request, "; ".join(problem.message for problem in refusal.problems))
        except (Conflict, InvalidTransition) as refusal:
            messages.error(request, capfirst(str(refusal)))
        return redirect("admin:campaigns_automation_change", after.pk)

    return page


def automate(model_admin: CampaignPages, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """A draft automation that sends the campaign's message as soon as somebody does something; the campaign stays."""
    author: Any = request.user
    automation = lifecycle.automate_campaign(campaign=campaign, author=author, now=timezone.now())
    messages.success(
        request, _("This is an automation with the campaign's message. Say who enters; the campaign stays.")
    )
    answer = redirect("admin:campaigns_automation_change", automation.pk)
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": answer.url})
    return answer


def readers(model_admin: "AutomationAdmin", request: HttpRequest, automation: Automation) -> HttpResponse:
    """Whom to preview as: people found by what was typed, a few who would have entered while nothing is."""
    words = request.GET.get("reader", "").strip()
    people = found_readers(automation.app, words) if words else sample_readers(automation, timezone.now())
    return TemplateResponse(request, "campaigns/builder/readers.html", {"people": people, "words": words})


class AutomationList(ChangeList):
    """The page of rows, each with its numbers: one query for all."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        attach_counts(self.result_list)


@admin.register(Automation)
class AutomationAdmin(SendingAdmin):
    """Automations: newest work first."""

    row_pages: ClassVar = {
        "save": (save, "change"),
        "count": (count, "change"),
        "readers": (readers, "view"),
        **trial.PAGES,
        "activate": (activate, "launch"),
        "pause": (act(lifecycle.pause, _("Paused. Nobody enters or goes on.")), "launch"),
        "resume": (act(lifecycle.resume, _("It goes on.")), "launch"),
        "end": (act(lifecycle.end, _("Ended. Whoever was inside has left.")), "launch"),
        "duplicate": (act(lifecycle.duplicate, _("This is the copy. The original stays as it is.")), "add"),
    }
    first_step = FirstStep(
        "account_tree",
        _("No automations yet"),
        _(
            "An automation speaks to people by itself, at the moment they do something: a reminder an hour after "
            "a cart was left, a welcome after signing up, a hello to those who stayed away."
        ),
        _("New automation"),
        "admin:campaigns_automation_add",
        "campaigns.add_automation",
    )
    list_display: ClassVar = ["title", "progress", "entered", "inside", "goals", "moment"]
    list_display_links = None
    list_filter: ClassVar = ["app", "state"]
    search_fields: ClassVar = ["name"]
    list_per_page = 25
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Automation]:
        return super().get_queryset(request).select_related("app", "trigger_segment").prefetch_related("steps")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what nobody ever entered can be thrown away."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.state == "draft")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        return [str(automation) for automation in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AutomationList

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return new_page(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A draft opens in the builder, anything else with its funnel."""
        automation = self.get_object(request, object_id)
        if automation is None:
            raise Http404
        if not self.has_view_permission(request, automation):
            raise PermissionDenied
        return (builder_page if automation.state == "draft" else run_page)(self, request, automation)

    @display(description=_("automation"), ordering="name")
    def title(self, automation: Automation) -> str:
        return cell("title", automation)

    @display(description=_("state"), ordering="state")
    def progress(self, automation: Automation) -> str:
        return cell("state", automation)

    @display(description=_("entered"))
    def entered(self, automation: Automation) -> str:
        return cell("entered", automation)

    @display(description=_("inside now"))
    def inside(self, automation: Automation) -> str:
        return cell("inside", automation)

    @display(description=_("reached the goal"))
    def goals(self, automation: Automation) -> str:
        return cell("goals", automation)

    @display(description=_("since"), ordering="updated_at")
    def moment(self, automation: Automation) -> str:
        return cell("when", automation)


def cell(name: str, automation: Automation) -> str:
    """One cell of the list, from templates/campaigns/flow/list/."""
    shown = {"automation": automation, "word": state_word(automation.state), "enters": trigger_words(automation)}
    return render_to_string(f"campaigns/flow/list/{name}.html", shown)


def _page(model_admin: "AutomationAdmin", request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    return TemplateResponse(
        request, template, {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, **context}
    )
