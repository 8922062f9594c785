"""The weeks of ledger and receipts, made ahead of time."""

from datetime import datetime

from apps.core.partitions import ensure_weeks

TABLES = ("deliveries_delivery", "deliveries_receipt")


def ensure_partitions(*, now: datetime, weeks_back: int = 0) -> int:
    """Make sure that both tables have their weeks. Returns the partitions created; see ensure_weeks.

    Planning does not wait for it: a dispatch of a week without partition is written into the default one.
    """
    return sum(ensure_weeks(table=table, column="planned_on", now=now, weeks_back=weeks_back) for table in TABLES)
