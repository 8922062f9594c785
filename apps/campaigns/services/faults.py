"""One rule for work that failed: what passes by itself is no fault; any other error is a row, and tried again later."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from apps.campaigns.models import Fault


def failed_again[F: Fault](
    rows: QuerySet[F], error: BaseException, waits: Sequence[timedelta], now: datetime, **place: Any
) -> F:
    """The row of this place with one try more, in the caller's transaction.

    waits: until the next try, after the first, the second ...; the last one holds for all others.
    """
    words = error_words(error)
    fresh = {"error": words, "first_at": now, "retry_at": now}
    fault, _is_new = rows.select_for_update().get_or_create(**place, defaults=fresh)
    fault.tries, fault.error = fault.tries + 1, words
    fault.retry_at = now + waits[min(fault.tries, len(waits)) - 1]
    fault.save()
    return fault


def error_words(error: BaseException) -> str:
    """What it is called on screens. The first line alone: the others of a database's message quote rows."""
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line}"[:200]
