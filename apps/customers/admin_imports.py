"""The staff's door to imports: the list, and the pages that admin_import_views draws."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_pages import refuse_method
from apps.accounts.admin_scope import AppScopedAdmin
from apps.customers import admin_import_views as views
from apps.customers.models import ImportRun

# <name>: (view of one run, method). All but "live" are for those who may import: they show what people told.
PAGES: dict[str, tuple[Callable[..., HttpResponseBase], str]] = {
    "live": (views.live, "GET"),
    "columns": (views.columns, "POST"),
    "reread": (views.reread, "POST"),
    "start": (views.start, "POST"),
    "cancel": (views.cancel, "POST"),
    "refused": (views.refused, "GET"),
    "warned": (views.warned, "GET"),
}


@admin.register(ImportRun)
class ImportAdmin(AppScopedAdmin):
    """Uploads of people, newest first."""

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
        return super().get_queryset(request).select_related("app")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was imported when, and by whom, stays known."""
        return False

    def get_urls(self) -> list[Any]:
        return [*self._pages(), *super().get_urls()]

    def _pages(self) -> Iterator[Any]:
        yield path("add/", self._upload_door(), name="customers_importrun_add")
        for name, (view, method) in PAGES.items():
            door = self.admin_site.admin_view(self._door(name, view, method))
            yield path(f"<int:run_id>/{name}/", door, name=f"customers_importrun_{name}")

    def _upload_door(self) -> Callable[..., HttpResponseBase]:
        """Looks at the length first: checking the form's token would read the whole body."""
        inside = self.admin_site.admin_view(self.add_view)

        def door(request: HttpRequest) -> HttpResponseBase:
            if views.is_too_large(request) and self.has_add_permission(request):
                return views.upload(self, request).render()  # type: ignore[attr-defined]
            return inside(request)

        return csrf_exempt(door)

    def _door(self, name: str, view: Callable[..., HttpResponseBase], method: str) -> Callable[..., HttpResponseBase]:
        """Asks for the permission, finds the run among the person's own apps, opens the page."""

        def door(request: HttpRequest, run_id: int) -> HttpResponseBase:
            run = self.get_object(request, str(run_id))
            if run is None:
                raise Http404
            may = self.has_view_permission if name == "live" else self.has_add_permission
            if not may(request):
                raise PermissionDenied
            if request.method != method:
                return refuse_method(request, method, reverse("admin:customers_importrun_change", args=[run.pk]))
            return view(self, request, run)

        return door

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
