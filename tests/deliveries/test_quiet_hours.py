"""Quiet hours in the recipient's own zone, also where the clocks change."""

from datetime import UTC, datetime, time

import pytest

from apps.deliveries.services.quiet_hours import SendingWindow, sending_window


def window(at: str, zone: str = "UTC", begin: str = "22:00", end: str = "08:00") -> tuple[str, str]:
    found = sending_window(
        quiet=(time.fromisoformat(begin), time.fromisoformat(end)),
        zone=zone,
        default_zone="UTC",
        not_before=datetime.fromisoformat(at).replace(tzinfo=UTC),
    )
    assert found.closes_at
    return f"{found.opens_at:%m-%d %H:%M}", f"{found.closes_at:%m-%d %H:%M}"


def test_by_day_it_opens_at_once_and_closes_in_the_evening() -> None:
    assert window("2026-06-01 12:00") == ("06-01 12:00", "06-01 22:00")


@pytest.mark.parametrize("at", ["2026-06-01 22:00", "2026-06-01 23:30", "2026-06-02 07:59"])
def test_by_night_it_opens_in_the_morning(at: str) -> None:
    assert window(at) == ("06-02 08:00", "06-02 22:00")


def test_quiet_hours_may_lie_within_one_day() -> None:
    assert window("2026-06-01 13:30", begin="13:00", end="15:00") == ("06-01 15:00", "06-02 13:00")


def test_each_zone_has_its_own_day() -> None:
    assert window("2026-06-01 12:00", "Pacific/Kiritimati") == ("06-01 18:00", "06-02 08:00")
    assert window("2026-06-01 12:00", "Pacific/Niue") == ("06-01 19:00", "06-02 09:00")


def test_an_end_that_does_not_exist_moves_forward_by_the_gap() -> None:
    assert window("2027-03-28 00:00", "Europe/Warsaw", "22:00", "02:30") == ("03-28 01:30", "03-28 20:00")


def test_an_end_that_comes_twice_means_the_first() -> None:
    assert window("2027-10-30 23:00", "Europe/Warsaw", "22:00", "02:30") == ("10-31 00:30", "10-31 21:00")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "Europe", "../etc/passwd"])
def test_an_unknown_zone_counts_as_the_default(zone: str) -> None:
    assert window("2026-06-01 23:00", zone) == ("06-02 08:00", "06-02 22:00")


def test_without_quiet_hours_it_never_closes() -> None:
    now = datetime(2026, 6, 1, 23, tzinfo=UTC)
    found = sending_window(quiet=None, zone="UTC", default_zone="UTC", not_before=now)
    assert found == SendingWindow(now, None)
