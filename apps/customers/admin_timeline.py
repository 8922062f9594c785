"""What a person's page shows in pages: what they did, and what they answered."""

from datetime import datetime
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.customers.models import Customer
from apps.customers.queries import Place, consents_of, event_names_of, events_of, wordings_added

type Admin = ModelAdmin[Customer]
EVENTS_A_PAGE = 20
ANSWERS_A_PAGE = 10


def events(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Older events below those already shown, or those of one name."""
    told = events_shown(customer, name=request.GET.get("name", "")[:100], before=request.GET.get("before", ""))
    return TemplateResponse(request, "customers/events.html", {"customer": customer, **told})


def answers(model_admin: Admin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Older answers below those already shown."""
    told = answers_shown(customer, before=request.GET.get("before", ""))
    return TemplateResponse(request, "customers/answers.html", {"customer": customer, **told})


def events_shown(customer: Customer, *, name: str = "", before: str = "") -> dict[str, Any]:
    """A page of events, and where the next begins."""
    found = events_of(customer, name=name, before=_place(before), limit=EVENTS_A_PAGE + 1)
    shown = found[:EVENTS_A_PAGE]
    last = shown[-1] if len(found) > EVENTS_A_PAGE else None
    return {"events": shown, "event_name": name, "events_before": last and _written(last.occurred_at, last.id)}


def event_names(customer: Customer) -> dict[str, Any]:
    """What the events can be narrowed to."""
    return {"event_names": event_names_of(customer)}


def answers_shown(customer: Customer, *, before: str = "") -> dict[str, Any]:
    """A page of the consent ledger, and where the next begins."""
    found = list(consents_of(customer, before=_place(before))[: ANSWERS_A_PAGE + 1])
    shown = found[:ANSWERS_A_PAGE]
    last = shown[-1] if len(found) > ANSWERS_A_PAGE else None
    added = wordings_added(customer.app_id, shown)
    told = [{"answer": one, "added": added.get(one.pk)} for one in shown]
    return {"answers": told, "answers_before": last and _written(last.at, last.pk)}


def _written(at: datetime, row_id: int) -> str:
    return f"{at.isoformat()}~{row_id}"


def _place(text: str) -> Place | None:
    """Nonsense is the beginning."""
    at, _tilde, row_id = text.partition("~")
    try:
        moment, number = datetime.fromisoformat(at), int(row_id)
    except ValueError:
        return None
    return (moment, number) if moment.tzinfo and abs(number) < 2**63 else None
