"""The staff's door to segments: the list, and the pages that admin_views draws."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_pages import refuse_method
from apps.accounts.admin_row_pages import RowPagesAdmin
from apps.core.problems import Conflict
from apps.customers.admin_panels import register
from apps.segments import admin_members as members
from apps.segments import admin_parts as parts
from apps.segments import admin_views as views
from apps.segments.admin_panel import PANEL
from apps.segments.admin_rule_json import export_rule
from apps.segments.admin_words import state_of
from apps.segments.models import Segment
from apps.segments.queries import sizes_by_segment, users_of
from apps.segments.services.editing import delete_segment, in_use_words

register(PANEL)

# Parts of the builder: (view of one app, permission).
PARTS: dict[str, tuple[Callable[..., HttpResponse], str]] = {
    "part": (parts.part, "change"),
    "count": (parts.count, "change"),
    "import": (parts.import_rule, "change"),
    "why": (parts.why, "view"),
}


class SegmentList(ChangeList):
    """The page of rows with their size history: one query for all."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        sizes = sizes_by_segment(self.result_list)
        for segment in self.result_list:
            segment.sizes = sizes.get(segment.pk, [])


@admin.register(Segment)
class SegmentAdmin(RowPagesAdmin):
    """Segments by name."""

    row_pages: ClassVar = {
        "members": (members.members, "view"),
        "state": (members.state, "view"),
        "sizes": (members.sizes, "view"),
        "export": (export_rule, "view"),
        "people": (members.add_people, "change"),
        "remove": (members.remove_person, "change"),
        "refresh": (members.refresh_now, "change"),
    }
    first_step = FirstStep(
        "groups",
        _("No segments yet"),
        _(
            "A segment is a group of people to send to: those who fit a rule, such as “bought in the last 30 "
            "days”, or a list that you bring."
        ),
        _("New segment"),
        "admin:segments_segment_add",
        "segments.add_segment",
    )
    list_display: ClassVar = ["title", "sort", "size", "history", "standing"]
    list_display_links = None
    list_filter: ClassVar = ["app", "kind", "state"]
    search_fields: ClassVar = ["name", "description"]
    list_per_page = 25
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        return super().get_queryset(request).select_related("app")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SegmentList

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What a campaign or another segment uses stays."""
        return super().has_delete_permission(request, obj) and (obj is None or not users_of(obj))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Of one that is used, its page says what uses it."""
        segment = self.get_object(request, object_id)
        users = users_of(segment) if segment and super().has_delete_permission(request, segment) else []
        if segment is None or not users:
            return super().delete_view(request, object_id, extra_context)
        messages.error(request, in_use_words(segment, users))
        return redirect("admin:segments_segment_change", segment.pk)

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        try:
            delete_segment(segment=obj)
        except Conflict as refusal:
            messages.error(request, str(refusal))

    def get_urls(self) -> list[Any]:
        return [*self._parts(), *super().get_urls()]

    def _parts(self) -> Iterator[Any]:
        for name, (of_app, permission) in PARTS.items():
            door = self.admin_site.admin_view(self._app_door(of_app, permission))
            yield path(f"rule/<slug:slug>/{name}/", door, name=f"segments_segment_{name}")

    def _app_door(self, view: Callable[..., HttpResponse], permission: str) -> Callable[..., HttpResponse]:
        """Parts of the builder; the view looks for the app among the person's own."""

        def door(request: HttpRequest, slug: str) -> HttpResponse:
            may_write = self.has_add_permission(request) or self.has_change_permission(request)
            if not (may_write or (permission == "view" and self.has_view_permission(request))):
                raise PermissionDenied
            if request.method != "POST":
                return refuse_method(request, "POST", reverse("admin:segments_segment_changelist"))
            return view(self, request, slug)

        return door

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return views.new_page(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        segment = self.get_object(request, object_id)
        if segment is None:
            raise Http404
        if not self.has_view_permission(request, segment):
            raise PermissionDenied
        return views.page(self, request, segment)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        return redirect("admin:segments_segment_changelist")

    @display(description=_("segment"), ordering="name")
    def title(self, segment: Segment) -> str:
        return cell("title", segment)

    @display(description=_("kind"), ordering="kind")
    def sort(self, segment: Segment) -> str:
        return cell("kind", segment)

    @display(description=_("people"), ordering="member_count")
    def size(self, segment: Segment) -> str:
        return cell("size", segment)

    @display(description=_("lately"))
    def history(self, segment: Segment) -> str:
        return cell("history", segment)

    @display(description=_("state"), ordering="state")
    def standing(self, segment: Segment) -> str:
        return cell("state", segment)


def cell(name: str, segment: Segment) -> str:
    """One cell of the list, from templates/segments/list/."""
    return render_to_string(f"segments/list/{name}.html", {"segment": segment, "word": state_of(segment)})
