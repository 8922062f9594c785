"""The weeks of the events table, made ahead of time and dropped when they are old."""

from datetime import datetime, timedelta

from apps.core.partitions import drop_weeks, ensure_weeks


def ensure_partitions(*, now: datetime, weeks_back: int = 0) -> int:
    """Make sure that this week, the four to come and `weeks_back` before have a partition of their own.

    Returns the partitions created; see ensure_weeks.
    """
    return ensure_weeks(table="customers_event", column="occurred_at", now=now, weeks_back=weeks_back)


def drop_old_events(*, now: datetime, kept_days: int) -> int:
    """Drop the weeks whose events are all older than so many days (0 = keep for ever); returns how many."""
    if not kept_days:
        return 0
    return drop_weeks(table="customers_event", column="occurred_at", before=now - timedelta(days=kept_days))
