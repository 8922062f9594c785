"""Events are stored in sets, each in its week; a bad one is refused alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.core.problems import InvalidInput
from apps.customers.models import Customer, Event, EventType, TraitType
from apps.customers.services.events import EventDraft, ingest_events
from apps.customers.services.partitions import ensure_partitions
from apps.customers.services.vocabulary import learn_vocabulary
from tests.factories import NOW, make_app, make_customer, make_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def ingest(app: App, **fields: Any) -> Any:
    return ingest_events(app=app, drafts=[EventDraft(**{"customer": "anna", "name": "purchase", **fields})], now=NOW)


def test_an_event_is_stored_with_its_amount(app: App) -> None:
    anna = make_customer(app, external_id="anna")
    at = NOW - timedelta(hours=1)
    assert ingest(app, occurred_at=at, properties={"amount": 12.5, "category": "shoes"}).stored_count == 1
    event = Event.objects.get()
    assert (event.app_id, event.customer_id, event.name, event.occurred_at) == (app.pk, anna.pk, "purchase", at)
    assert (event.amount, event.properties) == (12.5, {"amount": 12.5, "category": "shoes"})


def test_a_stranger_who_does_something_becomes_a_customer(app: App) -> None:
    ingest(app, customer="stranger")
    assert Event.objects.get().customer_id == Customer.objects.get(app=app, external_id="stranger").pk


def test_nothing_is_stored_about_the_erased(app: App) -> None:
    make_customer(app, external_id="gone", erased_at=NOW)
    drafts = [EventDraft("gone", "purchase"), EventDraft("anna", "purchase")]
    ingested = ingest_events(app=app, drafts=drafts, now=NOW)
    assert ingested.stored_count == 1
    assert [(one.pointer, one.code) for one in ingested.problems] == [("/events/0/customer", "customer_erased")]


@pytest.mark.parametrize("years", [-10, 10])
def test_a_wrong_clock_is_corrected_with_a_warning(app: App, years: int) -> None:
    ingested = ingest(app, occurred_at=NOW + timedelta(days=365 * years))
    assert [warning.code for warning in ingested.warnings] == ["clock_corrected"]
    assert Event.objects.get().occurred_at == NOW


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"customer": ""}, "/events/0/customer", "required"),
        ({"name": " "}, "/events/0/name", "required"),
        ({"name": "x" * 101}, "/events/0/name", "too_long"),
        ({"occurred_at": datetime(2026, 5, 1)}, "/events/0/occurred_at", "naive_time"),  # noqa: DTZ001
        ({"properties": [1]}, "/events/0/properties", "type"),
        ({"properties": {"a": {}}}, "/events/0/properties/a", "too_deep"),
        ({"properties": {"a/b": "x" * 1_001}}, "/events/0/properties/a~1b", "too_long"),
        ({"properties": {f"k{n}": "x" * 1_000 for n in range(11)}}, "/events/0/properties", "too_long"),
    ],
)
def test_a_bad_event_is_refused_with_its_code(app: App, fields: dict[str, Any], pointer: str, code: str) -> None:
    ingested = ingest(app, **fields)
    assert ingested.stored_count == 0
    assert [(problem.pointer, problem.code) for problem in ingested.problems] == [(pointer, code)]


def test_more_than_500_events_are_refused(app: App) -> None:
    with pytest.raises(InvalidInput) as refusal:
        ingest_events(app=app, drafts=[EventDraft("anna", "x")] * 501, now=NOW)
    assert (refusal.value.status, refusal.value.problems[0].code) == (413, "too_many")


def test_names_and_properties_are_learnt_with_their_first_types(app: App) -> None:
    ingest(app, properties={"amount": 3, "category": "shoes"})
    ingest(app, properties={"amount": "three", "day": "2026-05-01"})
    assert EventType.objects.get().properties == {"amount": "number", "category": "text", "day": "date"}


def test_what_a_bulk_load_brought_is_learnt_from_the_rows(app: App) -> None:
    anna = make_customer(app, traits={"city": "Gdańsk", "joined": "2026-01-01", "points": 3, "tags": ["a"]})
    make_customer(app, traits={"city": "2026-01-01"})
    make_event(anna, "purchase", amount=3, properties={"amount": 3, "category": "shoes"})
    make_event(anna, "app_opened")
    learn_vocabulary(app=app)
    types = {"city": "text", "joined": "date", "points": "number", "tags": "list"}
    assert dict(TraitType.objects.values_list("name", "type")) == types
    assert dict(EventType.objects.values_list("name", "properties")) == {
        "purchase": {"amount": "number", "category": "text"},
        "app_opened": {},
    }


def partition_of(event: Event) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select tableoid::regclass::text from customers_event where id = %s", [event.id])
        return str(cursor.fetchone()[0])


def test_weeks_are_made_ahead_once(app: App) -> None:
    assert ensure_partitions(now=NOW) == 5
    assert ensure_partitions(now=NOW) == 0
    assert ensure_partitions(now=NOW + timedelta(days=7)) == 1
    ingest(app)
    assert partition_of(Event.objects.get()) == "customers_event_20260601"


def test_rows_in_the_default_partition_move_to_the_week_they_belong_to(app: App) -> None:
    make_event(make_customer(app), "old", days_ago=100)
    assert partition_of(Event.objects.get()) == "customers_event_rest"
    assert ensure_partitions(now=NOW) == 6
    assert partition_of(Event.objects.get()) == "customers_event_20260216"


def test_a_week_begins_on_monday_in_utc(app: App) -> None:
    ensure_partitions(now=NOW)
    sunday = datetime(2026, 6, 7, 23, 59, 59, 999_999, tzinfo=UTC)
    ingest_events(app=app, drafts=[EventDraft("anna", "late", sunday)], now=sunday)
    assert partition_of(Event.objects.get()) == "customers_event_20260601"
