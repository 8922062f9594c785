"""The event that brought people in, as texts may speak of it: {{ event.product_name | default: "your choice" }}.

Which properties an event has is known from what has come in; of an event that was never seen, any will do.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from apps.campaigns.models import Automation, AutomationStep, Campaign
from apps.campaigns.services.automations.steps import PUSH, outer_kind
from apps.campaigns.services.readiness import known_names
from apps.campaigns.services.trials import Tried
from apps.core.problems import FieldProblem
from apps.core.suggestions import did_you_mean
from apps.customers.models import Customer, Event, EventType
from apps.deliveries.rendering.nested import PartUse, part_uses
from apps.segments.services.limits import Stopped, TooSlow, limited

ROOT = "event"
# A preview looks no further back.
_LOOKS_BACK = timedelta(days=90)
_LIMIT_SECONDS = 0.5


def has_event(automation: Automation) -> bool:
    """Whether people enter by an event, so that texts may speak of it."""
    return automation.trigger == "event" and bool(automation.trigger_event)


def event_properties(automation: Automation) -> list[str] | None:
    """Those that the event has had, by name; None = it was never seen."""
    seen = EventType.objects.filter(app=automation.app_id, name=automation.trigger_event)
    properties = seen.values_list("properties", flat=True).first()
    return None if properties is None else sorted(properties)


def says_event(automation: Automation) -> bool:
    """Whether a text of its messages speaks of the event."""
    texts = (body for step in automation.steps.all() for body in _bodies(step))
    return has_event(automation) and any(part_uses(body, ROOT) for body in texts)


def _bodies(step: AutomationStep) -> Iterable[Mapping[str, Any]]:
    if step.kind == PUSH:
        return (step.settings.get("texts") or {}).values()
    kind = outer_kind(step.kind)
    return kind.texts(step=step) if kind else ()


def event_problems(automation: Automation, body: Mapping[str, Any], pointer: str) -> Iterator[FieldProblem]:
    """What is wrong with how a message speaks of the event; that it may not at all is `analyse`'s to say."""
    if not has_event(automation):
        return
    uses = part_uses(body, ROOT)
    known = event_properties(automation) if uses else None
    for use in uses:
        if problem := _problem(use, known, automation.trigger_event):
            code, message = problem
            yield FieldProblem(pointer + use.pointer, code, message, f"{ROOT}.{use.part}")


def _problem(use: PartUse, known: list[str] | None, name: str) -> tuple[str, str] | None:
    if not use.part:
        return "unknown_variable", _("say which property of the event, such as event.name")
    if known is not None and use.part not in known:
        message = _("“%(event)s” has never had a property %(part)s.%(hint)s")
        return "unknown_variable", message % {
            "event": name,
            "part": repr(use.part),
            "hint": did_you_mean(use.part, known),
        }
    if use.is_bare:
        message = _('an event need not have “%(part)s”: give a fallback with | default: "…"')
        return "missing_fallback", message % {"part": use.part}
    return None


def sample_facts(automation: Automation, customer: Customer | None, now: datetime) -> dict[str, Any]:
    """The newest event of that name, the customer's own where they have one; for previews and tests.

    None where no text speaks of it, or where it takes too long to find one.
    """
    if not says_event(automation):
        return {}
    lately = Event.objects.filter(
        app_id=automation.app_id, name=automation.trigger_event, occurred_at__gte=now - _LOOKS_BACK
    )
    newest = lately.order_by("-occurred_at", "-id")
    with suppress(TooSlow, Stopped), limited(_LIMIT_SECONDS):
        own = newest.filter(customer_id=customer.pk).first() if customer else None
        found = own or newest.first()
        return {ROOT: found.properties} if found else {}
    return {}


def message_names(automation: Automation) -> set[str]:
    """The facts that its messages may ask for: those of the profile, and the event that brought people in."""
    names = {*known_names(Campaign(app=automation.app))}
    return names | {ROOT} if has_event(automation) else names


def variables_of(automation: Automation) -> list[str]:
    """What the menu of variables offers; of the event its properties with plain names."""
    of_event = event_properties(automation) or [] if has_event(automation) else []
    names = {*known_names(Campaign(app=automation.app))}
    return [*sorted(names), *(f"{ROOT}.{part}" for part in of_event if part.isidentifier() and part.isascii())]


def tried_step(step: AutomationStep, customer: Customer | None, now: datetime) -> Tried:
    """A message step as a test sends it: after the newest event of the kind that brings people in."""
    automation = step.automation
    return Tried(
        app=automation.app,
        name=f"{automation.name} · {step.position + 1}",
        subject=f"automation:{automation.pk}",
        origin=f"trial:automation:{automation.pk}",
        names=message_names(automation),
        facts=sample_facts(automation, customer, now),
    )
