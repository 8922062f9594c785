"""Weekly partitions made ahead of time, for tables partitioned by range with a default partition called <table>_rest.

Retention drops whole weeks; the default catches what no week was made for, so that nothing is ever refused.
"""

import time
from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

WEEKS_AHEAD = 4
# A drop waits so long for its lock: meanwhile whoever writes waits behind it.
DROP_WAITS = "300ms"
DROP_TRIES = 5
_WEEK = timedelta(days=7)

log = structlog.get_logger(__name__)


def ensure_weeks(*, table: str, column: str, now: datetime, weeks_back: int = 0) -> int:
    """Make sure that this week, the four to come and `weeks_back` before have a partition of their own.

    column: the partition key, a date or a timestamptz. Weeks found in the default partition (old rows of an import, or
    ticks that beat missed) get theirs too, and their rows move there: so the default never blocks a week. Returns the
    partitions created. Cost: one query when nothing is to do; a new week locks the default while its rows move.
    """
    this_week = _monday(now.astimezone(UTC).date())
    wanted = {this_week + index * _WEEK for index in range(-weeks_back, WEEKS_AHEAD + 1)}
    missing = sorted((wanted | _weeks_in_default(table, column)) - _weeks_with_partition(table))
    for week in missing:
        _create(table, column, week)
    return len(missing)


def drop_weeks(*, table: str, column: str, before: datetime, pause_seconds: float = 1.0) -> int:
    """Drop the weeks that were over by then, and what the default partition holds from before.

    Returns the weeks dropped. A drop needs the whole table for a moment (files go after the lock): it waits at most
    DROP_WAITS for it and then steps back, so that ingest never stands longer behind it; after DROP_TRIES it is left to
    the next call. Tried: DETACH CONCURRENTLY, which PostgreSQL refuses beside a default partition. Cost: 5 ms a week.
    """
    last = _monday(before.astimezone(UTC).date())
    old = sorted(week for week in _weeks_with_partition(table) if week + _WEEK <= last)
    dropped = sum(_drop(f"{table}_{week:%Y%m%d}", pause_seconds) for week in old)
    with connection.cursor() as cursor:
        cursor.execute(f"delete from {table}_rest where {column} < %s", [before])
        stray = cursor.rowcount
    if dropped or stray:
        log.info("old partitions dropped", table=table, weeks=dropped, stray_rows=stray, before=before.isoformat())
    return dropped


def _drop(name: str, pause_seconds: float) -> bool:
    for _try in range(DROP_TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"set local lock_timeout = '{DROP_WAITS}'")
                cursor.execute(f"drop table {name}")
            return True
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            time.sleep(pause_seconds)
    log.warning("a partition could not be dropped: its table is in use; the next tick tries again", partition=name)
    return False


def _create(table: str, column: str, week: date) -> None:
    """Attach a table made beside the default, after moving there what the default holds of that week."""
    name = f"{table}_{week:%Y%m%d}"
    first, last = _midnight(week), _midnight(week + _WEEK)
    move = f"""
        with moved as (
            delete from {table}_rest where {column} >= %s and {column} < %s returning *
        )
        insert into {name} select * from moved
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local lock_timeout = '2s'")
        cursor.execute(f"lock table {table}_rest in access exclusive mode")
        cursor.execute(f"create table {name} (like {table} including all)")
        cursor.execute(move, [first, last])
        cursor.execute(f"alter table {table} attach partition {name} for values from ('{first}') to ('{last}')")


def _weeks_in_default(table: str, column: str) -> set[date]:
    return _weeks(f"select distinct date_trunc('week', {column} at time zone 'UTC')::date from {table}_rest")


def _weeks_with_partition(table: str) -> set[date]:
    """Read back from the names: <table>_<Monday>."""
    return _weeks(
        f"select to_date(substring(relid::text from '_(\\d{{8}})$'), 'YYYYMMDD') from pg_partition_tree('{table}')"
        " where isleaf and relid::text ~ '_\\d{8}$'"
    )


def _weeks(query: str) -> set[date]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00+00"
