"""Queries made of rules run with a time limit, so that one rule can never hold the database for long."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

# Enough for the hash of a million ids; a spill to disk costs several times the query.
_WORK_MEM = "96MB"
_LIMITS = "select setting::int, current_setting('work_mem') from pg_settings where name = 'statement_timeout'"


class TooSlow(Exception):
    """The query took longer than it may."""


class Stopped(TooSlow):
    """Somebody cancelled the query before its time was over."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """A transaction (or savepoint) whose statements may each take so long. Raises TooSlow, Stopped."""
    started, limit = monotonic(), seconds
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_LIMITS)
            usual, work_mem = cursor.fetchone()
            wanted = max(1, int(seconds * 1_000))
            limit = min(usual or wanted, wanted) / 1_000
            _set(int(limit * 1_000), _WORK_MEM)
            yield
            _set(usual, work_mem)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            # Both have one code, and the server words them in its own language: so the clock tells (two may differ).
            raise (TooSlow if monotonic() - started >= limit * 0.99 else Stopped) from error
        raise


def _set(statement_timeout: int, work_mem: str) -> None:
    """Until the end of the transaction; a rollback to the savepoint takes it back too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('statement_timeout', %s, true), set_config('work_mem', %s, true)",
            [str(statement_timeout), work_mem],
        )
