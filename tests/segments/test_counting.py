"""Live counts: the newest of a page goes on, the older ones are stopped in the database, nobody else's is touched."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from apps.accounts.models import App
from apps.core.problems import InvalidInput
from apps.segments.services.counting import Superseded, Turn, take_turn
from apps.segments.services.preview import Preview, count_rule
from tests.factories import NOW, make_app, make_customer

pytestmark = pytest.mark.django_db(transaction=True)

EVERYBODY = {"match": "all", "rules": []}
WAITING = "select count(*) from pg_locks where relation = 'customers_customer'::regclass and not granted"


@pytest.fixture
def app() -> App:
    app = make_app()
    make_customer(app)
    return app


@contextmanager
def endless_counts() -> Iterator[psycopg.Connection[Any]]:
    """As long as this lasts no query about people comes to an end by itself."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other, other.transaction():
        other.execute("lock table customers_customer in access exclusive mode")
        yield other


def wait_for_counts(number: int, other: psycopg.Connection[Any]) -> None:
    deadline = monotonic() + 60
    while other.execute(WAITING).fetchone() != (number,):
        assert monotonic() < deadline
        sleep(0.02)


def counted(app: App, turn: Turn, limit_seconds: float = 30) -> Preview | Superseded:
    try:
        return count_rule(app=app, rule=EVERYBODY, now=NOW, limit_seconds=limit_seconds, turn=turn)
    except Superseded as superseded:
        return superseded
    finally:
        connection.close()


def test_a_newer_count_stops_the_older_of_its_page_and_no_other(app: App) -> None:
    with ThreadPoolExecutor(2) as threads:
        with endless_counts() as other:
            older = threads.submit(counted, app, Turn(1, "page", 1))
            of_somebody_else = threads.submit(counted, app, Turn(2, "page", 1))
            wait_for_counts(2, other)
            with pytest.raises(InvalidInput) as refusal:
                count_rule(app=app, rule=EVERYBODY, now=NOW, limit_seconds=1.0, turn=Turn(1, "page", 2))
            assert isinstance(older.result(timeout=60), Superseded)
            wait_for_counts(1, other)
        assert of_somebody_else.result(timeout=60).count == 1
    assert refusal.value.problems[0].code == "segment_too_slow"


def test_a_count_that_comes_late_gives_up_and_the_newer_goes_on(app: App) -> None:
    with ThreadPoolExecutor(1) as threads:
        with endless_counts() as other:
            newer = threads.submit(counted, app, Turn(1, "page", 5))
            wait_for_counts(1, other)
            with pytest.raises(Superseded):
                count_rule(app=app, rule=EVERYBODY, now=NOW, turn=Turn(1, "page", 4))
            wait_for_counts(1, other)
        assert newer.result(timeout=60).count == 1


def test_a_count_that_is_over_leaves_nothing_to_stop(app: App) -> None:
    count_rule(app=app, rule=EVERYBODY, now=NOW, turn=Turn(1, "page", 1))
    with transaction.atomic():
        assert take_turn(Turn(1, "page", 2)) == 0
