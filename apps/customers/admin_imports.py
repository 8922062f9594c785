"""The staff's door to imports: the list, and the pages that admin_import_views draws."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_row_pages import RowPagesAdmin, RowView
from apps.customers import admin_import_views as views
from apps.customers.models import ImportRun


@admin.register(ImportRun)
class ImportAdmin(RowPagesAdmin):
    """Uploads of people, newest first. Pages but "live" are for those who may import: they show what people told."""

    row_pages: ClassVar[Mapping[str, tuple[RowView, str]]] = {
        "live": (views.live, "view"),
        "columns": (views.columns, "add"),
        "reread": (views.reread, "add"),
        "start": (views.start, "add"),
        "cancel": (views.cancel, "add"),
        "words": (views.words, "add"),
        "refused": (views.refused, "download"),
        "warned": (views.warned, "download"),
    }
    reading_permissions: ClassVar[Collection[str]] = ("view", "download")

    first_step = FirstStep(
        "upload_file",
        _("No imports yet"),
        _(
            "Bring the people you know as a CSV file. You see what is in it, and what would change, before "
            "anything does."
        ),
        _("Import a file"),
        "admin:customers_importrun_add",
        "customers.add_importrun",
    )
    list_display: ClassVar = ["file", "standing", "lines", "when"]
    list_display_links = None
    list_filter: ClassVar = ["app", "state"]
    search_fields: ClassVar = ["file_name"]
    ordering: ClassVar = ["-id"]
    list_per_page = 25
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRun]:
        return super().get_queryset(request).select_related("app").defer("file_key")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was imported when, and by whom, stays known."""
        return False

    def get_urls(self) -> list[Any]:
        return [path("add/", self._upload_door(), name="customers_importrun_add"), *super().get_urls()]

    def may_open(self, permission: str, request: HttpRequest, row: ImportRun) -> bool:
        return super().may_open("add" if permission == "download" else permission, request, row)

    def _upload_door(self) -> Callable[..., HttpResponseBase]:
        """Looks at the length first: checking the form's token would read the whole body."""
        inside = self.admin_site.admin_view(self.add_view)

        def door(request: HttpRequest) -> HttpResponseBase:
            if views.is_too_large(request) and self.has_add_permission(request):
                return views.upload(self, request).render()  # type: ignore[attr-defined]
            return inside(request)

        return csrf_exempt(door)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return views.upload(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        return views.page(self, request, run)

    @display(description=_("file"), ordering="file_name")
    def file(self, run: ImportRun) -> str:
        return cell("file", run)

    @display(description=_("state"), ordering="state")
    def standing(self, run: ImportRun) -> str:
        return cell("state", run)

    @display(description=_("lines"))
    def lines(self, run: ImportRun) -> str:
        return cell("lines", run)

    @display(description=_("uploaded"), ordering="id")
    def when(self, run: ImportRun) -> str:
        return cell("when", run)


def cell(name: str, run: ImportRun) -> str:
    """One cell of the list, from templates/customers/imports/list/."""
    done = run.stored_count + run.refused_count
    context = {"run": run, "word": views.word_of(run), "done": done}
    return render_to_string(f"customers/imports/list/{name}.html", context)
