"""Named SQL, prepared: the same rows, planned once; or several, while something else is done here."""

from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

from apps.core.sql import Compiled, execute_prepared, prepared_rows, rows, rows_of_each, statement

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


def test_no_statement_is_too_long_for_the_driver_to_remember() -> None:
    """Longer ones are taken apart at every call."""
    named = [(path.parts[-3], path.stem) for path in Path(settings.BASE_DIR).glob("apps/*/sql/*.sql")]
    assert len(named) > 50
    assert [one for one in named if len(statement(*one)) > MAX_CACHED_STATEMENT_LENGTH] == []


def test_a_new_connection_prepares_anew(transactional_db: None) -> None:
    execute_prepared("deliveries", "give_back_batches", NOTHING_HELD)
    connection.close()
    assert execute_prepared("deliveries", "give_back_batches", NOTHING_HELD) == 0


def numbers(most: int) -> Compiled:
    return Compiled("select n from generate_series(1, %(most)s) n", {"most": most})


def test_statements_run_one_behind_the_other_while_we_do_something_else() -> None:
    done: list[str] = []
    found = rows_of_each([numbers(2), numbers(1)], meanwhile=lambda: done.append("read on"))
    assert (found, done) == ([[(1,), (2,)], [(1,)]], ["read on"])


def test_behind_a_failed_statement_the_connection_goes_on() -> None:
    with pytest.raises(DatabaseError, match="division by zero"), transaction.atomic():
        rows_of_each([Compiled("select 1 / 0"), numbers(1)], meanwhile=lambda: None)
    assert rows_of_each([numbers(1)], meanwhile=lambda: None) == [[(1,)]]


def test_what_fails_here_takes_the_statements_back() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        rows_of_each([numbers(1)], meanwhile=lambda: 1 // 0)
    assert rows_of_each([numbers(1)], meanwhile=lambda: None) == [[(1,)]]
