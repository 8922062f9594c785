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


class Tally:
    """What this process has counted and not added yet."""

    def __init__(self, *, add_every_seconds: float = ADD_EVERY_SECONDS) -> None:
        self._add_every_seconds = add_every_seconds
        self._lock = threading.Lock()
        self._counted: Counter[tuple[int, date, str]] = Counter()
        self._next_at = 0.0

    def count(self, app_id: int, now: datetime, word: str) -> None:
        """Count one registration as proved, missing or wrong."""
        with self._lock:
            self._counted[app_id, now.date(), word] += 1
            is_due = time.monotonic() >= self._next_at
        if is_due:
            self.add_all()

    def add_all(self) -> None:
        """Add what has been counted to the days' rows."""
        with self._lock:
            self._next_at = time.monotonic() + self._add_every_seconds
            due = dict(self._counted)
            self._counted.clear()
        _add(due)


REGISTRATIONS = Tally()


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
