"""Retry-After, as vendors really write it."""

from datetime import UTC, datetime

import pytest

from apps.gateways.retry_after import parse_retry_after

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("   ", None),
        ("0", 0.0),
        ("1", 1.0),
        (" 60 ", 60.0),
        ("2.5", 2.5),
        ("3600", 3600.0),
        ("86400", 3600.0),
        ("9" * 400, 3600.0),
        ("-5", 60.0),
        ("soon", 60.0),
        ("nan", 60.0),
        ("inf", 60.0),
        ("1_000", 60.0),
        ("60 s", 60.0),
        ("\x00\xff", 60.0),
        ("Sun, 99 Nov 2026 12:00:30 GMT", 60.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sunday, 22-Nov-26 12:01:00 GMT", 60.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 23:00:00 GMT", 3600.0),
        ("Sun, 22 Nov 2026 13:00:10 +0100", 10.0),
    ],
)
def test_retry_after_is_read(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds
