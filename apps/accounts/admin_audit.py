"""The audit log to read, search and take away. Nothing here writes but the note that somebody took it away."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_scope import AppScopedAdmin
from apps.accounts.models import AuditEntry
from apps.accounts.queries import apps_of, colleagues_of
from apps.accounts.services.audit import write_audit
from apps.core.csv import safe_cell

COLUMNS = ("at", "who", "did", "to_what", "app", "before", "after", "details")
MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One value that was changed."""

    name: str
    before: Any
    after: Any


class NounFilter(admin.SimpleListFilter):
    """By what was acted on: the part of the action before the dot."""

    title = _("about")
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        actions = model_admin.get_queryset(request).order_by().values_list("action", flat=True).distinct()
        return [(noun, noun) for noun in sorted({action.partition(".")[0] for action in actions})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action__startswith=f"{self.value()}.") if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(AppScopedAdmin):
    """Who did what to what, when, and what it was before."""

    list_display: ClassVar = ["at", "actor", "action", "subject", "changes", "app"]
    list_display_links = None
    list_select_related: ClassVar = ["app"]
    list_filter: ClassVar = ["app", NounFilter]
    search_fields: ClassVar = ["actor", "action", "subject", "details"]
    search_help_text = _("Who, what, or any word of the details")
    date_hierarchy = "at"
    actions = None
    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Of the person's apps; of the whole installation what concerns everybody, and what colleagues did."""
        rows = AuditEntry.objects.all()
        if request.user.is_superuser:
            return rows
        colleagues = colleagues_of(request.user).values("username")  # type: ignore[arg-type]
        shared = Q(app=None) & (Q(action__startswith="sending.") | Q(actor__in=colleagues))
        return rows.filter(Q(app__in=apps_of(request.user).values("pk")) | shared)

    def get_urls(self) -> list[Any]:
        door = self.admin_site.admin_view(self.export)
        return [path("export/", door, name="accounts_auditentry_export"), *super().get_urls()]

    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """What the list shows, filters and search included, as CSV; taking it away is an entry of its own."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_changelist_instance(request).get_queryset(request).select_related("app")
        actor: Any = request.user
        asked = {"asked": request.GET.urlencode()[:MOST_CHARACTERS]}
        now = timezone.now()
        noted = write_audit(
            app=None, actor=actor, action="auditlog.exported", subject="auditlog", details=asked, now=now
        )
        return StreamingHttpResponse(
            csv_of(rows.filter(pk__lt=noted.pk).order_by("id").iterator(chunk_size=2000)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="audit-log.csv"'},
        )

    @display(description=_("before → after"))
    def changes(self, entry: AuditEntry) -> str:
        return render_to_string("accounts/audit_changes.html", {"lines": lines_of(entry), "rest": rest_of(entry)})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def lines_of(entry: AuditEntry) -> list[Line]:
    """What was changed, value by value."""
    before, after = (_mapping(entry.details.get(name)) for name in ("before", "after"))
    return [Line(name, before.get(name), after.get(name)) for name in {**before, **after}]


def rest_of(entry: AuditEntry) -> dict[str, Any]:
    """The details that are no values before and after, without what is empty."""
    named = {"before", "after", *(["changes"] if lines_of(entry) else [])}
    return {name: value for name, value in entry.details.items() if name not in named and value not in ("", [], {})}


def csv_of(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """Line by line, safe for spreadsheets."""
    yield _csv_line(COLUMNS)
    for entry in entries:
        details = dict(entry.details)
        before, after = (
            json.dumps(_mapping(details.pop(name, None)), ensure_ascii=False) for name in ("before", "after")
        )
        app = entry.app.slug if entry.app else ""
        rest = json.dumps(details, ensure_ascii=False)
        told = (entry.at.isoformat(), entry.actor, entry.action, entry.subject, app, before, after, rest)
        yield _csv_line(tuple(map(safe_cell, told)))


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
