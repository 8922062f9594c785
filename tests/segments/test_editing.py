"""Segments are made and changed by people; what uses them keeps them from being deleted."""

from typing import Any

import pytest

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.core.problems import Conflict, InvalidInput
from apps.segments.models import Segment
from apps.segments.queries import sizes_by_segment, users_of
from apps.segments.services.editing import SegmentDraft, change_segment, create_segment, delete_segment
from apps.segments.services.lists import add_to_list
from tests.factories import NOW, make_app, make_customer, make_segment

pytestmark = pytest.mark.django_db

POLISH = {"match": "all", "rules": [{"field": "language", "op": "is", "value": "pl"}]}
CZECH = {"match": "all", "rules": [{"field": "language", "op": "is", "value": "cs"}]}


@pytest.fixture
def app() -> App:
    return make_app()


def create(app: App, **fields: Any) -> Segment:
    return create_segment(app=app, draft=SegmentDraft(**{"name": "Poles", "rule": POLISH, **fields}), now=NOW)


def test_a_segment_with_a_rule_waits_to_be_computed(app: App) -> None:
    segment = create(app)
    assert (segment.kind, segment.state, segment.rule) == ("dynamic", "due", POLISH)


def test_a_list_has_no_rule(app: App) -> None:
    segment = create(app, rule=None)
    assert (segment.kind, segment.state) == ("static", "fresh")


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"name": " "}, "/name", "required"),
        ({"name": "x" * 121}, "/name", "too_long"),
        ({"name": "Taken"}, "/name", "name_taken"),
        ({"refresh_every_minutes": 1}, "/refresh_every_minutes", "choice"),
        ({"rule": {"match": "all", "rules": [{}]}}, "/rule/rules/0/field", "required"),
    ],
)
def test_a_bad_draft_is_refused_with_its_code(app: App, fields: dict[str, Any], pointer: str, code: str) -> None:
    make_segment(app, name="Taken")
    make_segment(make_app(), name="Poles")
    with pytest.raises(InvalidInput) as refusal:
        create(app, **fields)
    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [(pointer, code)]


def test_only_a_changed_rule_makes_a_segment_due(app: App) -> None:
    segment = make_segment(app, kind="dynamic", rule=POLISH)
    renamed = change_segment(segment=segment, draft=SegmentDraft("Renamed", rule=POLISH))
    assert (renamed.name, renamed.state) == ("Renamed", "fresh")
    changed = change_segment(segment=segment, draft=SegmentDraft("Renamed", rule=CZECH))
    assert (changed.rule, changed.state) == (CZECH, "due")


def test_a_list_stays_a_list(app: App) -> None:
    segment = change_segment(segment=make_segment(app), draft=SegmentDraft("VIPs", rule=POLISH))
    assert (segment.kind, segment.rule, segment.name) == ("static", {}, "VIPs")


def test_what_uses_a_segment_is_known_and_keeps_it(app: App) -> None:
    segment = make_segment(app, name="Poles")
    asks = {"match": "all", "rules": [{"field": "segment", "op": "in", "value": segment.pk}]}
    make_segment(app, name="Asker", kind="dynamic", rule=asks)
    campaign = Campaign.objects.create(app=app, name="Spring")
    campaign.exclude_segments.add(segment)
    assert {user.name for user in users_of(segment)} == {"Asker", "Spring"}
    with pytest.raises(Conflict) as refusal:
        delete_segment(segment=segment)
    assert refusal.value.code == "in_use"


def test_an_unused_segment_goes_with_its_members(app: App) -> None:
    delete_segment(segment=make_segment(app, [make_customer(app)]))
    assert not Segment.objects.exists()


def test_sizes_come_oldest_first(app: App) -> None:
    segment = make_segment(app)
    for number in range(3):
        add_to_list(segment=segment, external_ids=[str(make_customer(app).external_id)], now=NOW.replace(hour=number))
    assert sizes_by_segment([segment]) == {segment.pk: [1, 2, 3]}
