"""Queries made of rules run with a time limit, so that one rule can never hold the database for long."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

# Enough for the hash of a million ids; a spill to disk costs several times the query.
_WORK_MEM = "96MB"


class TooSlow(Exception):
    """The query took longer than it may."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """A transaction (or savepoint) whose statements may each take so long. Raises TooSlow."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select current_setting('statement_timeout'), current_setting('work_mem')")
            before = cursor.fetchone()
            _set(max(1, int(seconds * 1_000)), _WORK_MEM)
            yield
            _set(*before)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooSlow from error
        raise


def _set(statement_timeout: int | str, work_mem: str) -> None:
    """Until the end of the transaction; a rollback to the savepoint takes it back too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('statement_timeout', %s, true), set_config('work_mem', %s, true)",
            [str(statement_timeout), work_mem],
        )
