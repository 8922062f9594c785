"""Plan: the audience is frozen, everybody in it leaves a row, and who is left out is told why."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection
from django.db.utils import OperationalError

from apps.accounts.models import App
from apps.core.sql import Compiled
from apps.customers.models import Customer
from apps.deliveries.explanation import explain_dispatch
from apps.deliveries.models import Batch, Delivery, Dispatch, LedgerPage
from apps.deliveries.policy import Policy
from apps.deliveries.services.plan import ABANDONED_AFTER, end_abandoned, plan_dispatch, simulate_dispatch
from apps.deliveries.states import OUTCOME_WORDS
from apps.devices.models import Device
from tests.factories import NOW, make_app, make_customer, make_device, make_dispatch, make_people, make_plan
from tests.house import wait_for

pytestmark = pytest.mark.django_db
# Whoever reads it waits while the test has lock 7.
LOCKED = Compiled(
    "select id as customer_id from customers_customer, lateral (select pg_advisory_xact_lock(7 + 0 * id)) held"
)


@pytest.fixture
def app() -> App:
    return make_app()


def planned_devices(dispatch: Dispatch) -> list[int]:
    return [device for batch in Batch.objects.filter(dispatch=dispatch) for device in batch.device_ids]


def exclusions(dispatch: Dispatch) -> Mapping[str, int]:
    rows = Delivery.objects.filter(dispatch_id=dispatch.id)
    return Counter(OUTCOME_WORDS[row.outcome].removeprefix("excluded:") for row in rows)


def test_every_live_device_is_planned_once(app: App) -> None:
    devices = make_people(app, 3) + make_people(app, 2, gateway="apns")
    dispatch = make_dispatch(app)
    assert sorted(planned_devices(dispatch)) == sorted(device.id for device in devices)
    assert (dispatch.state, dispatch.planned_people, dispatch.planned_devices) == ("sending", 5, 5)


def test_a_batch_holds_one_gateway_in_ascending_order(app: App) -> None:
    make_people(app, 3)
    make_people(app, 3, gateway="webpush")
    dispatch = make_dispatch(app)
    batches = Batch.objects.filter(dispatch=dispatch)
    assert sorted(batch.gateway for batch in batches) == [1, 3]
    assert all(batch.device_ids == sorted(batch.device_ids) for batch in batches)


def test_other_apps_people_are_never_planned(app: App) -> None:
    stranger = make_customer(make_app())
    make_device(stranger)
    audience = Compiled("select id as customer_id from customers_customer")
    dispatch = make_dispatch(app, audience=audience)
    assert dispatch.planned_people == 0


@pytest.mark.parametrize(
    ("reason", "fields"), [("no_consent", {"push_consent": False}), ("erased", {"erased_at": NOW})]
)
def test_a_person_not_to_be_sent_to_is_excluded(app: App, reason: str, fields: dict[str, object]) -> None:
    make_device(make_customer(app))
    make_device(make_customer(app, **fields))
    dispatch = make_dispatch(app)
    assert exclusions(dispatch) == {reason: 1}
    assert len(planned_devices(dispatch)) == 1


def test_a_topic_reaches_only_those_who_chose_it(app: App) -> None:
    make_device(make_customer(app, topics=["news", "offers"]))
    make_device(make_customer(app, topics=["news"]))
    dispatch = make_dispatch(app, policy=Policy(topic="offers"))
    assert exclusions(dispatch) == {"no_consent": 1}
    assert len(planned_devices(dispatch)) == 1


def test_a_person_without_a_live_device_is_device_0(app: App) -> None:
    customer = make_customer(app)
    make_device(customer, state="dead")
    dispatch = make_dispatch(app)
    row = Delivery.objects.get(dispatch_id=dispatch.id)
    assert (OUTCOME_WORDS[row.outcome], row.device_id, row.customer_id) == ("excluded:no_live_device", 0, customer.id)
    assert dispatch.planned_devices == 1


def test_platforms_limit_the_devices(app: App) -> None:
    android, _ios = make_people(app, 1) + make_people(app, 1, gateway="apns")
    dispatch = make_dispatch(app, policy=Policy(platforms=("android",)))
    assert planned_devices(dispatch) == [android.id]
    assert exclusions(dispatch) == {"no_live_device": 1}


def test_latest_takes_the_device_seen_last(app: App) -> None:
    customer = make_customer(app)
    make_device(customer, last_seen_at=NOW - timedelta(days=2))
    newest = make_device(customer, last_seen_at=NOW - timedelta(days=1))
    make_device(customer, last_seen_at=NOW, state="dead")
    assert planned_devices(make_dispatch(app, policy=Policy(devices="latest"))) == [newest.id]


def test_stale_devices_are_left_out_only_where_asked(app: App) -> None:
    stale = make_device(make_customer(app), state="stale")
    assert planned_devices(make_dispatch(app)) == [stale.id]
    assert exclusions(make_dispatch(app, policy=Policy(excludes_stale=True))) == {"stale": 1}


def test_holdout_and_variants_follow_the_documented_draw(app: App) -> None:
    devices = make_people(app, 60)
    dispatch = make_dispatch(app, policy=Policy(holdout_percent=25, shares=(40, 60), salt="pepper"))
    expected_holdout, expected_variant = set(), {}
    for device in devices:
        draw = drawn(f"pepper:{device.customer_id}")
        expected_variant[device.id] = 0 if (draw & 0xFFFFFFFF) * 100 / 2**32 < 40 else 1
        if (draw >> 32 & 0xFFFFFFFF) * 100 / 2**32 < 25:
            expected_holdout.add(device.id)
    assert set(Delivery.objects.values_list("device_id", flat=True)) == expected_holdout
    for batch in Batch.objects.filter(dispatch=dispatch):
        assert batch.variants == [expected_variant[device] for device in batch.device_ids]
    assert 0 < len(expected_holdout) < 60


def test_the_undecided_rest_is_held(app: App) -> None:
    make_people(app, 60)
    dispatch = make_dispatch(app, policy=Policy(shares=(10, 10), salt="x"))
    held = Batch.objects.get(dispatch=dispatch, state="held")
    assert set(held.variants) == {-1}
    assert len(planned_devices(dispatch)) == 60


def test_shares_that_do_not_quite_reach_100_leave_nobody_undecided(app: App) -> None:
    make_people(app, 40)
    make_dispatch(app, policy=Policy(shares=(33.33, 33.33, 33.33)))
    assert not Batch.objects.filter(state="held").exists()


def test_the_cap_counts_what_is_still_on_its_way(app: App) -> None:
    make_people(app, 2)
    make_dispatch(app)
    assert exclusions(make_dispatch(app, policy=Policy(cap_count=1))) == {"capped": 2}
    assert exclusions(make_dispatch(app, policy=Policy(cap_count=3))) == {}


def tell_sent(dispatch: Dispatch, device: Device, *, outcome: int = 1, days_ago: int = 1) -> None:
    Delivery.objects.create(
        planned_on=NOW - timedelta(days=8),
        dispatch_id=dispatch.id,
        device_id=device.id,
        customer_id=device.customer_id,
        app_id=device.app_id,
        outcome=outcome,
        gateway=1,
        platform=1,
        variant=0,
        attempt=1,
        recorded_at=NOW - timedelta(days=days_ago),
    )


def test_the_cap_counts_accepted_campaign_pushes_of_the_window(app: App) -> None:
    capped, early, unlucky = make_people(app, 3)
    earlier = make_dispatch(app)
    Batch.objects.all().delete()
    Dispatch.objects.update(state="done", finished_at=NOW)
    for device, outcome, days in ((capped, 1, 6), (early, 1, 8), (unlucky, 3, 1)):
        tell_sent(earlier, device, outcome=outcome, days_ago=days)
    dispatch = make_dispatch(app, policy=Policy(cap_count=1, cap_days=7))
    assert list(Delivery.objects.filter(dispatch_id=dispatch.id).values_list("device_id", flat=True)) == [capped.id]


def test_a_few_of_a_large_ledger_are_capped_as_many_are(app: App) -> None:
    """People are looked up one by one there, and not found among all rows."""
    devices = make_people(app, 20)
    earlier = make_dispatch(app, kind="test")
    for device in devices:
        tell_sent(earlier, device)
    Dispatch.objects.update(kind="campaign", finished_at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("analyze deliveries_delivery")
    few = Compiled("select unnest(%(few)s::bigint[]) as customer_id", {"few": [one.customer_id for one in devices[:2]]})
    assert exclusions(make_dispatch(app, audience=few, policy=Policy(cap_count=1))) == {"capped": 2}
    assert exclusions(make_dispatch(app, audience=few, policy=Policy(cap_count=2))) == {}
    assert exclusions(make_dispatch(app, audience=few, policy=Policy(cap_count=2))) == {"capped": 2}  # one on its way
    kept = make_device(make_customer(app)).customer
    Customer.objects.filter(pk=devices[0].customer_id).update(merged_into=kept)
    merged = Compiled(few.sql, {"few": [kept.pk]})
    assert exclusions(make_dispatch(app, audience=merged, policy=Policy(cap_count=2))) == {"capped": 1}


def codes(dispatch: Dispatch) -> Mapping[str, int]:
    rows = Delivery.objects.filter(dispatch_id=dispatch.id)
    return Counter(f"{OUTCOME_WORDS[row.outcome].removeprefix('excluded:')} {row.code}".strip() for row in rows)


def test_a_topic_has_a_cap_of_its_own(app: App) -> None:
    make_device(make_customer(app, topics=["news", "offers"]))
    make_dispatch(app, policy=Policy(topic="offers"))
    assert codes(make_dispatch(app, policy=Policy(topic="news", topic_cap_count=1))) == {}
    assert codes(make_dispatch(app, policy=Policy(topic="offers", topic_cap_count=2, cap_count=3))) == {}
    assert codes(make_dispatch(app, policy=Policy(topic="offers", topic_cap_count=2))) == {"capped topic": 1}
    assert codes(make_dispatch(app, policy=Policy(topic="offers", topic_cap_count=2, cap_count=3))) == {"capped": 1}


def test_a_dry_run_says_whom_only_the_cap_of_the_topic_stops(app: App) -> None:
    reader, both = (make_customer(app, topics=["news", *more]) for more in ([], ["offers"]))
    make_device(reader)
    make_device(both)
    for topic in ("news", "offers"):
        make_dispatch(app, policy=Policy(topic=topic))
    waterfall = simulate_dispatch(**make_plan(app, policy=Policy(topic="news", topic_cap_count=1, cap_count=2)))
    assert (waterfall.excluded, waterfall.capped_by_topic) == ({"capped": (2, 2)}, (1, 1))


def test_the_explanation_names_the_cap_of_the_topic(app: App) -> None:
    anna = make_customer(app, topics=["news", "offers"])
    device = make_device(anna)
    for name, topic in (("First", "news"), ("Other", "offers")):
        tell_sent(make_dispatch(app, name=name, policy=Policy(topic=topic)), device)
    capped = make_dispatch(app, policy=Policy(topic="news", topic_cap_count=1, topic_cap_days=30))
    text = explain_dispatch(dispatch=capped, customer=anna, now=NOW).text
    assert "1 push about news in 30 days, which is the cap of that topic. Used up by: First." in text


def test_a_test_send_knows_neither_cap_nor_holdout(app: App) -> None:
    make_people(app, 2)
    make_dispatch(app)
    test = make_dispatch(app, kind="test", policy=Policy(cap_count=1, holdout_percent=100))
    assert len(planned_devices(test)) == 2


def test_people_in_their_quiet_hours_wait_for_their_morning(app: App) -> None:
    make_device(make_customer(app, time_zone="Europe/Warsaw"))
    make_device(make_customer(app, time_zone="Pacific/Auckland"))
    quiet = Policy(quiet_from="22:00", quiet_until="08:00")
    dispatch = make_dispatch(app, policy=quiet)  # noon in UTC, 14:00 in Warsaw, midnight in Auckland
    warsaw, auckland = Batch.objects.filter(dispatch=dispatch).order_by("release_at")
    assert (warsaw.release_at, warsaw.not_after) == (NOW, NOW.replace(hour=20))
    assert (auckland.release_at, auckland.not_after) == (NOW.replace(hour=20), NOW.replace(day=2, hour=10))


def test_quiet_hours_that_outlast_the_expiry_exclude(app: App) -> None:
    make_device(make_customer(app, time_zone="Pacific/Auckland"))
    quiet = Policy(quiet_from="22:00", quiet_until="08:00", expire_after_seconds=3600)
    assert exclusions(make_dispatch(app, policy=quiet)) == {"quiet_hours_past_expiry": 1}


def test_planning_again_changes_nothing(app: App) -> None:
    make_people(app, 2)
    plan = make_plan(app)
    first = plan_dispatch(**plan)
    make_people(app, 2)
    assert plan_dispatch(**plan) == first
    assert len(planned_devices(first)) == 2


def test_a_simulation_tells_what_planning_does_and_leaves_nothing(app: App) -> None:
    customer = make_customer(app)
    make_device(customer)
    make_device(customer)
    make_device(make_customer(app, push_consent=False))
    plan = make_plan(app)
    waterfall = simulate_dispatch(**plan)
    assert (waterfall.planned_people, waterfall.planned_devices) == (2, 3)
    assert (waterfall.sending_people, waterfall.sending_devices) == (1, 2)
    assert waterfall.excluded == {"no_consent": (1, 1)}
    assert not Dispatch.objects.exists()
    assert plan_dispatch(**plan).planned_devices == waterfall.planned_devices


def test_people_whose_devices_fare_differently_are_counted_where_each_stands(app: App) -> None:
    """One is reached on one of two devices, one on neither, one has none that fits."""
    for states in (("active", "stale"), ("stale", "stale"), ("dead",)):
        customer = make_customer(app)
        for state in states:
            make_device(customer, state=state)
    waterfall = simulate_dispatch(**make_plan(app, policy=Policy(excludes_stale=True)))
    assert (waterfall.sending_people, waterfall.sending_devices) == (1, 1)
    assert waterfall.excluded == {"stale": (2, 3), "no_live_device": (1, 1)}
    assert waterfall.planned_people == 3


def test_exclusions_stand_on_a_ledger_page(app: App) -> None:
    make_device(make_customer(app, push_consent=False))
    dispatch = make_dispatch(app)
    assert LedgerPage.objects.get(dispatch_id=dispatch.id).counts == [[20, 0, 1, 1]]


def test_a_throttled_dispatch_is_cut_into_smaller_batches(app: App) -> None:
    make_people(app, 50)
    dispatch = make_dispatch(app, throttle_per_second=0.2)
    assert [len(batch.device_ids) for batch in Batch.objects.filter(dispatch=dispatch)] == [20, 20, 10]


def test_an_audience_that_takes_too_long_fails_before_anybody_is_sent_to(app: App) -> None:
    make_people(app, 2)
    slow = Compiled("select id as customer_id from customers_customer, lateral (select pg_sleep(60 + 0 * id)) slept")
    with connection.cursor() as cursor:
        cursor.execute("set local statement_timeout = '1500ms'")
        dispatch = make_dispatch(app, audience=slow)
    assert (dispatch.state, dispatch.reason, dispatch.planned_devices) == ("failed", "audience_timeout", 0)
    assert not Batch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_planners_at_once_make_one_plan(app: App) -> None:
    make_people(app, 3)
    slow = Compiled("select id as customer_id from customers_customer, lateral (select pg_sleep(0.1 + 0 * id)) slept")
    plan = make_plan(app, audience=slow)

    def planned() -> Dispatch:
        try:
            return plan_dispatch(**plan)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as planners:
        found = [future.result() for future in [planners.submit(planned) for _ in range(4)]]
    dispatch = Dispatch.objects.get()
    assert {one.id for one in found} == {dispatch.id}
    assert (dispatch.state, len(planned_devices(dispatch))) == ("sending", 3)


@pytest.mark.django_db(transaction=True)
def test_asking_for_a_dispatch_that_is_being_planned_is_no_attempt(app: App) -> None:
    make_people(app, 1)
    plan = make_plan(app, audience=LOCKED)
    with ThreadPoolExecutor(1) as planner:
        with planner_at_work(planner, plan) as first:
            asked = [plan_dispatch(**plan).state for _ in range(7)]
        assert first.result(60).planning_attempt == 1
    assert asked == ["planning"] * 7


@pytest.mark.django_db(transaction=True)
def test_a_killed_planner_is_taken_over(app: App) -> None:
    make_people(app, 2)
    slow = Compiled("select id as customer_id from customers_customer, lateral (select pg_sleep(20 + 0 * id)) slept")
    plan = make_plan(app)

    def killed() -> None:
        with suppress(OperationalError):
            plan_dispatch(**{**plan, "audience": slow})
        connection.close()

    with ThreadPoolExecutor(1) as planner:
        dead = planner.submit(killed)
        terminate_backend_running("plan_audience")
        dead.result()
    assert Dispatch.objects.get().state == "planning"
    dispatch = plan_dispatch(**plan)
    assert (dispatch.state, dispatch.planning_attempt, len(planned_devices(dispatch))) == ("sending", 2, 2)


def begun(plan: dict[str, Any], *, attempts: int = 1) -> Dispatch:
    """What a planner leaves that was killed so many times."""
    return Dispatch.objects.create(
        **{name: plan[name] for name in ("app", "kind", "origin", "occurrence")},
        planned_on=NOW.date(),
        created_at=NOW,
        expires_at=NOW,
        planning_attempt=attempts,
    )


def test_a_dispatch_that_kills_every_planner_fails(app: App) -> None:
    plan = make_plan(app)
    begun(plan, attempts=5)
    assert plan_dispatch(**plan).reason == "planning_crashed"


def test_a_plan_that_nobody_takes_over_fails_with_its_reason(app: App) -> None:
    dispatch = begun(make_plan(app))
    assert end_abandoned(now=NOW + ABANDONED_AFTER) == 0
    assert end_abandoned(now=NOW + ABANDONED_AFTER + timedelta(seconds=1)) == 1
    dispatch.refresh_from_db()
    assert (dispatch.state, dispatch.reason) == ("failed", "planning_crashed")


@pytest.mark.django_db(transaction=True)
def test_a_planner_that_takes_its_time_is_not_abandoned(app: App) -> None:
    make_people(app, 2)
    with ThreadPoolExecutor(1) as planner:
        with planner_at_work(planner, make_plan(app, audience=LOCKED)) as result:
            assert end_abandoned(now=NOW + 2 * ABANDONED_AFTER) == 0
        assert result.result(60).state == "sending"


@contextmanager
def planner_at_work(planner: ThreadPoolExecutor, plan: dict[str, Any]) -> Iterator[Future[Dispatch]]:
    """It has begun on a LOCKED audience, and does not come to an end as long as this lasts."""

    def planned() -> Dispatch:
        try:
            return plan_dispatch(**plan)
        finally:
            connection.close()

    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(7)")
        try:
            begun = planner.submit(planned)
            wait_for(is_anybody_locked_out, 10)
            yield begun
        finally:
            cursor.execute("select pg_advisory_unlock(7)")


def is_anybody_locked_out() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from pg_locks join pg_database on pg_database.oid = pg_locks.database"
            " where locktype = 'advisory' and objid = 7 and not granted and datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def drawn(text: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select hashtextextended(%s, 0)", [text])
        return int(cursor.fetchone()[0])


def terminate_backend_running(statement: str) -> None:
    """Kill the connection that runs `statement`, as soon as there is one."""
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where query like %s and pid <> pg_backend_pid()"
    deadline = monotonic() + 60
    with connection.cursor() as cursor:
        while monotonic() < deadline:
            cursor.execute(kill, [f"%insert into {statement}%"])
            if cursor.fetchone():
                return
            sleep(0.02)
    pytest.fail(f"nobody ran {statement}")
