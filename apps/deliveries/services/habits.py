"""Habits: at which hour of their own day each person usually opens a push, learnt from what they opened lately."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from apps.core.sql import rows

LOOKS_BACK = timedelta(days=90)
# A push may be opened long after its dispatch was planned: it lives at most so long.
OPENED_WITHIN = timedelta(days=35)
FEWEST_OPENS = 3
WORK_MEM = "128MB"
LONGEST_SECONDS = 900


def learn_hours(*, now: datetime) -> int:
    """Learn everybody's hour anew; returns how many habits changed or ended. 0 also while another process is at it.

    Touches OpeningHour. Cost: see README; in one transaction that holds up nobody.
    """
    with transaction.atomic():
        if not _is_alone():
            return 0
        with connection.cursor() as cursor:
            cursor.execute(f"set local work_mem = '{WORK_MEM}'")
            cursor.execute(f"set local statement_timeout = '{LONGEST_SECONDS}s'")
        since = now - LOOKS_BACK
        limits = {"since": since, "planned_since": (since - OPENED_WITHIN).date(), "fewest": FEWEST_OPENS, "now": now}
        ((learnt, forgotten),) = rows("deliveries", "learn_hours", limits)
    return int(learnt + forgotten)


def _is_alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtextextended('deliveries.habits', 0))")
        return bool(cursor.fetchone()[0])
