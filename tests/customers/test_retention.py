"""Old events go week by week, and whoever writes meanwhile hardly waits."""

import threading
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from apps.core.partitions import drop_weeks
from apps.customers.models import Event
from apps.customers.services.events import EventDraft, ingest_events
from apps.customers.services.partitions import drop_old_events, ensure_partitions
from tests.factories import NOW, make_app, make_customer, make_event
from tests.house import wait_for


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("select relid::text from pg_partition_tree('customers_event') where isleaf")
        return {row[0] for row in cursor.fetchall()}


@pytest.mark.django_db
def test_weeks_are_dropped_when_all_of_them_is_too_old() -> None:
    anna = make_customer(make_app())
    for days in (1, 20, 60):
        make_event(anna, "visit", days_ago=days)
    ensure_partitions(now=NOW, weeks_back=10)
    make_event(anna, "visit", days_ago=300)  # no week was made for it: it lies in the default
    assert drop_old_events(now=NOW, kept_days=21) > 0
    assert set(Event.objects.values_list("occurred_at", flat=True)) == {NOW - timedelta(days=day) for day in (1, 20)}
    assert drop_old_events(now=NOW, kept_days=21) == 0


@pytest.mark.django_db
def test_for_ever_is_a_choice() -> None:
    make_event(make_customer(make_app()), "visit", days_ago=700)
    assert drop_old_events(now=NOW, kept_days=0) == 0
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_ingest_goes_on_while_a_long_reader_keeps_a_drop_waiting() -> None:
    app = make_app()
    ensure_partitions(now=NOW, weeks_back=3)
    before = partitions()
    over, written = threading.Event(), 0

    def write() -> None:
        nonlocal written
        while not over.is_set():
            ingest_events(app=app, drafts=[EventDraft("anna", "visit")], now=NOW)
            written += 1
        connection.close()

    with psycopg.connect(settings.EMBEDDED.database_url(connection.settings_dict["NAME"])) as reader:
        reader.execute("select count(*) from customers_event")  # its transaction holds every week
        writer = threading.Thread(target=write)
        writer.start()
        try:
            wait_for(lambda: written > 0, 10)
            earlier = written
            assert drop_weeks(table="customers_event", column="occurred_at", before=NOW, pause_seconds=0.1) == 0
            assert written > earlier
        finally:
            over.set()
            writer.join()
    assert partitions() == before
    assert drop_weeks(table="customers_event", column="occurred_at", before=NOW) == 3
    drop_weeks(table="customers_event", column="occurred_at", before=NOW + timedelta(days=60))  # as it was found
