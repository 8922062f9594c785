"""Pages and buttons of one row of an admin: `<id>/<name>/`, each behind a permission.

Use: `class ChannelAdmin(RowPagesAdmin)` with `row_pages`. Reverse: `admin:<app>_<model>_<name>`, args=[pk].
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse

from apps.accounts.admin_pages import refuse_method
from apps.accounts.admin_scope import AppScopedAdmin

type RowView = Callable[[Any, HttpRequest, Any], HttpResponseBase]


class RowPagesAdmin(AppScopedAdmin):
    """An admin whose rows have pages of their own.

    row_pages: name in the address -> (view of the row, permission). reading_permissions: those whose pages answer every
    method; all others answer POST only. A permission that Django does not know is answered by the admin's own
    `may_open`; "add" is for copies.
    """

    row_pages: ClassVar[Mapping[str, tuple[RowView, str]]] = {}
    reading_permissions: ClassVar[Collection[str]] = ("view",)

    def get_urls(self) -> list[Any]:
        return [*self._row_urls(), *super().get_urls()]

    def all_row_pages(self) -> Mapping[str, tuple[RowView, str]]:
        """`row_pages`, and those that other floors add to such rows."""
        return self.row_pages

    def may_open(self, permission: str, request: HttpRequest, row: Any) -> bool:
        """Whether this person may open such pages of the row."""
        if permission == "add":
            return self.has_add_permission(request) and self.has_view_permission(request, row)
        return bool(getattr(self, f"has_{permission}_permission")(request, row))

    def _row_urls(self) -> Iterator[Any]:
        for name, (view, permission) in self.all_row_pages().items():
            door = self.admin_site.admin_view(self._door(view, permission))
            yield path(f"<int:row_id>/{name}/", door, name=f"{self._model_name}_{name}")

    def _door(self, view: RowView, permission: str) -> Callable[..., HttpResponseBase]:
        """Finds the row among those of the person's own apps, asks for the permission, opens the page."""

        def door(request: HttpRequest, row_id: int) -> HttpResponseBase:
            row = self.get_object(request, str(row_id))
            if row is None:
                raise Http404
            if not self.may_open(permission, request, row):
                raise PermissionDenied
            if permission not in self.reading_permissions and request.method != "POST":
                return refuse_method(request, "POST", reverse(f"admin:{self._model_name}_change", args=[row.pk]))
            return view(self, request, row)

        return door

    @property
    def _model_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"
