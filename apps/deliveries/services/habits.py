"""Habits: at which hour of their own day each person usually opens a push, learnt from what they opened lately.

A run looks only at people whose habit may be another by now; once a week at everybody's, which also finds what no row
tells (a phone that moved to another person or zone and has opened nothing since).
"""

from datetime import datetime, timedelta

from django.db import connection, transaction

from apps.core.sql import rows
from apps.deliveries.models import HabitsRun

LOOKS_BACK = timedelta(days=90)
# A push may be opened long after its dispatch was planned: it lives at most so long.
OPENED_WITHIN = timedelta(days=35)
FEWEST_OPENS = 3
WHOLE_EVERY = timedelta(days=7)
# A receipt may be committed so long after the time it says it was stored at.
COMMITTED_WITHIN = timedelta(hours=1)
# From so many people on learning everybody's anew is the quicker way.
MOST_BY_NAME = 100_000
WORK_MEM = "128MB"
LONGEST_SECONDS = 900


def learn_hours(*, now: datetime, most_by_name: int = MOST_BY_NAME) -> int:
    """Bring the habits up to now; returns how many changed or ended. 0 also while another process is at it.

    Touches OpeningHour, HabitsRun. Cost: see README; in one transaction that holds up nobody.
    """
    with transaction.atomic():
        if not _is_alone():
            return 0
        with connection.cursor() as cursor:
            cursor.execute(f"set local work_mem = '{WORK_MEM}'")
            cursor.execute(f"set local statement_timeout = '{LONGEST_SECONDS}s'")
        last = HabitsRun.objects.filter(pk=1).first()
        people = _changed_since(last, now, most_by_name) if last else None
        since = now - LOOKS_BACK
        limits = {"since": since, "planned_since": (since - OPENED_WITHIN).date(), "fewest": FEWEST_OPENS, "now": now}
        ((learnt, forgotten),) = rows("deliveries", "learn_hours", {**limits, "people": people})
        whole_at = last.whole_at if last and people is not None else now
        HabitsRun.objects.update_or_create(pk=1, defaults={"learnt_at": now, "whole_at": whole_at})
    return int(learnt + forgotten)


def _changed_since(last: HabitsRun, now: datetime, most: int) -> list[int] | None:
    """Ids of people, or None: everybody's turn has come, or so many changed that it is quicker."""
    if not last.learnt_at <= now < last.whole_at + WHOLE_EVERY:
        return None
    since_then = last.learnt_at - LOOKS_BACK
    limits = {
        "learnt": last.learnt_at - COMMITTED_WITHIN,
        "since_then": since_then,
        "since": now - LOOKS_BACK,
        "expired_since": (since_then - OPENED_WITHIN).date(),
        "most": most + 1,
    }
    found = [row[0] for row in rows("deliveries", "habits_to_learn", limits)]
    return found if len(found) <= most else None


def _is_alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtextextended('deliveries.habits', 0))")
        return bool(cursor.fetchone()[0])
