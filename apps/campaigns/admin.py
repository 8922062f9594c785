"""The staff's door to campaigns: the list, and the pages that admin_builder and admin_live draw."""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import path
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.campaigns import admin_approval as approval
from apps.campaigns import admin_automations as automations
from apps.campaigns import admin_builder as builder
from apps.campaigns import admin_calendar as calendar
from apps.campaigns import admin_experiment as experiment
from apps.campaigns import admin_live as live
from apps.campaigns import admin_numbers as numbers
from apps.campaigns import admin_review as review
from apps.campaigns import admin_story_part as story_part
from apps.campaigns import admin_templates as templates
from apps.campaigns import admin_trial as trial
from apps.campaigns.admin_rights import SendingAdmin
from apps.campaigns.admin_words import state_of
from apps.campaigns.models import Campaign
from apps.campaigns.queries import dispatches_of
from apps.campaigns.services import approvals, lifecycle
from apps.deliveries import story_parts

story_parts.register(story_part.PART)


class CampaignList(ChangeList):
    """The page of rows, each with its numbers: two queries for all."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        numbers.attach_numbers(self.result_list)


class ArchivedFilter(admin.SimpleListFilter):
    """Archived campaigns stand in the list only when somebody asks for them."""

    title = _("archived")
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Archived")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        return iter([{**first, "display": _("Current")}, *others])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> QuerySet[Campaign]:
        if self.value() == "all":
            return queryset
        return queryset.filter(archived_at__isnull=self.value() != "yes")


@admin.register(Campaign)
class CampaignAdmin(SendingAdmin):
    """Campaigns: newest work first."""

    row_pages: ClassVar = {
        "save": (builder.save, "change"),
        "languages": (builder.languages, "change"),
        "variants": (builder.variants, "change"),
        "audience": (builder.audience, "view"),
        "readers": (builder.readers, "view"),
        "image": (builder.image, "view"),
        **trial.PAGES,
        "review": (review.review, "view"),
        "launch": (review.launch, "launch"),
        "ask": (review.ask, "launch"),
        "approve": (approval.approve, "approve"),
        "refuse": (approval.refuse, "approve"),
        "withdraw": (live.act(approvals.withdraw, _("It is a draft again.")), "launch"),
        "live": (live.live, "view"),
        "sent": (live.page, "view"),
        "report": (live.report_part, "view"),
        "export": (live.export, "view"),
        "choose": (experiment.choose, "launch"),
        "test-export": (experiment.export, "view"),
        "pause": (live.act(lifecycle.pause, _("Paused. Nothing new goes out from now on.")), "launch"),
        "resume": (live.act(lifecycle.resume, _("On its way again.")), "launch"),
        "cancel": (live.act(lifecycle.cancel, _("Cancelled. Whoever had not been sent it will not get it.")), "launch"),
        "unschedule": (live.act(lifecycle.unschedule, _("It is a draft again.")), "launch"),
        "launch-ahead": (live.act(live.launch_ahead, _("Launched.")), "launch"),
        "keep": (templates.keep, "change"),
        "archive": (live.act(lifecycle.archive, _("Archived. The filter “Archived” of the list shows it.")), "change"),
        "restore": (live.act(lifecycle.restore, _("Back in the list.")), "change"),
        "automate": (automations.automate, "automate"),
        "duplicate": (live.act(lifecycle.duplicate, _("This is the copy. The original stays as it is.")), "add"),
    }
    first_step = FirstStep(
        "campaign",
        _("No campaigns yet"),
        _(
            "A campaign is one message to many people: now, at a set time, again and again, or when your own "
            "systems ask. Nothing is sent before you say so on its last step."
        ),
        _("New campaign"),
        "admin:campaigns_campaign_add",
        "campaigns.add_campaign",
    )
    list_display: ClassVar = ["title", "progress", "sent", "opened", "moment", "copy"]
    list_display_links = None
    list_filter: ClassVar = ["app", "state", ArchivedFilter]
    search_fields: ClassVar = ["name"]
    list_per_page = 25
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        rows = super().get_queryset(request).select_related("app", "dispatch", "created_by")
        return rows.prefetch_related("include_segments", "exclude_segments", "variants")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was ever sent stays in the books: only a draft that never was can be thrown away."""
        is_unsent = obj is None or (obj.state == "draft" and not dispatches_of(obj).exists())
        return super().has_delete_permission(request, obj) and is_unsent

    def has_approve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_see_and("campaigns.approve_campaign", request, obj)

    def has_automate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_see_and("campaigns.add_automation", request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The question before a draft is thrown away names the draft, not the rows it is made of."""
        return [str(campaign) for campaign in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return [name for name in self.list_display if name != "copy" or self.has_add_permission(request)]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CampaignList

    def get_urls(self) -> list[Any]:
        return [*self._calendar(), *super().get_urls()]

    def _calendar(self) -> Iterator[Any]:
        """calendar/ and what is counted for a day of it. Each asks for the permission itself."""
        for name, view in {"calendar": calendar.page, "calendar_day": calendar.day}.items():
            door = self.admin_site.admin_view(partial(view, self))
            yield path(f"{name.replace('_', '/')}/", door, name=f"campaigns_campaign_{name}")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return builder.new_page(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A draft opens in the builder, what waits for a yes with the question, anything else with how it goes."""
        campaign = self.get_object(request, object_id)
        if campaign is None:
            raise Http404
        if not self.has_view_permission(request, campaign):
            raise PermissionDenied
        pages = {"draft": builder.page, "awaiting_approval": approval.page}
        return pages.get(campaign.state, live.page)(self, request, campaign)

    @display(description=_("campaign"), ordering="name")
    def title(self, campaign: Campaign) -> str:
        return cell("title", campaign)

    @display(description=_("state"), ordering="state")
    def progress(self, campaign: Campaign) -> str:
        return cell("state", campaign)

    @display(description=_("sent"))
    def sent(self, campaign: Campaign) -> str:
        return cell("sent", campaign)

    @display(description=_("opened"))
    def opened(self, campaign: Campaign) -> str:
        return cell("opened", campaign)

    @display(description=_("when"), ordering="updated_at")
    def moment(self, campaign: Campaign) -> str:
        return cell("when", campaign)

    @display(description="")
    def copy(self, campaign: Campaign) -> str:
        return cell("copy", campaign)


def cell(name: str, campaign: Campaign) -> str:
    """One cell of the list, from templates/campaigns/list/."""
    shown = {"campaign": campaign, "word": state_of(campaign), "audience": numbers.audience_words(campaign)}
    return render_to_string(f"campaigns/list/{name}.html", shown)
