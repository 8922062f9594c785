"""A dispatch at a local time: each zone in its turn, who has it behind them, what waits and what expires."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from apps.accounts.models import App
from apps.deliveries.models import Batch, Delivery, Dispatch, OpeningHour
from apps.deliveries.policy import Policy
from apps.deliveries.services.lifecycle import finish_dispatches
from apps.deliveries.services.plan import simulate_dispatch
from apps.deliveries.services.winner import choose_winner
from apps.deliveries.states import OUTCOME_WORDS
from tests.factories import NOW, make_app, make_customer, make_device, make_dispatch, make_plan

pytestmark = pytest.mark.django_db

# NOW is 1 June 2026, 12:00 UTC: 14:00 in Warsaw, 21:00 in Tokyo, 08:00 in New York.
TOMORROW_AT_NINE = "2026-06-02T09:00"
TODAY_AT_NINE = "2026-06-01T09:00"


@pytest.fixture
def app() -> App:
    return make_app()


def people_in(app: App, *zones: str) -> list[int]:
    """One person with a device in each; returns the people."""
    people = [make_customer(app, time_zone=zone) for zone in zones]
    for one in people:
        make_device(one)
    return [one.pk for one in people]


def release_of(dispatch: Dispatch) -> dict[int, datetime]:
    """When each person is sent to."""
    found = {}
    for batch in Batch.objects.filter(dispatch=dispatch):
        found |= dict.fromkeys(batch.customer_ids, batch.release_at)
    return found


def left_out(dispatch: Dispatch) -> Counter[str]:
    rows = Delivery.objects.filter(dispatch_id=dispatch.pk)
    return Counter(OUTCOME_WORDS[row.outcome] for row in rows)


def test_each_zone_is_sent_to_at_its_own_time(app: App) -> None:
    tokyo, warsaw, new_york = people_in(app, "Asia/Tokyo", "Europe/Warsaw", "America/New_York")
    dispatch = make_dispatch(app, policy=Policy(local_at=TOMORROW_AT_NINE, expire_after_seconds=3600))
    day = NOW.replace(day=2, hour=0)
    assert release_of(dispatch) == {tokyo: day, warsaw: day.replace(hour=7), new_york: day.replace(hour=13)}
    assert {batch.expires_at - batch.release_at for batch in Batch.objects.all()} == {timedelta(hours=1)}
    assert dispatch.expires_at == day.replace(hour=14)


def test_the_devices_zone_counts_where_the_person_has_none_then_the_apps(app: App) -> None:
    by_device, by_app = make_customer(app), make_customer(app)
    make_device(by_device, time_zone="Asia/Tokyo")
    make_device(by_app)
    dispatch = make_dispatch(app, policy=Policy(local_at=TOMORROW_AT_NINE, default_time_zone="Europe/Warsaw"))
    day = NOW.replace(day=2, hour=0)
    assert release_of(dispatch) == {by_device.pk: day, by_app.pk: day.replace(hour=7)}


def test_a_passed_hour_leaves_out_with_its_reason(app: App) -> None:
    _tokyo, _warsaw, new_york = people_in(app, "Asia/Tokyo", "Europe/Warsaw", "America/New_York")
    plan = make_plan(app, policy=Policy(local_at=TODAY_AT_NINE))
    assert simulate_dispatch(**plan).excluded == {"missed_hour": (2, 2)}
    dispatch = make_dispatch(app, policy=Policy(local_at=TODAY_AT_NINE))
    assert left_out(dispatch) == {"excluded:missed_hour": 2}
    assert release_of(dispatch) == {new_york: NOW.replace(hour=13)}


def test_a_passed_hour_comes_the_next_day_where_asked(app: App) -> None:
    tokyo, new_york = people_in(app, "Asia/Tokyo", "America/New_York")
    dispatch = make_dispatch(app, policy=Policy(local_at=TODAY_AT_NINE, missed_hour="next_day"))
    assert not left_out(dispatch)
    assert release_of(dispatch) == {tokyo: NOW.replace(day=2, hour=0), new_york: NOW.replace(hour=13)}


def test_quiet_hours_hold_each_zone_in_its_turn(app: App) -> None:
    people = people_in(app, "Asia/Tokyo", "Europe/Warsaw")
    night = Policy(local_at="2026-06-02T07:00", quiet_from="22:00", quiet_until="08:00")
    released = release_of(make_dispatch(app, policy=night))
    assert [released[one] for one in people] == [NOW.replace(hour=23), NOW.replace(day=2, hour=6)]


def test_a_usual_hour_is_asked_for_by_person(app: App) -> None:
    early, late, unknown = people_in(app, "Europe/Warsaw", "Europe/Warsaw", "Europe/Warsaw")
    for person, hour in ((early, 7), (late, 21)):
        OpeningHour.objects.create(customer_id=person, app_id=app.pk, hour=hour, opens=5, computed_at=NOW)
    dispatch = make_dispatch(app, policy=Policy(local_at="2026-06-02T12:30", by_habit=True))
    day = NOW.replace(day=2)
    released = {early: day.replace(hour=5), late: day.replace(hour=19), unknown: day.replace(hour=10, minute=30)}
    assert release_of(dispatch) == released


def test_habits_count_only_where_they_are_asked_for(app: App) -> None:
    (person,) = people_in(app, "Europe/Warsaw")
    OpeningHour.objects.create(customer_id=person, app_id=app.pk, hour=21, opens=5, computed_at=NOW)
    assert release_of(make_dispatch(app)) == {person: NOW}


def test_canaries_are_taken_from_the_first_zone(app: App) -> None:
    people_in(app, *["Asia/Tokyo"] * 4, *["Europe/Warsaw"] * 8)
    dispatch = make_dispatch(app, policy=Policy(local_at=TOMORROW_AT_NINE, canary_devices=3))
    canaries = Batch.objects.get(dispatch=dispatch, is_canary=True)
    assert (canaries.time_zone, len(canaries.device_ids)) == ("Asia/Tokyo", 3)


def test_a_zones_pushes_expire_while_later_zones_wait(app: App) -> None:
    tokyo, new_york = people_in(app, "Asia/Tokyo", "America/New_York")
    dispatch = make_dispatch(app, policy=Policy(local_at=TOMORROW_AT_NINE, expire_after_seconds=3600))
    finish_dispatches(now=NOW.replace(day=2, hour=1))
    row = Delivery.objects.get(dispatch_id=dispatch.pk)
    assert (row.customer_id, OUTCOME_WORDS[row.outcome]) == (tokyo, "expired")
    assert Batch.objects.get(state="waiting").customer_ids == [new_york]


def test_the_rest_of_a_test_gets_the_winner_at_its_local_time(app: App) -> None:
    tokyo, new_york = people_in(app, "Asia/Tokyo", "America/New_York")
    dispatch = make_dispatch(app, policy=Policy(local_at=TOMORROW_AT_NINE, shares=(0.0001, 0.0001)))
    evening = NOW.replace(day=2, hour=9)
    finish_dispatches(now=evening)
    choose_winner(dispatch_id=dispatch.pk, variant=1, by="mary", now=evening)
    assert release_of(dispatch) == {tokyo: NOW.replace(day=3, hour=0), new_york: NOW.replace(day=2, hour=13)}
    dispatch.refresh_from_db()
    assert dispatch.expires_at == NOW.replace(day=4, hour=0)


def test_a_simulation_says_when_each_zone_goes(app: App) -> None:
    people_in(app, "Asia/Tokyo", "Asia/Tokyo", "Europe/Warsaw")
    waterfall = simulate_dispatch(**make_plan(app, policy=Policy(local_at=TOMORROW_AT_NINE)))
    found = {one.time_zone: (one.devices, one.moment.opens_at) for one in waterfall.releases}
    day = NOW.replace(day=2, hour=0)
    assert found == {"Asia/Tokyo": (2, day), "Europe/Warsaw": (1, day.replace(hour=7))}
