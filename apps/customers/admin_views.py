"""The pages of a person: everything known in one view, the profile's form, erasing and telling."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.admin_pages import draw_page
from apps.accounts.queries import apps_of
from apps.core.problems import FieldProblem, InvalidInput
from apps.customers.admin_forms import ConsentForm, NewProfileForm, ProfileForm, initial_of
from apps.customers.admin_panels import panels_for
from apps.customers.masking import masked_email, masked_phone
from apps.customers.models import Customer
from apps.customers.queries import consents_of, events_of
from apps.customers.services.consent import record_consent
from apps.customers.services.disclosure import export_customer
from apps.customers.services.erasure import erase
from apps.customers.services.profiles import upsert_customers

type Admin = ModelAdmin[Customer]
EVENTS_A_PAGE = 20


def page(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """The Single Customer View."""
    may_reveal = may_see_contacts(request)
    shown = [
        {"panel": one, "html": render_to_string(one.template, {"customer": customer, **one.context(customer)}, request)}
        for one in panels_for(request.user)
    ]
    context = {
        "title": str(customer),
        "original": customer,
        "customer": customer,
        "email": customer.email if may_reveal else masked_email(customer.email),
        "phone": customer.phone if may_reveal else masked_phone(customer.phone),
        "panels": shown,
        "consents": consents_of(customer)[:50],
        "may_edit": model_admin.has_change_permission(request, customer) and not customer.erased_at,
        "may_erase": model_admin.has_delete_permission(request, customer) and not customer.erased_at,
        "may_tell": may_reveal and customer.external_id and not customer.erased_at,
        **_events(customer, None),
    }
    return draw_page(model_admin, request, "customers/page.html", context)


def events(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Older events, below those already shown."""
    try:
        before = datetime.fromisoformat(request.GET.get("before", ""))
    except ValueError:
        before = timezone.now()
    before = before if before.tzinfo else timezone.now()
    return TemplateResponse(request, "customers/events.html", {"customer": customer, **_events(customer, before)})


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


def erase_person(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Asked for by typing the id."""
    wanted = customer.external_id or str(customer.pk)
    if request.POST.get("typed", "").strip() != wanted:
        messages.error(request, _("Nothing was erased: the id you typed is not %(id)s.") % {"id": wanted})
        return _back(customer)
    actor: Any = request.user
    erase(customer=customer, actor=actor, now=timezone.now())
    messages.success(request, _("Everything known about this person is gone."))
    return _back(customer)


def tell(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """All that is kept, as a file for the person who asked."""
    actor: Any = request.user
    name = customer.external_id or ""
    told = export_customer(app=customer.app, external_id=name, actor=actor, now=timezone.now())
    response = JsonResponse(told, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="customer-{customer.pk}.json"'
    return response


def may_see_contacts(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.has_perm("customers.reveal_customer"))


def _events(customer: Customer, before: datetime | None) -> dict[str, Any]:
    found = events_of(customer, before=before, limit=EVENTS_A_PAGE + 1)
    shown = found[:EVENTS_A_PAGE]
    return {"events": shown, "older_than": shown[-1].occurred_at if len(found) > EVENTS_A_PAGE else None}


def _back(customer: Customer) -> HttpResponseRedirect:
    return redirect("admin:customers_customer_change", customer.pk)
