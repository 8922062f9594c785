"""Previews, audiences and static lists."""

from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.core.problems import InvalidInput
from apps.segments.models import Segment
from apps.segments.queries import members_of
from apps.segments.services.audience import compile_audience
from apps.segments.services.lists import add_to_list, remove_from_list
from apps.segments.services.preview import count_rule
from apps.segments.services.refresh import SegmentBroken
from tests.factories import NOW, make_app, make_crowd, make_customer, make_device, make_segment

pytestmark = pytest.mark.django_db

POLISH = {"match": "all", "rules": [{"field": "language", "op": "is", "value": "pl"}]}


@pytest.fixture
def app() -> App:
    return make_app()


def people_of(app: App, include: list[Segment], exclude: list[Segment]) -> list[int]:
    compiled = compile_audience(
        app=app, include_ids=[one.pk for one in include], exclude_ids=[one.pk for one in exclude]
    )
    with connection.cursor() as cursor:
        cursor.execute(compiled.sql, compiled.params)
        return sorted(row[0] for row in cursor.fetchall())


def refused(**fields: Any) -> list[str]:
    with pytest.raises(InvalidInput) as refusal:
        compile_audience(**fields)
    return [problem.code for problem in refusal.value.problems]


def test_a_preview_counts_matching_and_reachable_people(app: App) -> None:
    reachable, opted_out, deviceless, _other = (
        make_customer(app, language=language, push_consent=consent)
        for language, consent in [("pl", None), ("pl", False), ("pl", True), ("en", True)]
    )
    make_device(reachable)
    make_device(opted_out)
    make_device(deviceless, state="dead")
    preview = count_rule(app=app, rule=POLISH, now=NOW)
    assert (preview.count, preview.reachable_count) == (3, 1)
    assert {person.pk for person in preview.sample} == {reachable.pk, opted_out.pk, deviceless.pk}


def test_a_preview_that_takes_too_long_is_refused_with_advice(app: App) -> None:
    make_crowd(app, 20_000, language="pl")
    with pytest.raises(InvalidInput) as refusal:
        count_rule(app=app, rule=POLISH, now=NOW, limit_seconds=0.001)
    assert (refusal.value.status, refusal.value.problems[0].code) == (422, "segment_too_slow")


def test_an_audience_is_members_of_any_without_members_of_others(app: App) -> None:
    anna, bea, cleo = (make_customer(app) for _ in range(3))
    first, second, third = (make_segment(app, members) for members in ([anna, bea], [bea, cleo], [cleo]))
    assert people_of(app, [first, second], [third]) == [anna.pk, bea.pk]


def test_an_audience_needs_a_segment_of_the_app(app: App) -> None:
    foreign = make_segment(make_app())
    assert refused(app=app, include_ids=[], exclude_ids=[]) == ["required"]
    assert refused(app=app, include_ids=[foreign.pk], exclude_ids=[]) == ["unknown_segment"]
    assert refused(app=app, include_ids=[make_segment(app).pk], exclude_ids=[0]) == ["unknown_segment"]


def test_a_broken_segment_is_named_also_where_it_excludes(app: App) -> None:
    good, broken = make_segment(app), make_segment(app, name="Old", state="broken", broken_reason="too slow")
    with pytest.raises(SegmentBroken) as refusal:
        people_of(app, [good], [broken])
    assert refusal.value.reasons == {"Old": "too slow"}


def test_people_are_put_on_a_list_by_name(app: App) -> None:
    anna, bea = make_customer(app, external_id="anna"), make_customer(app, external_id="bea")
    make_customer(app, external_id="gone", erased_at=NOW)
    make_customer(make_app(), external_id="foreign")
    segment = make_segment(app, [anna])
    listed = add_to_list(segment=segment, external_ids=["anna", "bea", " bea ", "gone", "foreign", "", "a\0b"], now=NOW)
    assert (listed.joined_count, listed.already_count) == (1, 1)
    assert (listed.unknown, listed.malformed) == (("gone", "foreign"), ("", "a\ufffdb"))
    assert set(members_of(segment)) == {anna, bea}
    segment.refresh_from_db()
    assert segment.member_count == 2


def test_people_are_taken_off_a_list(app: App) -> None:
    anna, bea = make_customer(app), make_customer(app)
    segment = make_segment(app, [anna, bea])
    assert remove_from_list(segment=segment, customer_ids=[anna.pk, 0], now=NOW) == 1
    assert list(members_of(segment)) == [bea]


def test_a_segment_with_a_rule_is_not_filled_by_hand(app: App) -> None:
    with pytest.raises(InvalidInput) as refusal:
        add_to_list(segment=make_segment(app, kind="dynamic"), external_ids=["anna"], now=NOW)
    assert [problem.code for problem in refusal.value.problems] == ["not_a_list"]
