"""The staff's door to campaigns: the list, and the pages that admin_builder and admin_live draw."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_scope import AppScopedAdmin
from apps.campaigns import admin_numbers as numbers
from apps.campaigns.admin_words import state_of
from apps.campaigns.models import Campaign


class CampaignList(ChangeList):
    """The page of rows, each with its numbers: two queries for all."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        numbers.attach_numbers(self.result_list)


@admin.register(Campaign)
class CampaignAdmin(AppScopedAdmin):
    """Campaigns: newest work first."""

    list_display: ClassVar = ["title", "progress", "sent", "opened", "moment"]
    list_display_links = None
    list_filter: ClassVar = ["app", "state"]
    search_fields: ClassVar = ["name"]
    list_per_page = 25
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return super().get_queryset(request).select_related("app", "dispatch").prefetch_related("include_segments")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was ever sent stays in the books: only a draft can be thrown away."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.state == "draft")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CampaignList

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


def cell(name: str, campaign: Campaign) -> str:
    """One cell of the list, from templates/campaigns/list/."""
    shown = {"campaign": campaign, "word": state_of(campaign), "audience": numbers.audience_words(campaign)}
    return render_to_string(f"campaigns/list/{name}.html", shown)
