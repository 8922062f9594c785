"""The staff's door to automations: the list; admin_flow_draft and admin_flow_run draw their pages."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.campaigns import admin_trial as trial
from apps.campaigns.admin_flow_count import count
from apps.campaigns.admin_flow_draft import builder_page, new_page, readers, save
from apps.campaigns.admin_flow_run import act, activate, run_page
from apps.campaigns.admin_flow_words import state_word, trigger_words
from apps.campaigns.admin_rights import SendingAdmin
from apps.campaigns.admin_ways_panel import PANEL
from apps.campaigns.funnel import attach_counts
from apps.campaigns.models import Automation, Campaign
from apps.campaigns.services.automations import lifecycle
from apps.customers.admin_panels import register as register_panel

register_panel(PANEL)

type CampaignPages = ModelAdmin[Campaign]


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
