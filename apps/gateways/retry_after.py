"""The Retry-After header, as all vendors send it. Source: RFC 9110, 10.2.3."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

UNREADABLE_SECONDS = 60.0
LONGEST_SECONDS = 3600.0


def parse_retry_after(text: str, *, now: datetime | None = None) -> float | None:
    """Seconds to wait, 0 to LONGEST_SECONDS; None where the header is absent.

    Takes seconds and an HTTP date (a past one means at once); anything else, a negative number too, is unreadable.
    """
    text = text.strip()
    if not text:
        return None
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", text):
        seconds = float(text)
    else:
        seconds = _seconds_until(text, now or datetime.now(UTC))
    return min(max(seconds, 0.0), LONGEST_SECONDS)


def _seconds_until(text: str, now: datetime) -> float:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return UNREADABLE_SECONDS
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
