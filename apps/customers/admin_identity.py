"""What staff may do about who a person is: see their addresses, give their preference link, hand over what is kept,
merge, erase. All audited."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services.audit import write_audit
from apps.core.problems import Conflict
from apps.customers.contacts import email_of, phone_of
from apps.customers.models import Customer
from apps.customers.preference_links import preferences_url
from apps.customers.queries import person_named
from apps.customers.services.disclosure import export_person
from apps.customers.services.erasure import erase
from apps.customers.services.merging import merge_customers

type Admin = ModelAdmin[Customer]


def reveal(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Phone and e-mail in full, for those who may; that they looked is written down."""
    note_reveal(request, customer)
    shown = {"email": email_of(customer, reveals=True), "phone": phone_of(customer, reveals=True)}
    return TemplateResponse(request, "customers/contacts.html", {"customer": customer, "is_revealed": True, **shown})


def note_reveal(request: HttpRequest, customer: Customer) -> None:
    """Somebody is about to see a person's addresses in full."""
    actor: Any = request.user
    subject, now = f"customer:{customer.pk}", timezone.now()
    write_audit(app=customer.app, actor=actor, action="customer.revealed", subject=subject, details={}, now=now)


def give_link(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """The person's own preference link, to be passed on to them. Whoever holds it answers in their name: audited."""
    actor: Any = request.user
    subject, now = f"customer:{customer.pk}", timezone.now()
    write_audit(app=customer.app, actor=actor, action="customer.link_given", subject=subject, details={}, now=now)
    url = preferences_url(app_id=customer.app_id, customer_id=customer.pk, now=now)
    context = {"customer": customer, "link": url, "days": settings.PREFERENCE_LINK_DAYS}
    return TemplateResponse(request, "customers/preference_link.html", context)


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


def merge_person(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """The person of the id that was typed is the one on this page, who is kept."""
    typed = request.POST.get("other", "").strip()
    other = person_named(app=customer.app, external_id=typed) if typed else None
    if other is None:
        messages.error(request, _("Nothing was merged: nobody is called %(id)s.") % {"id": typed or "–"})
        return _back(customer)
    actor: Any = request.user
    try:
        was_merged = merge_customers(customer=other, into=customer, actor=actor, now=timezone.now())
    except Conflict as refusal:
        messages.error(request, str(refusal))
        return _back(customer)
    if was_merged:
        messages.success(request, _("%(id)s and this person are one now.") % {"id": typed})
    else:
        messages.info(request, _("%(id)s is this person already.") % {"id": typed})
    return _back(customer)


def tell(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """All that is kept, as a file for the person who asked."""
    actor: Any = request.user
    told = export_person(customer=customer, actor=actor, now=timezone.now())
    response = JsonResponse(told, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="customer-{customer.pk}.json"'
    return response


def _back(customer: Customer) -> HttpResponseRedirect:
    return redirect("admin:customers_customer_change", customer.pk)
