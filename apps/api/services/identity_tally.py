"""How many registrations prove whose they are: what tells an owner whether enforcing would shut anybody out.

Each process counts for itself and adds to the day's row once in a while, so that no registration waits for a row that
all share; what a process has not added when it ends is lost.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F, Sum

from apps.accounts.models import App
from apps.api.models import IdentityDay

ADD_EVERY_SECONDS = 5.0
WORDS = ("proved", "missing", "wrong")

_lock = threading.Lock()
_counted: Counter[tuple[int, date, str]] = Counter()
_next_at = 0.0


def count(app_id: int, now: datetime, word: str) -> None:
    """Count one registration as proved, missing or wrong."""
    global _next_at
    with _lock:
        _counted[app_id, now.date(), word] += 1
        if time.monotonic() < _next_at:
            return
        _next_at = time.monotonic() + ADD_EVERY_SECONDS
        due = dict(_counted)
        _counted.clear()
    _add(due)


def last_days(*, app: App, now: datetime, days: int = 7) -> dict[str, int]:
    """{word: registrations} of the last days, today included."""
    rows = IdentityDay.objects.filter(app_id=app.pk, day__gt=(now - timedelta(days=days)).date())
    sums = rows.aggregate(**{word: Sum(word) for word in WORDS})
    return {word: sums[word] or 0 for word in WORDS}


def _add(due: Mapping[tuple[int, date, str], int]) -> None:
    days = sorted({(app_id, day) for app_id, day, _word in due})
    with transaction.atomic():
        IdentityDay.objects.bulk_create(
            [IdentityDay(app_id=app_id, day=day) for app_id, day in days], ignore_conflicts=True
        )
        for app_id, day in days:
            more = {word: F(word) + due.get((app_id, day, word), 0) for word in WORDS}
            IdentityDay.objects.filter(app_id=app_id, day=day).update(**more)
