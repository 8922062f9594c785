"""Named SQL, prepared: the same rows, planned once."""

import pytest
from django.db import DatabaseError, connection, transaction

from apps.core.sql import execute_prepared, prepared_rows, rows

pytestmark = pytest.mark.django_db

NOTHING_HELD = {"batch_ids": [1], "fences": [1]}


def prepared_count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_prepared_statements where statement like '%%leased%%'")
        return int(cursor.fetchone()[0])


def test_it_is_planned_once() -> None:
    before = prepared_count()
    for _ in range(3):
        assert execute_prepared("deliveries", "give_back_batches", NOTHING_HELD) == 0
    assert prepared_count() == before + 1


def test_the_rows_are_the_same() -> None:
    bad = {"dispatch_id": 1}
    assert prepared_rows("deliveries", "counts", bad) == rows("deliveries", "counts", bad)


def test_faults_are_djangos() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        execute_prepared("deliveries", "give_back_batches", {"batch_ids": ["x"], "fences": [1]})


def test_a_new_connection_prepares_anew(transactional_db: None) -> None:
    execute_prepared("deliveries", "give_back_batches", NOTHING_HELD)
    connection.close()
    assert execute_prepared("deliveries", "give_back_batches", NOTHING_HELD) == 0
