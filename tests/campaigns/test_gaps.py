"""A fact without a fallback that part of the audience lacks is counted before anything is sent."""

from typing import Any

import pytest

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services.gaps import gap_warnings
from apps.customers.models import TraitType
from tests.factories import make_app, make_campaign, make_customer, make_segment

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def to(app: App, body: str, *people: dict[str, Any]) -> Campaign:
    TraitType.objects.get_or_create(app=app, name="city", type="text")
    campaign = make_campaign(app, texts={"en": {"title": "t", "body": body}})
    campaign.include_segments.add(make_segment(app, [make_customer(app, **fields) for fields in people]))
    return campaign


def test_people_who_lack_a_printed_fact_are_counted(app: App) -> None:
    people = [{"traits": {"city": "Paris"}}, {"traits": {}}, {"traits": {"city": ""}}, {"traits": {"city": None}}]
    (warning,) = gap_warnings(to(app, "In {{ city }}", *people))
    assert (warning.code, warning.came, warning.pointer) == ("missing_fallback", "3", "/variants/0/texts/en/body")
    assert "3 of 4 people" in warning.message


@pytest.mark.parametrize(
    ("body", "person"),
    [
        ('In {{ city | default: "town" }}', {}),
        ("{% if city %}In {{ city }}{% endif %}", {}),
        ("Hi {{ first_name }}", {"first_name": "Ada"}),
        ("Hi {{ first_name }}", {"first_name": "", "traits": {"first_name": "Ada"}}),
        ("Hello", {}),
    ],
)
def test_where_nobody_would_see_a_gap_there_is_no_warning(app: App, body: str, person: dict[str, Any]) -> None:
    assert gap_warnings(to(app, body, person)) == []


def test_each_missing_fact_is_told(app: App) -> None:
    warnings = gap_warnings(to(app, "{{ first_name }} {{ city }}", {"first_name": ""}))
    assert [warning.message.split("“")[1].split("”")[0] for warning in warnings] == ["city", "first_name"]


def test_a_name_that_nobody_can_have_is_told_by_readiness_alone(app: App) -> None:
    assert gap_warnings(to(app, "Hi {{ frist_name }}", {})) == []


def test_the_warning_stands_at_the_field_that_prints_it(app: App) -> None:
    campaign = to(app, "b", {"first_name": ""})
    campaign.variants.update(texts={"en": {"title": "Hi {{ first_name }}", "body": "b"}})
    assert [gap.pointer for gap in gap_warnings(campaign)] == ["/variants/0/texts/en/title"]
