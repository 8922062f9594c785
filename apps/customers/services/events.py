"""Events: what people did, stored in sets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import rows
from apps.core.text import clean_text, shown
from apps.customers.services.profile_fields import clean_external_id
from apps.customers.services.profiles import customer_ids_for
from apps.customers.services.vocabulary import clean_values, learn_events

MOST_AT_ONCE = 500
NAME_LIMIT = 100
PROPERTIES_LIMIT = 10_000
OLDEST = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class EventDraft:
    """Someone did something. customer: the app's own name for them; occurred_at None = now.

    A finite number under "amount" is what sums add up. Values are checked, not trusted.
    """

    customer: str
    name: str
    occurred_at: datetime | None = None
    properties: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a request: events stored, and what was wrong with the rest (pointers "/events/<index>/...")."""

    stored_count: int
    problems: tuple[FieldProblem, ...] = ()
    warnings: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Event:
    index: int
    customer: str
    name: str
    occurred_at: datetime
    properties: dict[str, Any]

    @property
    def amount(self) -> float | None:
        amount = self.properties.get("amount")
        return float(amount) if isinstance(amount, int | float) and not isinstance(amount, bool) else None


def ingest_events(*, app: App, drafts: Sequence[EventDraft], now: datetime, made_by_test: bool = False) -> Ingested:
    """Store up to 500 events; a bad one is refused alone. People never heard of are created.

    A time in the future, or more than two years ago, comes from a wrong clock: the server's is used, with the
    warning `clock_corrected`. made_by_test: people created so are a test key's. Raises InvalidInput (413 too_many).
    Touches customers_event, customers_eventarrival, customers_customer, customers_eventtype.
    """
    if len(drafts) > MOST_AT_ONCE:
        message = _("holds %(count)d events; at most %(limit)d fit into one request")
        message %= {"count": len(drafts), "limit": MOST_AT_ONCE}
        raise InvalidInput([FieldProblem("/events", "too_many", message)], status=413)
    problems: list[FieldProblem] = []
    warnings: list[FieldProblem] = []
    cleaned = [_clean(draft, f"/events/{index}", index, now, problems, warnings) for index, draft in enumerate(drafts)]
    events = [event for event in cleaned if event is not None]
    with transaction.atomic():
        stored = _store(app, events, now, problems, made_by_test)
    return Ingested(stored, tuple(problems), tuple(warnings))


def event_problems(draft: EventDraft, *, now: datetime) -> list[FieldProblem]:
    """What would be refused of it whatever is stored; pointers relative to the event."""
    problems: list[FieldProblem] = []
    _clean(draft, "", 0, now, problems, [])
    return problems


def _store(app: App, events: Sequence[_Event], now: datetime, problems: list[FieldProblem], made_by_test: bool) -> int:
    names = [event.customer for event in events]
    ids = customer_ids_for(app=app, external_ids=names, now=now, made_by_test=made_by_test)
    message = _("was erased: nothing more is stored about this person")
    problems += [
        FieldProblem(f"/events/{event.index}/customer", "customer_erased", message, event.customer)
        for event in events
        if event.customer not in ids
    ]
    kept = [event for event in events if event.customer in ids]
    if not kept:
        return 0
    learn_events(app=app, seen=_seen(kept))
    found = rows(
        "customers",
        "insert_events",
        {
            "app_id": app.pk,
            "customer_ids": [ids[event.customer] for event in kept],
            "names": [event.name for event in kept],
            "times": [event.occurred_at for event in kept],
            "amounts": [event.amount for event in kept],
            "properties": [json.dumps(event.properties, ensure_ascii=False) for event in kept],
        },
    )
    return int(found[0][0])


def _seen(events: Sequence[_Event]) -> dict[str, dict[str, Any]]:
    seen: dict[str, dict[str, Any]] = {}
    for event in events:
        told = {word: value for word, value in event.properties.items() if value is not None}
        seen.setdefault(event.name, {}).update(told)
    return seen


def _clean(
    draft: EventDraft, here: str, index: int, now: datetime, problems: list[FieldProblem], warnings: list[FieldProblem]
) -> _Event | None:
    before = len(problems)
    customer = clean_external_id(draft.customer, pointer=f"{here}/customer", problems=problems)
    name = clean_text(draft.name, pointer=f"{here}/name", limit=NAME_LIMIT, problems=problems, is_required=True)
    given = {} if draft.properties is None else draft.properties
    properties = clean_values(given, pointer=f"{here}/properties", problems=problems)
    if len(json.dumps(properties)) > PROPERTIES_LIMIT:
        message = _("take more than %(limit)d bytes") % {"limit": PROPERTIES_LIMIT}
        problems.append(FieldProblem(f"{here}/properties", "too_long", message))
    occurred_at = _time(draft.occurred_at, f"{here}/occurred_at", now, problems, warnings)
    if len(problems) > before:
        return None
    return _Event(index, customer or "", name or "", occurred_at, properties)


def _time(
    given: Any, pointer: str, now: datetime, problems: list[FieldProblem], warnings: list[FieldProblem]
) -> datetime:
    if given is None:
        return now
    if not isinstance(given, datetime) or given.tzinfo is None:
        message = _("must be a time with its offset, such as 2026-02-28T12:00:00Z")
        problems.append(FieldProblem(pointer, "naive_time", message, shown(given)))
        return now
    if now - OLDEST <= given <= now:
        return given
    message = _("is not within the last two years; the server's time is used")
    warnings.append(FieldProblem(pointer, "clock_corrected", message, given.isoformat()))
    return now
