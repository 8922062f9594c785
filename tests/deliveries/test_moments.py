"""A local time on everybody's own clock, also where the clocks change, and who has it behind them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.deliveries.policy import Policy
from apps.deliveries.services.moments import earliest_start, instant_of, latest_start, moment_of, next_moment
from apps.deliveries.states import OUTCOME_WORDS

LONG_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def planned(local_at: str, zone: str, *, begins_at: datetime = LONG_BEFORE, hour: int = -1, **policy: object) -> str:
    """When it is released, or why not."""
    rules = Policy(local_at=local_at, **policy)  # type: ignore[arg-type]
    found = moment_of(policy=rules, zone=zone, hour=hour, begins_at=begins_at, expires_at=begins_at)
    return OUTCOME_WORDS[found.reason] if found.reason else f"{found.opens_at:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("Europe/Warsaw", "2027-03-28T02:30", "2027-03-28 01:30"),  # gap of an hour: 03:30 there
        ("Europe/Warsaw", "2027-10-31T02:30", "2027-10-31 00:30"),  # twice: the first
        ("Australia/Lord_Howe", "2027-10-03T02:15", "2027-10-02 15:45"),  # gap of half an hour: 02:45 there
        ("Africa/Cairo", "2027-04-30T00:30", "2027-04-29 22:30"),  # gap at midnight: 01:30 there
        ("Pacific/Kiritimati", "2027-03-28T09:00", "2027-03-27 19:00"),
        ("Pacific/Niue", "2027-03-28T09:00", "2027-03-28 20:00"),
        ("Mars/Olympus", "2027-03-28T09:00", "2027-03-28 09:00"),
    ],
)
def test_a_local_time_is_one_instant_in_every_zone(zone: str, local: str, utc: str) -> None:
    assert planned(local, zone) == utc


def test_a_gap_moves_a_time_forward_by_the_gap() -> None:
    for zone, local, seen in [
        ("Europe/Warsaw", "2027-03-28T02:30", "03:30"),
        ("Australia/Lord_Howe", "2027-10-03T02:15", "02:45"),
        ("Africa/Cairo", "2027-04-30T00:30", "01:30"),
    ]:
        clock = ZoneInfo(zone)
        assert f"{instant_of(datetime.fromisoformat(local), clock).astimezone(clock):%H:%M}" == seen


def test_it_is_planned_before_the_first_zone_and_lasts_to_the_last() -> None:
    policy = Policy(local_at="2027-03-28T09:00")
    first, last = earliest_start(policy), latest_start(policy)
    assert (first, last) == (at("2027-03-27 19:00"), at("2027-03-28 21:00"))
    assert planned(policy.local_at, "Etc/GMT-14") == f"{first:%Y-%m-%d %H:%M}"
    assert planned(policy.local_at, "Etc/GMT+12") == f"{last:%Y-%m-%d %H:%M}"


def test_an_hour_that_has_passed_is_skipped_or_comes_the_next_day() -> None:
    noon = at("2027-03-28 12:00")
    assert planned("2027-03-28T09:00", "Asia/Tokyo", begins_at=noon) == "excluded:missed_hour"
    assert planned("2027-03-28T09:00", "Asia/Tokyo", begins_at=noon, missed_hour="next_day") == "2027-03-29 00:00"
    assert planned("2027-03-28T09:00", "America/New_York", begins_at=noon) == "2027-03-28 13:00"


def test_an_hour_that_has_just_begun_still_counts() -> None:
    just, too = at("2027-03-28 09:59"), at("2027-03-28 10:00")
    assert planned("2027-03-28T09:00", "UTC", begins_at=just) == "2027-03-28 09:59"
    assert planned("2027-03-28T09:00", "UTC", begins_at=too) == "excluded:missed_hour"


def test_the_next_day_is_one_day_and_no_more() -> None:
    days_later = at("2027-03-30 12:00")
    late = {"begins_at": days_later, "missed_hour": "next_day"}
    assert planned("2027-03-28T09:00", "UTC", **late) == "excluded:missed_hour"  # type: ignore[arg-type]


def test_a_short_life_is_over_before_the_hour_of_grace() -> None:
    begins = at("2027-03-28 09:10")
    assert planned("2027-03-28T09:00", "UTC", begins_at=begins, expire_after_seconds=600) == "excluded:missed_hour"


def test_each_zones_pushes_expire_after_their_own_time() -> None:
    policy = Policy(local_at="2027-03-28T09:00", expire_after_seconds=7200)
    for zone in ("Pacific/Kiritimati", "Europe/Warsaw", "Pacific/Niue"):
        moment = moment_of(policy=policy, zone=zone, begins_at=LONG_BEFORE, expires_at=LONG_BEFORE)
        assert moment.expires_at - moment.opens_at == timedelta(hours=2)


def test_quiet_hours_hold_a_local_time_too() -> None:
    night = {"quiet_from": "22:00", "quiet_until": "09:00"}
    assert planned("2027-03-27T07:00", "Europe/Warsaw", **night) == "2027-03-27 08:00"
    short = {**night, "expire_after_seconds": 3600}
    assert planned("2027-03-27T07:00", "Europe/Warsaw", **short) == "excluded:quiet_hours_past_expiry"


def test_a_usual_hour_takes_the_place_of_the_set_one() -> None:
    assert planned("2027-03-27T10:30", "Europe/Warsaw", hour=19, by_habit=True) == "2027-03-27 18:00"
    assert planned("2027-03-27T10:30", "Europe/Warsaw", by_habit=True) == "2027-03-27 09:30"
    policy = Policy(local_at="2027-03-27T10:30", by_habit=True)
    assert (earliest_start(policy), latest_start(policy)) == (at("2027-03-26 10:00"), at("2027-03-28 11:00"))


def test_what_waited_for_a_decision_goes_at_the_same_local_time() -> None:
    policy = Policy(local_at="2027-03-27T09:00")
    decided_at = at("2027-03-27 20:00")
    warsaw = next_moment(policy=policy, zone="Europe/Warsaw", released_at=at("2027-03-27 08:00"), now=decided_at)
    niue = next_moment(policy=policy, zone="Pacific/Niue", released_at=at("2027-03-27 20:00"), now=decided_at)
    assert warsaw.opens_at == at("2027-03-28 07:00")  # the clocks went forward in between
    assert niue.opens_at == decided_at
    assert niue.expires_at == decided_at + timedelta(days=1)
