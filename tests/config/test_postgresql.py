"""A kept connection that the server ended is seen before it is used."""

import pytest
from django.db import connection
from django.db.utils import DatabaseError


def backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_session_that_was_ended_is_replaced_by_the_next_request() -> None:
    first, other = backend_pid(), connection.copy()
    assert connection.is_usable()
    with other.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s, 5000)", [first])
    other.close()
    assert not connection.is_usable()
    connection.health_check_enabled, connection.health_check_done = True, False
    assert backend_pid() != first


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_failed_makes_a_session_unusable() -> None:
    connection.ensure_connection()
    connection.set_autocommit(False)
    try:
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("select 1 / 0")
        assert not connection.is_usable()
    finally:
        connection.rollback()
        connection.set_autocommit(True)
    assert connection.is_usable()
