"""The pages of a person: everything known in one view, the profile's form, and an answer told to staff."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.admin_pages import draw_page
from apps.accounts.queries import apps_of
from apps.core.problems import FieldProblem, InvalidInput
from apps.customers.admin_forms import ConsentForm, NewProfileForm, ProfileForm, initial_of
from apps.customers.admin_identity import note_reveal
from apps.customers.admin_panels import panels_for
from apps.customers.admin_timeline import answers_shown, event_names, events_shown
from apps.customers.contacts import email_of, phone_of, ways_to
from apps.customers.models import Customer
from apps.customers.queries import topic_names_of
from apps.customers.services.consent import record_consent
from apps.customers.services.profiles import upsert_customers

type Admin = ModelAdmin[Customer]


def page(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """The Single Customer View. A row that was merged leads to whom it is part of."""
    if customer.merged_into_id is not None:
        return redirect("admin:customers_customer_change", customer.merged_into_id)
    shown = [
        {"panel": one, "html": render_to_string(one.template, {"customer": customer, **one.context(customer)}, request)}
        for one in panels_for(request.user)
    ]
    context = {
        "title": str(customer),
        "original": customer,
        "customer": customer,
        "topics": topic_names_of(customer),
        "email": email_of(customer, reveals=False),
        "phone": phone_of(customer, reveals=False),
        "ways": ways_to(customer, live_devices=customer.devices.filter(state__in=["active", "stale"]).count()),
        "panels": shown,
        **_rights(model_admin, request, customer),
        **events_shown(customer),
        **event_names(customer),
        **answers_shown(customer),
    }
    return draw_page(model_admin, request, "customers/page.html", context)


def panel(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """One card anew: narrowed, or its next page."""
    for one in panels_for(request.user):
        if one.key == request.GET.get("key") and one.page is not None:
            context = {"customer": customer, **one.page(customer, request.GET.dict())}
            return TemplateResponse(request, one.page_template, context)
    raise Http404


def edit(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """The profile's form; an anonymous person has nothing to edit before a log-in names them."""
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=initial_of(customer))
    form.fields["external_id"].disabled = True
    if not customer.external_id:
        return redirect("admin:customers_customer_change", customer.pk)
    if request.method == "POST":
        verdict = upsert_customers(app=customer.app, drafts=[form.draft()], now=timezone.now(), source="admin")[0]
        if not verdict.problems:
            model_admin.log_change(request, customer, [{"changed": {}}])
            messages.success(request, _("Saved."))
            return redirect("admin:customers_customer_change", customer.pk)
        form.refuse(verdict.problems)
    else:
        note_reveal(request, customer)
    context = {"title": str(customer), "original": customer, "customer": customer, "form": form}
    return draw_page(model_admin, request, "customers/form.html", context)


def add(model_admin: Admin, request: HttpRequest) -> HttpResponse:
    """A person typed in by hand."""
    apps = apps_of(request.user).filter(is_active=True)
    form = NewProfileForm(apps, request.POST if request.method == "POST" else None)
    app = form.chosen_app() if request.method == "POST" else None
    if app is not None:
        verdict = upsert_customers(app=app, drafts=[form.draft()], now=timezone.now(), source="admin")[0]
        if verdict.status == "created":
            customer = Customer.objects.get(pk=verdict.customer_id or 0)
            model_admin.log_addition(request, customer, [{"added": {}}])
            return redirect("admin:customers_customer_change", customer.pk)
        taken = [FieldProblem("/external_id", "name_taken", _("this person is known already"))]
        form.refuse(verdict.problems or taken)
    return draw_page(model_admin, request, "customers/form.html", {"title": _("New customer"), "form": form})


def consent(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """A person told staff yes or no; it goes into the ledger with who wrote it down."""
    form = ConsentForm(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        wording = told["wording"] or _("Told to %(who)s") % {"who": request.user.get_username()}
        try:
            record_consent(
                customer_ids=[customer.pk],
                channel=told["channel"],
                granted=told["granted"] == "yes",
                source="admin",
                wording=wording,
                now=timezone.now(),
            )
        except InvalidInput as refusal:
            messages.error(request, str(refusal))
        else:
            model_admin.log_change(request, customer, [{"consent": {told["channel"]: told["granted"]}}])
            messages.success(request, _("Written down."))
    return _back(customer)


def may_see_contacts(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.has_perm("customers.reveal_customer"))


def _rights(model_admin: Admin, request: HttpRequest, customer: Customer) -> dict[str, bool]:
    """What this user may do about this person."""
    is_there = customer.erased_at is None
    may_own = is_there and model_admin.has_delete_permission(request, customer)
    may_reveal = is_there and may_see_contacts(request)
    return {
        "may_edit": is_there and model_admin.has_change_permission(request, customer),
        "may_erase": may_own,
        "may_merge": may_own,
        "may_tell": may_reveal,
        "may_reveal": may_reveal and bool(customer.email or customer.phone),
    }


def _back(customer: Customer) -> HttpResponseRedirect:
    return redirect("admin:customers_customer_change", customer.pk)
