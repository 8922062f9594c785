"""Why somebody is, or is not, in a segment: the rule clause by clause, and when they were in it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import InvalidInput
from apps.customers.admin_views import may_see_contacts
from apps.customers.masking import masked_email, masked_phone
from apps.customers.models import Customer
from apps.segments.models import Segment
from apps.segments.queries import people_called, spans_of, was_member
from apps.segments.services.explanation import explain_member
from apps.segments.services.limits import TooSlow, limited

MOST_FOUND = 6
LIMIT_SECONDS = 5
LONGEST_NAME = 255


def answer_why(request: HttpRequest, app: App, segment: Segment | None, rule: Any) -> HttpResponse:
    """For the person who is asked about: found by id, name, whole e-mail or phone; several = a choice of them."""
    words = request.POST.get("who", "").replace("\0", "").strip()[:LONGEST_NAME]
    found = people_called(app, words, limit=MOST_FOUND + 1) if words else []
    context: dict[str, Any] = {"app": app, "words": words, "segment": segment}
    if len(found) == 1:
        context |= _about(found[0], request, app, segment, rule)
    else:
        context |= {"found": found[:MOST_FOUND], "is_more": len(found) > MOST_FOUND}
    return TemplateResponse(request, "segments/why/answer.html", context)


def _about(person: Customer, request: HttpRequest, app: App, segment: Segment | None, rule: Any) -> dict[str, Any]:
    may_reveal = may_see_contacts(request)
    told: dict[str, Any] = {
        "person": person,
        "email": person.email if may_reveal else masked_email(person.email),
        "phone": person.phone if may_reveal else masked_phone(person.phone),
    }
    if segment is None or segment.kind == "dynamic":
        told |= _verdict(person, app, rule, reveals=may_reveal)
    if segment is not None:
        told |= _membership(person, request, app, segment)
    return told


def _verdict(person: Customer, app: App, rule: Any, *, reveals: bool) -> dict[str, Any]:
    """What the rule on the page says of them now."""
    try:
        with limited(LIMIT_SECONDS):
            now = timezone.now()
            return {"verdict": explain_member(rule=rule, app=app, customer=person, now=now, reveals=reveals)}
    except InvalidInput as refusal:
        return {"problems": refusal.problems}
    except TooSlow:
        return {"is_too_slow": True}


def _membership(person: Customer, request: HttpRequest, app: App, segment: Segment) -> dict[str, Any]:
    """What is written down: since when, and whether at the asked moment."""
    spans = spans_of(segment, person)
    told: dict[str, Any] = {"spans": spans, "is_member": any(span.left_at is None for span in spans)}
    given = request.POST.get("at", "").strip()
    if not given:
        return told
    try:
        at = datetime.fromisoformat(given)
        moment = (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(app.time_zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        return {**told, "at_problem": _("must be a day and a time")}
    return {**told, "at": moment, "was_member": was_member(segment=segment, customer=person, at=moment)}
