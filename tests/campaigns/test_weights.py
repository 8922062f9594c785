"""The largest push on each platform, with the longest real people."""

import pytest

from apps.campaigns.services.weights import heaviest_pushes
from tests.factories import make_app, make_campaign, make_customer, make_segment

pytestmark = pytest.mark.django_db
HI = {"en": {"title": "Hi {{ first_name }}", "body": "From {{ city | default: 'town' }}"}}


def test_the_longest_person_decides() -> None:
    app = make_app()
    people = [make_customer(app, first_name=name, traits={}) for name in ("Bo", "Ada")]
    people.append(make_customer(app, first_name="", traits={"city": "x" * 5_000}))
    campaign = make_campaign(app, texts=HI)
    campaign.include_segments.add(make_segment(app, people))
    found = heaviest_pushes(campaign)
    assert [weight.platform for weight in found] == ["ios", "android", "web"]
    assert all(weight.is_too_much and weight.reader == people[2] for weight in found)


def test_people_outside_of_the_audience_weigh_nothing() -> None:
    app = make_app()
    make_customer(app, first_name="x" * 100)
    campaign = make_campaign(app, texts=HI, platforms=["ios"])
    campaign.include_segments.add(make_segment(app, [make_customer(app, first_name="Bo")]))
    (weight,) = heaviest_pushes(campaign)
    assert weight.bytes < 300
    assert not weight.is_too_much


def test_words_alone_ask_nobody() -> None:
    campaign = make_campaign(make_app(), texts={"en": {"title": "Hello", "body": "x"}})
    assert [weight.reader for weight in heaviest_pushes(campaign)] == [None, None, None]
