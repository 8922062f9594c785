"""The launcher: each campaign once, however many launchers meet or die."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from subprocess import Popen

import pytest
from django.db import connection, connections
from django.db.utils import OperationalError
from psycopg.errors import DeadlockDetected, QueryCanceled

from apps.accounts.models import App, AuditEntry
from apps.campaigns.models import Campaign, LaunchFault
from apps.campaigns.services import lifecycle
from apps.campaigns.services.launch import launch_due, take_lease
from apps.campaigns.services.launch_faults import note_failure
from apps.customers.models import EventType, Topic
from apps.deliveries.models import Batch, Content, Dispatch
from apps.deliveries.policy import Policy
from apps.segments.models import Segment
from tests.factories import NOW, make_app, make_counted_dispatch, make_ready_campaign, make_segment


@pytest.fixture
def app(db: None) -> App:
    return make_app()


@pytest.fixture
def scheduled(app: App) -> Campaign:
    campaign = make_ready_campaign(app)
    return lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)


def test_a_due_campaign_becomes_a_dispatch(scheduled: Campaign) -> None:
    assert launch_due(NOW) == 1
    scheduled.refresh_from_db()
    assert (scheduled.state, scheduled.launching_until) == ("launched", None)
    assert Batch.objects.get(dispatch=scheduled.dispatch).device_ids


def test_nothing_is_launched_before_its_time(app: App) -> None:
    campaign = make_ready_campaign(app, timing="at", scheduled_at=NOW + timedelta(hours=1))
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    assert launch_due(NOW + timedelta(minutes=59)) == 0
    assert launch_due(NOW + timedelta(minutes=60)) == 1


def test_the_engine_gets_the_campaign_in_its_own_words(app: App) -> None:
    app.quiet_from, app.quiet_until, app.cap_count, app.time_zone = "22:00", "08:00", 3, "Europe/Warsaw"
    app.save()
    campaign = make_ready_campaign(app, platforms=["android"], devices="latest", throttle_per_second=5.0)
    campaign.variants.create(position=1, share=40, texts={"en": {"title": "B", "body": "b"}})
    campaign.variants.filter(position=0).update(share=60)
    launched = lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)
    assert launched.dispatch is not None
    assert Policy.from_json(launched.dispatch.policy) == Policy(
        platforms=("android",),
        devices="latest",
        cap_count=3,
        quiet_from="22:00",
        quiet_until="08:00",
        default_time_zone="Europe/Warsaw",
        shares=(60, 40),
        salt=f"campaign:{campaign.pk}",
        expire_after_seconds=86400,
    )
    assert launched.dispatch.throttle_per_second == 5.0
    assert list(Content.objects.values_list("variant", "language")) == [(0, "en"), (1, "en")]


@pytest.mark.parametrize(("respects_cap", "handed_over"), [(True, (2, 14)), (False, (None, 7))])
def test_the_cap_of_its_topic_goes_along(app: App, respects_cap: bool, handed_over: tuple[int | None, int]) -> None:
    Topic.objects.create(app=app, key="news", name="News", cap_count=2, cap_days=14)
    campaign = make_ready_campaign(app, topic="news", respects_cap=respects_cap)
    launched = lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)
    assert launched.dispatch is not None
    policy = Policy.from_json(launched.dispatch.policy)
    assert (policy.topic_cap_count, policy.topic_cap_days) == handed_over


def test_cap_and_quiet_hours_can_be_put_aside(app: App) -> None:
    app.quiet_from, app.quiet_until, app.cap_count = "22:00", "08:00", 3
    app.save()
    campaign = make_ready_campaign(app, respects_cap=False, respects_quiet_hours=False)
    launched = lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)
    assert launched.dispatch is not None
    policy = Policy.from_json(launched.dispatch.policy)
    assert (policy.cap_count, policy.quiet_hours) == (None, None)


def test_who_left_the_excluded_segment_out_is_left_out(app: App) -> None:
    campaign = make_ready_campaign(app, people=3)
    member = campaign.include_segments.get().memberships.earliest("id").customer
    campaign.exclude_segments.add(make_segment(app, [member]))
    launched = lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)
    assert launched.dispatch is not None
    assert launched.dispatch.planned_people == 2


def test_a_broken_segment_sends_the_campaign_back_with_the_reason(scheduled: Campaign) -> None:
    Segment.objects.update(state="broken", broken_reason="no trait city", kind="static")
    assert launch_due(NOW) == 0
    scheduled.refresh_from_db()
    assert (scheduled.state, scheduled.dispatch) == ("draft", None)
    assert "no trait city" in scheduled.launch_problem
    assert AuditEntry.objects.latest("id").action == "campaign.launch_failed"


def test_a_segment_too_slow_to_compute_sends_the_campaign_back(scheduled: Campaign) -> None:
    EventType.objects.create(app=scheduled.app, name="purchase")
    rule = {"match": "all", "rules": [{"field": "event", "op": "did_not", "value": {"name": "purchase"}}]}
    scheduled.include_segments.update(kind="dynamic", rule=rule, name="Window-shoppers")
    other = connection.copy()
    with other.cursor() as blocker, connection.cursor() as cursor:
        blocker.execute("begin; lock table customers_event in access exclusive mode")
        cursor.execute("set local statement_timeout = '300ms'")
        assert launch_due(NOW) == 0
    other.close()
    scheduled.refresh_from_db()
    assert (scheduled.state, scheduled.dispatch) == ("draft", None)
    assert scheduled.launch_problem.startswith("“Window-shoppers” cannot be computed: its rule takes longer than")
    assert scheduled.include_segments.get().memberships.filter(left_at=None).exists()


def test_an_audience_that_emptied_meanwhile_is_no_launch(scheduled: Campaign) -> None:
    scheduled.include_segments.get().memberships.update(left_at=NOW)
    with pytest.raises(lifecycle.LaunchFailed):
        lifecycle.launch_now(campaign=scheduled, version=1, actor="mary", now=NOW)
    assert Dispatch.objects.count() == 0


def test_an_error_that_nobody_foresaw_holds_up_no_other_and_is_kept(scheduled: Campaign) -> None:
    other = make_ready_campaign(scheduled.app)
    lifecycle.schedule(campaign=other, version=1, actor="mary", now=NOW)
    texts = scheduled.variants.get().texts
    scheduled.variants.update(texts={"en": "of another version"})
    assert launch_due(NOW) == 1
    fault = LaunchFault.objects.get(campaign=scheduled)
    assert (fault.tries, fault.first_at, fault.error.split(":")[0]) == (1, NOW, "AttributeError")
    scheduled.variants.update(texts=texts)
    assert [launch_due(at) for at in (NOW, fault.retry_at)] == [0, 1]
    assert not LaunchFault.objects.exists()


@pytest.mark.parametrize(("cause", "faults", "seconds"), [(DeadlockDetected, 0, 5), (QueryCanceled, 1, 120)])
def test_what_passes_by_itself_is_no_fault_and_soon_tried_again(
    scheduled: Campaign, cause: type[Exception], faults: int, seconds: int
) -> None:
    error = OperationalError("at the database")
    error.__cause__ = cause()
    assert take_lease(campaign_id=scheduled.pk, now=NOW)
    note_failure(campaign_id=scheduled.pk, error=error, lease_until=NOW + timedelta(minutes=2), now=NOW)
    assert LaunchFault.objects.count() == faults
    assert [launch_due(NOW + timedelta(seconds=late)) for late in (seconds - 1, seconds)] == [0, 1]


def test_by_hand_it_says_so_and_that_the_next_try_is_but_seconds_away(app: App) -> None:
    campaign = make_ready_campaign(app)
    other = connection.copy()
    with other.cursor() as blocker, connection.cursor() as cursor:
        blocker.execute("begin; lock table deliveries_batch in share row exclusive mode")
        cursor.execute("set local lock_timeout = '100ms'")
        with pytest.raises(lifecycle.LaunchDelayed, match="tried again by itself in a few seconds"):
            lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)
        cursor.execute("set local lock_timeout = 0")
        blocker.execute("rollback")
    other.close()
    assert [launch_due(NOW + timedelta(seconds=late)) for late in (4, 5)] == [0, 1]


def test_launched_ahead_in_vain_it_keeps_its_time(app: App) -> None:
    campaign = make_ready_campaign(app, timing="at", scheduled_at=NOW + timedelta(hours=1))
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("alter table deliveries_batch add constraint none_today check (attempt < 0) not valid")
        with pytest.raises(lifecycle.LaunchDelayed, match="stays scheduled for its time: try again in two minutes"):
            lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)
        cursor.execute("alter table deliveries_batch drop constraint none_today")
    assert [launch_due(NOW + timedelta(minutes=late)) for late in (3, 60)] == [0, 1]


def test_a_plan_that_failed_sends_the_campaign_back_with_the_reason(scheduled: Campaign) -> None:
    origin = f"campaign:{scheduled.pk}"
    make_counted_dispatch(scheduled.app, origin=origin, state="failed", reason="audience_timeout")
    assert launch_due(NOW) == 0
    scheduled.refresh_from_db()
    assert (scheduled.state, scheduled.dispatch) == ("draft", None)
    assert scheduled.launch_problem.startswith("its audience takes longer to work out than")


@pytest.mark.django_db(transaction=True)
def test_many_launchers_make_one_dispatch(scheduled: Campaign) -> None:
    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(_launch_due, range(6))) == [0, 0, 0, 0, 0, 1]
    assert Dispatch.objects.count() == 1


def _launch_due(_number: int) -> int:
    launched = launch_due(NOW)
    connections.close_all()
    return launched


@pytest.fixture
def hanging_launcher(scheduled: Campaign, process_environment: dict[str, str]) -> Iterator[Popen[bytes]]:
    """A launcher in a process of its own that is stuck while planning: it waits for a lock that the test holds."""
    code = f"from apps.campaigns.services.launch import launch_due; launch_due({NOW!r})"
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [f"deliveries.cap:{scheduled.app_id}"])
    command = [sys.executable, "manage.py", "shell", "-c", f"import datetime; {code}"]
    with Popen(command, env=process_environment) as launcher:
        try:
            _wait_for("select count(*) from pg_locks where locktype = 'advisory' and not granted")
            yield launcher
        finally:
            _unlock()


def _unlock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock_all()")


def _wait_for(count_query: str) -> None:
    deadline = time.monotonic() + 120
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(count_query)
            if cursor.fetchone() != (0,):
                return
            time.sleep(0.05)
    raise TimeoutError(count_query)


@pytest.mark.django_db(transaction=True)
def test_a_killed_launcher_is_taken_over_without_a_second_dispatch(
    scheduled: Campaign, hanging_launcher: Popen[bytes]
) -> None:
    hanging_launcher.kill()
    hanging_launcher.wait()
    assert Dispatch.objects.count() == 0
    assert launch_due(NOW + timedelta(seconds=30)) == 0
    _unlock()
    assert launch_due(NOW + timedelta(minutes=3)) == 1
    assert Dispatch.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_cancel_during_the_launch_waits_and_then_stops_the_dispatch(
    scheduled: Campaign, hanging_launcher: Popen[bytes]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        cancelled = pool.submit(_cancel, scheduled)
        _wait_for("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and wait_event <> 'advisory'")
        _unlock()
        cancelled.result(timeout=120)
    assert Dispatch.objects.get().state == "cancelled"


def _cancel(campaign: Campaign) -> None:
    lifecycle.cancel(campaign=campaign, actor="mary", now=NOW)
    connections.close_all()
