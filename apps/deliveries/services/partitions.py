"""The weeks of ledger and receipts, made ahead of time."""

from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from apps.core.partitions import ensure_weeks
from apps.core.sql import rows

TABLES = ("deliveries_delivery", "deliveries_receipt")


def ensure_partitions(*, now: datetime, weeks_back: int = 0) -> int:
    """Make sure that both tables have their weeks. Returns the partitions created; see ensure_weeks.

    Planning does not wait for it: a dispatch of a week without partition is written into the default one.
    """
    return sum(ensure_weeks(table=table, column="planned_on", now=now, weeks_back=weeks_back) for table in TABLES)


def summarize_weeks(*, now: datetime) -> int:
    """Keep the ledger's index of time up to date for the weeks that are written to; returns the stretches taken in.

    Steps back where a vacuum is at work: that does the same.
    """
    asked = {"since": (now - timedelta(days=21)).date(), "until": now.date()}
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("set local lock_timeout = '200ms'")
            return sum(count for (count,) in rows("deliveries", "summarize_weeks", asked))
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        return 0
