"""The database away: two lines a spell, whoever meets it; a fault of ours is none."""

import pytest
from django.db import DatabaseError, connection
from django.db.utils import OperationalError
from psycopg.errors import PipelineAborted

from apps.core.outage import Outage

pytestmark = pytest.mark.django_db(transaction=True)


def error_of(statement: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, connection.cursor() as cursor:
        cursor.execute(statement)
    return caught.value


def test_a_spell_is_two_lines_however_often_it_is_met(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    loss = error_of("select pg_terminate_backend(pg_backend_pid())")
    assert isinstance(loss, OperationalError)
    connection.close()
    assert [outage.tells(loss) for _ in range(5)] == [True] * 5
    for _ in range(2):
        outage.end(connection=connection)
    first, last = caplog.messages
    assert first == "database away: terminating connection due to administrator command; trying again"
    assert last.startswith("database back after ")
    assert last.endswith("; 4 more lines were left out")


def test_it_is_not_back_before_it_answers() -> None:
    outage = Outage()
    loss = error_of("select pg_terminate_backend(pg_backend_pid())")
    outage.tells(loss)
    with pytest.raises(OperationalError):
        outage.end(connection=connection)  # which the server has ended
    connection.close()
    assert outage.tells(loss)


@pytest.mark.parametrize(
    "statement", ["set statement_timeout = 1; select pg_sleep(9)", "select 1 / 0", "select nothing"]
)
def test_what_is_slow_or_wrong_is_not_left_out(statement: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not Outage().tells(error_of(statement))
    assert caplog.messages == []
    connection.close()


def test_what_an_error_before_it_aborted_is_not_left_out() -> None:
    assert not Outage().tells(PipelineAborted("pipeline aborted"))
