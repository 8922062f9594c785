"""Entering and leaving: what people did is taken from the queue of arrivals, and acted on in the same transaction.

One process at a time does it (an advisory lock that dies with it); whoever is killed leaves the queue as it was.
"""

import time
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from apps.campaigns.models import Automation
from apps.core.sql import execute, rows

TAKEN_AT_ONCE = 20_000
# Memberships are written by refreshes that begin earlier than they commit.
_LOOKS_BACK = timedelta(minutes=10)
_SEGMENTS_EVERY = timedelta(minutes=1)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def take_arrivals(now: datetime, *, seconds: float = 4.0) -> int:
    """Let people enter and leave by what they did; returns the events taken."""
    ends_at, total = time.monotonic() + seconds, 0
    while time.monotonic() < ends_at:
        taken = _take_some(now)
        total += taken
        if taken < TAKEN_AT_ONCE:
            break
    return total


def enter_joined(now: datetime) -> int:
    """Let people enter who joined the segment of an automation; returns how many did. Once a minute each."""
    is_due = Q(checked_at=None) | Q(checked_at__lte=now - _SEGMENTS_EVERY)
    waiting = Automation.objects.filter(is_due, state="active", trigger="segment", app__is_active=True)
    return sum(_enter_joined(automation_id, now) for automation_id in waiting.values_list("pk", flat=True))


def is_mine() -> bool:
    """Take the lock that only one transaction of all workers has: who moves people through automations."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtextextended('campaigns.automations', 0))")
        return bool(cursor.fetchone()[0])


def open_workbench() -> None:
    """Fresh temporary tables, and plans along indexes until the transaction ends.

    The planner takes a table of runs that grew since it was analysed for tiny, and would read all of it for each person
    (20,000 people who entered at once: 2.9 of 3.3 s).
    """
    execute("campaigns", "automation_tables", {})
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")


def _take_some(now: datetime) -> int:
    with transaction.atomic():
        if not is_mine():
            return 0
        open_workbench()
        taken = int(rows("campaigns", "automation_take", {"most": TAKEN_AT_ONCE})[0][0])
        if taken:
            execute("campaigns", "automation_exits", {"now": now})
            execute("campaigns", "automation_triggered", {})
            execute("campaigns", "automation_enter", {"now": now})
            execute("campaigns", "automation_exits", {"now": now})
            execute("campaigns", "automation_goals", {"now": now})
    return taken


def _enter_joined(automation_id: int, now: datetime) -> int:
    with transaction.atomic():
        if not is_mine():
            return 0
        row = Automation.objects.select_for_update().filter(pk=automation_id, state="active").first()
        if row is None or row.trigger_segment_id is None:
            return 0
        open_workbench()
        values = {"automation_id": row.pk, "segment_id": row.trigger_segment_id, "since": _since(row)}
        execute("campaigns", "automation_joined", values)
        entered = execute("campaigns", "automation_enter", {"now": now})
        Automation.objects.filter(pk=row.pk).update(checked_at=now)
    return entered


def _since(automation: Automation) -> datetime:
    """From when on a membership counts: since it was activated, or ever; what was looked at is not looked at again."""
    begin = _EVER if automation.takes_present else automation.activated_at or _EVER
    if automation.checked_at is None:
        return begin
    return max(begin, automation.checked_at - _LOOKS_BACK)
