"""The weeks of the events table, made ahead of time."""

from datetime import datetime

from apps.core.partitions import ensure_weeks


def ensure_partitions(*, now: datetime, weeks_back: int = 0) -> int:
    """Make sure that this week, the four to come and `weeks_back` before have a partition of their own.

    Returns the partitions created; see ensure_weeks.
    """
    return ensure_weeks(table="customers_event", column="occurred_at", now=now, weeks_back=weeks_back)
