"""On which days, and at which instants: pure."""

from datetime import UTC, date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from apps.campaigns.recurrence import Recurrence

WARSAW = ZoneInfo("Europe/Warsaw")


def rule(every, at="09:00", zone=WARSAW, **limits):
    return Recurrence(every=every, at=time.fromisoformat(at), zone=zone, **limits)


def days(recurrence, first, most=4):
    return [day.isoformat() for day in islice(recurrence.days_from(first), most)]


def test_every_day():
    assert days(rule("daily"), date(2027, 2, 27)) == ["2027-02-27", "2027-02-28", "2027-03-01", "2027-03-02"]


def test_on_chosen_days_of_the_week():
    chosen = rule("weekly", weekdays=frozenset({0, 4}))
    assert days(chosen, date(2027, 1, 1)) == ["2027-01-01", "2027-01-04", "2027-01-08", "2027-01-11"]


def test_the_31st_is_the_last_day_of_a_shorter_month():
    assert days(rule("monthly", day=31), date(2028, 1, 1)) == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]


def test_limits_of_both_ends():
    limited = rule("daily", first=date(2027, 1, 3), until=date(2027, 1, 4))
    assert days(limited, date(2027, 1, 1)) == ["2027-01-03", "2027-01-04"]


def test_no_day_of_the_week_is_no_day_at_all():
    assert days(rule("weekly"), date(2027, 1, 1)) == []


@pytest.mark.parametrize(
    ("zone", "at", "day", "instant"),
    [
        ("Europe/Warsaw", "02:30", date(2027, 3, 28), "2027-03-28T01:30"),  # skipped: 03:30 on the clock
        ("Europe/Warsaw", "02:30", date(2027, 10, 31), "2027-10-31T00:30"),  # twice: the first
        ("Australia/Lord_Howe", "02:15", date(2027, 10, 3), "2027-10-02T15:45"),  # skipped by half an hour: 02:45
        ("Africa/Cairo", "00:30", date(2027, 4, 30), "2027-04-29T22:30"),  # the day begins at 01:00
        ("Pacific/Kiritimati", "09:00", date(2027, 1, 1), "2026-12-31T19:00"),
    ],
)
def test_the_instant_where_clocks_change(zone, at, day, instant):
    assert rule("daily", at, ZoneInfo(zone)).moment(day) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


def test_the_next_day_comes_after_the_moment_itself():
    daily = rule("daily")
    nine = daily.moment(date(2027, 1, 4))
    assert daily.next_after(nine) == date(2027, 1, 5)
