"""Refresh writes only joins and leaves, survives dead workers, and says when it cannot."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.core.problems import Conflict
from apps.segments.models import Segment, SegmentMember, SegmentRefresh
from apps.segments.queries import members_of, was_member
from apps.segments.services.limits import limited
from apps.segments.services.refresh import SegmentBroken, mark_due, refresh_due, refresh_segment
from tests.factories import NOW, make_app, make_crowd, make_customer, make_segment

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


def polish(app: App, **fields: Any) -> Segment:
    rule = {"match": "all", "rules": [{"field": "language", "op": "is", "value": "pl"}]}
    defaults: dict[str, Any] = {"kind": "dynamic", "rule": rule, "state": "due", "refreshed_at": None}
    return make_segment(app, **{**defaults, **fields})


def refresh(segment: Segment, now: datetime = NOW, **limits: float) -> SegmentRefresh:
    done = refresh_segment(segment_id=segment.pk, now=now, **limits)
    segment.refresh_from_db()
    return done


@pytest.fixture
def app() -> App:
    return make_app()


def test_members_are_those_the_rule_selects(app: App) -> None:
    anna, _other = make_customer(app, language="pl"), make_customer(app, language="en")
    segment = polish(app)
    done = refresh(segment)
    assert list(members_of(segment)) == [anna]
    assert (segment.state, segment.member_count, segment.refreshed_at) == ("fresh", 1, NOW)
    assert (done.member_count, done.joined_count, done.left_count) == (1, 1, 0)


def test_only_joins_and_leaves_are_written(app: App) -> None:
    stays, leaves, joins = (make_customer(app, language=word) for word in ("pl", "pl", "en"))
    segment = polish(app)
    refresh(segment)
    before = SegmentMember.objects.get(customer=stays)
    leaves.language, joins.language = "en", "pl"
    leaves.save()
    joins.save()
    done = refresh(segment, LATER)
    assert (done.member_count, done.joined_count, done.left_count) == (2, 1, 1)
    rows = {row.customer_id: (row.joined_at, row.left_at) for row in SegmentMember.objects.all()}
    assert rows == {stays.pk: (NOW, None), leaves.pk: (NOW, LATER), joins.pk: (LATER, None)}
    assert SegmentMember.objects.get(customer=stays).pk == before.pk


def test_who_was_in_it_when_can_be_answered(app: App) -> None:
    anna = make_customer(app, language="pl")
    segment = polish(app)
    refresh(segment)
    anna.language = "en"
    anna.save()
    refresh(segment, LATER)
    moments = [NOW - timedelta(seconds=1), NOW, LATER - timedelta(seconds=1), LATER]
    assert [was_member(segment=segment, customer=anna, at=at) for at in moments] == [False, True, True, False]


def test_who_comes_back_has_a_second_membership(app: App) -> None:
    anna = make_customer(app, language="pl")
    segment = polish(app)
    for hours, language in enumerate(["pl", "en", "pl"]):
        anna.language = language
        anna.save()
        refresh(segment, NOW + timedelta(hours=hours))
    assert SegmentMember.objects.filter(customer=anna).count() == 2
    assert segment.member_count == 1


def test_a_segment_asked_about_is_computed_first(app: App) -> None:
    anna = make_customer(app, language="pl")
    inner = polish(app)
    rule = {"match": "all", "rules": [{"field": "segment", "op": "in", "value": inner.pk}]}
    outer = polish(app, rule=rule)
    refresh(outer)
    assert list(members_of(outer)) == [anna]


def test_a_rule_that_no_longer_holds_breaks_the_segment(app: App) -> None:
    anna = make_customer(app, language="pl")
    segment = polish(app)
    refresh(segment)
    Segment.objects.update(rule={"match": "all", "rules": [{"field": "trait.gone", "op": "is_known"}]})
    with pytest.raises(SegmentBroken) as broken:
        refresh(segment, LATER)
    segment.refresh_from_db()
    assert segment.state == "broken"
    assert "trait.gone" in segment.broken_reason
    assert list(broken.value.reasons) == [segment.name]
    assert list(members_of(segment)) == [anna]


def test_a_rule_that_takes_too_long_breaks_the_segment(app: App) -> None:
    make_crowd(app, 20_000, language="pl")
    segment = polish(app)
    with pytest.raises(SegmentBroken):
        refresh(segment, limit_seconds=0.001)
    segment.refresh_from_db()
    assert (segment.state, segment.member_count) == ("broken", 0)


def test_a_segment_that_asks_about_a_broken_one_is_broken(app: App) -> None:
    inner = polish(app, name="Inner", rule={"match": "all", "rules": [{"field": "trait.gone"}]})
    outer = polish(app, rule={"match": "all", "rules": [{"field": "segment", "op": "not_in", "value": inner.pk}]})
    with pytest.raises(SegmentBroken):
        refresh(outer)
    outer.refresh_from_db()
    assert outer.state == "broken"
    assert "Inner" in outer.broken_reason


def test_two_workers_do_not_compute_the_same_segment(app: App) -> None:
    segment = polish(app, state="refreshing", leased_until=NOW + timedelta(minutes=1))
    with pytest.raises(Conflict):
        refresh(segment)


def test_a_dead_workers_segment_is_taken_over(app: App) -> None:
    segment = polish(app, state="refreshing", leased_until=NOW - timedelta(seconds=1))
    assert refresh_due(now=NOW) == 1
    segment.refresh_from_db()
    assert segment.state == "fresh"


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"state": "due"}, 1),
        ({"state": "fresh", "refreshed_at": NOW - timedelta(minutes=14)}, 0),
        ({"state": "fresh", "refreshed_at": NOW - timedelta(minutes=16)}, 1),
        ({"state": "fresh", "refreshed_at": NOW - timedelta(minutes=16), "refresh_every_minutes": 60}, 0),
        ({"state": "broken", "leased_until": NOW + timedelta(minutes=1)}, 0),
        ({"state": "broken", "leased_until": NOW - timedelta(minutes=1)}, 1),
        ({"state": "due", "kind": "static"}, 0),
    ],
)
def test_what_is_due_is_computed(app: App, fields: dict[str, Any], count: int) -> None:
    polish(app, **fields)
    assert refresh_due(now=NOW) == count


def test_one_broken_segment_does_not_stop_the_others(app: App) -> None:
    polish(app, rule={"match": "all", "rules": [{"field": "trait.gone"}]})
    good = polish(app)
    assert refresh_due(now=NOW) == 1
    good.refresh_from_db()
    assert good.state == "fresh"


def test_a_rule_changed_while_it_is_computed_is_due_again(app: App) -> None:
    segment = polish(app, state="refreshing", leased_until=NOW + timedelta(minutes=1))
    mark_due(segment_id=segment.pk)
    segment.refresh_from_db()
    assert (segment.state, segment.leased_until) == ("due", None)


def test_the_erased_leave_a_list(app: App) -> None:
    anna, gone = make_customer(app), make_customer(app, erased_at=NOW)
    segment = make_segment(app, [anna, gone])
    done = refresh(segment, LATER)
    assert (done.member_count, done.left_count) == (1, 1)


def test_due_segments_are_computed_one_at_a_time_in_whatever_worker(app: App) -> None:
    segment = polish(app)
    other = connection.copy()
    with other.cursor() as worker:
        worker.execute("begin")
        worker.execute("select pg_advisory_xact_lock(hashtextextended('segments.due', 0))")
        assert refresh_due(now=NOW) == 0
        segment.refresh_from_db()
        assert segment.state == "due"
        assert refresh(segment).member_count == 0  # somebody waits for this one
    other.close()


def test_what_does_not_fit_into_a_tick_waits_for_the_next(app: App) -> None:
    for _ in range(3):
        polish(app)
    assert [refresh_due(now=NOW, budget_seconds=0) for _tick in range(4)] == [1, 1, 1, 0]


@pytest.mark.parametrize(("gently", "memory"), [(False, "96MB"), (True, "32MB")])
def test_rules_keep_to_one_core_and_some_memory(gently: bool, memory: str) -> None:
    def shown() -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("select current_setting('max_parallel_workers_per_gather'), current_setting('work_mem')")
            return list(cursor.fetchone())

    usual = shown()
    with limited(1, gently=gently):
        assert shown() == ["0", memory]
    assert shown() == usual
