"""Consent over time: one row a day, app and channel, counted by beat."""

from datetime import UTC, date, datetime
from itertools import batched

from django.db.models import Max, Min

from apps.core.days import DAYS_AT_ONCE, FRESH_FOR, LOOKS_BACK_DAYS, days_to_count
from apps.core.sql import execute
from apps.customers.models import ConsentDay, Customer


def count_consent_days(*, now: datetime, days_back: int = LOOKS_BACK_DAYS) -> list[date]:
    """Count today, and the days so far back that were missed or counted before their end; returns the days.

    Idempotent. Cost: see sql/count_consent_days.sql; a few days a statement, so that none is long.
    """
    oldest: datetime | None = Customer.objects.aggregate(at=Min("created_at"))["at"]
    counted = dict(ConsentDay.objects.values_list("day").annotate(Max("counted_at")).order_by())
    days = days_to_count(counted=counted, first=oldest.date() if oldest else None, now=now, days_back=days_back)
    for some in batched(days, DAYS_AT_ONCE):
        values = {"days": list(some), "today": now.astimezone(UTC).date(), "now": now, "late": FRESH_FOR}
        execute("customers", "count_consent_days", values)
    return days
