"""The weeks of the events table, made ahead of time."""

from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

WEEKS_AHEAD = 4
_WEEK = timedelta(days=7)


def ensure_partitions(*, now: datetime, weeks_back: int = 0) -> int:
    """Make sure that this week, the four to come and `weeks_back` before have a partition of their own.

    Weeks found in the default partition (old events of an import, or ticks that beat missed) get theirs too, and
    their rows move there: so the default never blocks a week. Returns the partitions created.
    Cost: one query when nothing is to do; a new week locks the default partition for as long as its rows take.
    """
    this_week = _monday(now.astimezone(UTC).date())
    wanted = {this_week + index * _WEEK for index in range(-weeks_back, WEEKS_AHEAD + 1)}
    missing = sorted((wanted | _weeks_in_default()) - _weeks_with_partition())
    for week in missing:
        _create(week)
    return len(missing)


def _create(week: date) -> None:
    """Attach a table made beside the default, after moving there what the default holds of that week."""
    name = f"customers_event_{_label(week)}"
    first, last = _midnight(week), _midnight(week + _WEEK)
    move = f"""
        with moved as (
            delete from customers_event_rest where occurred_at >= %s and occurred_at < %s returning *
        )
        insert into {name} select * from moved
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local lock_timeout = '5s'")
        cursor.execute("lock table customers_event_rest in access exclusive mode")
        cursor.execute(f"create table {name} (like customers_event including all)")
        cursor.execute(move, [first, last])
        cursor.execute(f"alter table customers_event attach partition {name} for values from ('{first}') to ('{last}')")


def _weeks_in_default() -> set[date]:
    return _weeks("select distinct date_trunc('week', occurred_at at time zone 'UTC')::date from customers_event_rest")


def _weeks_with_partition() -> set[date]:
    """Read back from the names: customers_event_<Monday>."""
    return _weeks(
        "select to_date(substring(relid::text from '_(\\d{8})$'), 'YYYYMMDD') from pg_partition_tree('customers_event')"
        " where isleaf and relid::text ~ '_\\d{8}$'"
    )


def _weeks(query: str) -> set[date]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _label(week: date) -> str:
    return week.strftime("%Y%m%d")


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00+00"
