"""Queries made of rules run with a time limit, so that one rule can never hold the database for long."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

# One core: three processes would each build the same hash of people (the rule of the contract over a million: 0.44 s of
# processor, 1.2 s in parallel), and pushes beside it keep a core. Memory for that hash, since a spill to disk costs
# several times the query. Units: kB. Grouping people goes along an index that has them in order: the planner thinks a
# hash cheaper, but "viewed twice" over half of 5M events takes 0.87 s of processor in order and 1.73 s hashed. Ledger
# and receipts are cut into the same weeks and joined week by week: small hashes, and none for weeks nobody answered in.
_USUALLY = {
    "max_parallel_workers_per_gather": "0",
    "work_mem": str(96 * 1024),
    "enable_hashagg": "off",
    "enable_partitionwise_join": "on",
}
_GENTLY = {**_USUALLY, "work_mem": str(32 * 1024)}


class TooSlow(Exception):
    """The query took longer than it may."""


class Stopped(TooSlow):
    """Somebody cancelled the query before its time was over."""


@contextmanager
def limited(seconds: float, *, gently: bool = False) -> Iterator[None]:
    """A transaction (or savepoint) whose statements may each take so long. Raises TooSlow, Stopped.

    gently: for work that nobody waits for: less memory.
    """
    started, limit = monotonic(), seconds
    wanted = _GENTLY if gently else _USUALLY
    try:
        with transaction.atomic():
            usual = _settings(["statement_timeout", *wanted])
            longest = max(1, int(seconds * 1_000))
            limit = min(int(usual["statement_timeout"]) or longest, longest) / 1_000
            _set({**wanted, "statement_timeout": str(int(limit * 1_000))})
            yield
            _set(usual)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            # Both have one code, and the server words them in its own language: so the clock tells (two may differ).
            raise (TooSlow if monotonic() - started >= limit * 0.99 else Stopped) from error
        raise


def _settings(names: list[str]) -> dict[str, str]:
    """As they stand, in the units that the server itself counts in."""
    with connection.cursor() as cursor:
        cursor.execute("select name, setting from pg_settings where name = any (%s)", [names])
        return dict(cursor.fetchall())


def _set(values: Mapping[str, str]) -> None:
    """Until the end of the transaction; a rollback to the savepoint takes it back too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config(name, value, true) from unnest(%s::text[], %s::text[]) as given (name, value)",
            [list(values), list(values.values())],
        )
