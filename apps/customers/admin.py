"""The staff's door to people: the list, and the pages that admin_views draws."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin_first_step import FirstStep
from apps.accounts.admin_row_pages import RowPagesAdmin, RowView
from apps.accounts.admin_scope import apps_in_view
from apps.customers import admin_identity as identity
from apps.customers import admin_imports as admin_imports
from apps.customers import admin_timeline as timeline
from apps.customers import admin_topics as admin_topics
from apps.customers import admin_views as views
from apps.customers.masking import masked_email, masked_phone
from apps.customers.models import Customer
from apps.customers.queries import found_people


class ConsentFilter(admin.SimpleListFilter):
    """What people said to push."""

    title = _("push")
    parameter_name = "push"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Said yes")), ("no", _("Said no")), ("unknown", _("Never asked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Customer]) -> QuerySet[Customer]:
        said = {"yes": True, "no": False, "unknown": None}
        return queryset.filter(push_consent=said[self.value() or ""]) if self.value() in said else queryset


class CustomerList(ChangeList):
    """The page of people with the number of their live devices: one query for all."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Customer]:
        """Rows that were merged are no people: only their own address leads to them."""
        return super().get_queryset(request, exclude_parameters).filter(merged_into=None)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        live = Count("devices", filter=Q(devices__state__in=["active", "stale"]))
        counted = Customer.objects.filter(pk__in=[one.pk for one in self.result_list]).annotate(live=live)
        counts = dict(counted.values_list("pk", "live"))
        for one in self.result_list:
            one.live_devices = counts.get(one.pk, 0)
            one.shown_email = masked_email(one.email)
            one.shown_phone = masked_phone(one.phone)


@admin.register(Customer)
class CustomerAdmin(RowPagesAdmin):
    """People, newest first."""

    row_pages: ClassVar[Mapping[str, tuple[RowView, str]]] = {
        "events": (timeline.events, "view"),
        "answers": (timeline.answers, "view"),
        "panel": (views.panel, "view"),
        "reveal": (identity.reveal, "see"),
        "tell": (identity.tell, "reveal"),
        "edit": (views.edit, "form"),
        "consent": (views.consent, "change"),
        "link": (identity.give_link, "change"),
        "merge": (identity.merge_person, "delete"),
        "erase": (identity.erase_person, "delete"),
    }
    reading_permissions: ClassVar[Collection[str]] = ("view", "reveal", "form")

    first_step = FirstStep(
        "person",
        _("No customers yet"),
        _("Customers come by themselves with your app and the API, or from a file that you import."),
        _("Import a file"),
        "admin:customers_importrun_add",
        "customers.add_importrun",
    )
    audits_values = False
    list_display: ClassVar = ["who", "contact", "place", "reach", "consent", "known_since"]
    list_display_links = None
    list_filter: ClassVar = ["app", ConsentFilter]
    search_fields: ClassVar = ["external_id"]
    search_help_text = _("Id or name, or a whole phone number or e-mail address")
    ordering: ClassVar = ["-id"]
    list_per_page = 25
    show_full_result_count = False
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        return super().get_queryset(request).select_related("app")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        return found_people(queryset, search_term, apps=apps_in_view(request)), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CustomerList

    def may_open(self, permission: str, request: HttpRequest, row: Customer) -> bool:
        """Of those who are gone there is only the page. see, reveal: contacts in full; form: to look and to change."""
        is_gone = row.erased_at is not None or row.merged_into_id is not None
        if permission != "view" and is_gone:
            return False
        if permission in ("reveal", "see"):
            return views.may_see_contacts(request) and self.has_view_permission(request, row)
        return super().may_open("change" if permission == "form" else permission, request, row)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return views.add(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        if customer is None:
            raise Http404
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        return views.page(self, request, customer)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """People are erased, on their page, never deleted: totals and re-imports need the tombstone."""
        raise Http404

    @display(description=_("customer"), ordering="last_name")
    def who(self, customer: Customer) -> str:
        return cell("who", customer)

    @display(description=_("contact"))
    def contact(self, customer: Customer) -> str:
        return cell("contact", customer)

    @display(description=_("where"))
    def place(self, customer: Customer) -> str:
        return cell("place", customer)

    @display(description=_("devices"))
    def reach(self, customer: Customer) -> str:
        return cell("reach", customer)

    @display(description=_("consent"))
    def consent(self, customer: Customer) -> str:
        return cell("consent", customer)

    @display(description=_("known"), ordering="created_at")
    def known_since(self, customer: Customer) -> str:
        return cell("since", customer)


def cell(name: str, customer: Customer) -> str:
    """One cell of the list, from templates/customers/list/."""
    return render_to_string(f"customers/list/{name}.html", {"customer": customer})
