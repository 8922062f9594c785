"""Questions about people."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from apps.accounts.models import App
from apps.core.sql import rows, statement
from apps.customers.contact_search import has_contact, kind_sought
from apps.customers.models import Consent, Customer, Event, ImportRun, ImportWording, Topic
from apps.customers.sealed import unseal

# (time, id) of the last row of a page.
type Place = tuple[datetime, int]

# What a text may ask for beside the traits. A column that is filled wins over a trait of its name.
FACT_COLUMNS = ("external_id", "first_name", "last_name", "email", "language", "country", "time_zone")
# The one of them that rows keep sealed: opened only for a text that reads it.
SEALED_FACT = "email"


def facts(columns: Sequence[str | None], traits: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of one person for rendering; `columns` as rows keep FACT_COLUMNS, empty ones are left out."""
    told = {name: value for name, value in zip(FACT_COLUMNS, columns, strict=True) if value}
    return {**traits, **told, **_unsealed(told)}


def fact_reader(names: Collection[str]) -> Callable[[Sequence[str | None], str], dict[str, Any]]:
    """`facts` for many people of whom a text reads only these names; takes the traits as JSON.

    The traits are parsed only where a name is not among the filled columns. Cost: 0.5 us a person, 2 us with traits.
    """
    wanted = [(name, place) for place, name in enumerate(FACT_COLUMNS) if name in names]
    reads_sealed = SEALED_FACT in names

    def read(columns: Sequence[str | None], traits: str) -> dict[str, Any]:
        found = {name: columns[place] for name, place in wanted if columns[place]}
        if reads_sealed:
            found |= _unsealed(found)
        return found if len(found) == len(names) else {**json.loads(traits), **found}

    return read


def _unsealed(told: Mapping[str, Any]) -> dict[str, str]:
    return {SEALED_FACT: unseal(told[SEALED_FACT])} if SEALED_FACT in told else {}


def facts_of(customer: Customer) -> dict[str, Any]:
    """The facts of one loaded customer."""
    return facts([getattr(customer, name) for name in FACT_COLUMNS], customer.traits)


def person_named(*, app: App, external_id: str) -> Customer | None:
    """The living person of that name, also where it is the name of a row that became part of another."""
    if "\0" in external_id:  # no text of PostgreSQL's, so nobody's
        return None
    parameters = {"app_id": app.pk, "external_id": external_id}
    return next(iter(Customer.objects.raw(statement("customers", "person_named"), parameters)), None)


def ids_of_people(customer_ids: Sequence[int]) -> list[int]:
    """The ids under which people stand in the ledger: their own, then those of rows merged into them."""
    halves = Customer.objects.filter(merged_into__in=customer_ids).order_by("id").values_list("id", flat=True)
    return [*customer_ids, *halves]


def found_people(people: QuerySet[Customer], words: str, *, apps: Iterable[App]) -> QuerySet[Customer]:
    """Those who have this whole phone or e-mail, or whose id or name begins as typed; several words = first and last
    name in either order. apps: whose people they are.

    Cost: by id, phone or e-mail an index; by name a scan (0.3 s for a million people).
    """
    words = words.strip()
    if not words:
        return people
    if "\0" in words:
        return people.none()
    if kind := kind_sought(words):
        return people.filter(has_contact(people, kind, words, apps) | Q(external_id__startswith=words))
    named = Q()
    for word in words.split():
        named &= Q(first_name__istartswith=word) | Q(last_name__istartswith=word)
    return people.filter(named | Q(external_id__startswith=words))


def default_topics(app: App) -> list[str]:
    """The topics that people new to the app are in."""
    return list(Topic.objects.filter(app=app, is_default=True).values_list("key", flat=True))


def consents_of(customer: Customer, *, before: Place | None = None) -> QuerySet[Consent]:
    """Every answer a person gave, newest first, below `before`. Index: consent_customer_at."""
    consents = Consent.objects.filter(customer=customer)
    if before is not None:
        at, consent_id = before
        consents = consents.filter(at__lte=at).exclude(at=at, id__gte=consent_id)
    return consents.order_by("-at", "-id")


def wordings_added(app_id: int, answers: Sequence[Consent]) -> dict[int, ImportWording]:
    """{an answer's id: what staff said afterwards that was shown}, of those that came in files without words.

    An answer knows its file by app and time; where two such files ran at that moment, neither is said.
    """
    bare = [one for one in answers if one.granted and one.source == "import" and not (one.wording or one.topic)]
    if not bare:
        return {}
    began_by, ended_since = max(one.at for one in bare), min(one.at for one in bare)
    runs = ImportRun.objects.filter(app=app_id, consent_wording="", started_at__lte=began_by).defer("file_key")
    runs = runs.exclude(finished_at__lt=ended_since).prefetch_related("wordings")
    found = {one.pk: [run for run in runs if _brought(run, one)] for one in bare}
    return {pk: mine[0].wordings.all()[0] for pk, mine in found.items() if len(mine) == 1 and mine[0].wordings.all()}


def _brought(run: ImportRun, answer: Consent) -> bool:
    """Whether it may be of this file."""
    is_then = run.started_at is not None and run.started_at <= answer.at
    is_then = is_then and (run.finished_at is None or answer.at <= run.finished_at)
    return is_then and any(column["to"] == answer.channel for column in run.columns)


def events_of(customer: Customer, *, name: str = "", before: Place | None = None, limit: int = 20) -> list[Event]:
    """What a person did, newest first, below `before`. Index: customers_event_person."""
    events = Event.objects.filter(customer_id=customer.pk)
    if name:
        events = events.filter(name=name)
    if before is not None:
        at, event_id = before
        events = events.filter(occurred_at__lte=at).exclude(occurred_at=at, id__gte=event_id)
    return list(events.order_by("-occurred_at", "-id")[:limit])


def topic_names_of(customer: Customer) -> list[str]:
    """What a person's topics are called, in their order on the preference page; the key of one never described."""
    known = dict(Topic.objects.filter(app=customer.app_id, key__in=customer.topics).values_list("key", "name"))
    return [*known.values(), *(key for key in customer.topics if key not in known)]


def event_names_of(customer: Customer) -> list[str]:
    """The names of what a person did, in order."""
    return list(
        Event.objects.filter(customer_id=customer.pk).order_by("name").values_list("name", flat=True).distinct()
    )


def refused_by_code(run: ImportRun) -> list[Mapping[str, Any]]:
    """Why lines of an import were refused, the most frequent first: code, column, an example's message, count.

    A line with several reasons counts under each of them.
    """
    return _by_code(run, is_stored=False)


def warned_by_code(run: ImportRun) -> list[Mapping[str, Any]]:
    """Of which stored lines not all was taken, as `refused_by_code`."""
    return _by_code(run, is_stored=True)


def _by_code(run: ImportRun, *, is_stored: bool) -> list[Mapping[str, Any]]:
    found = rows("customers", "reasons_of_lines", {"run": run.pk, "is_stored": is_stored})
    return [dict(zip(("code", "column", "message", "count"), one, strict=True)) for one in found]
