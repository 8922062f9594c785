"""`/v2.1/segments`. Numbers are of bad-input.md, part A."""

import pytest

from tests.factories import make_app, make_customer, make_segment
from tests.factories.api import codes_of

pytestmark = pytest.mark.django_db
SEGMENTS = "/v2.1/segments"


def test_a_segment_is_read_with_its_count(api, app):
    segment = make_segment(app, [make_customer(app)], name="VIP")
    shown = api.get(f"{SEGMENTS}/{segment.pk}").json()
    assert (shown["id"], shown["name"], shown["kind"], shown["member_count"]) == (segment.pk, "VIP", "static", 1)


def test_the_list_goes_on_where_the_page_ended(api, app):
    made = [make_segment(app).pk for _ in range(5)]
    first = api.get(f"{SEGMENTS}?limit=3").json()
    second = api.get(f"{SEGMENTS}?limit=3&cursor={first['next_cursor']}").json()
    assert [one["id"] for one in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None


def dynamic(app, field):
    rule = {"match": "all", "rules": [{"field": field, "op": "is_known"}]}
    return make_segment(app, kind="dynamic", rule=rule, state="due")


def test_a_refresh_counts_again(api, app):
    make_customer(app, country="PL")
    make_customer(app, country="")
    answer = api.post(f"{SEGMENTS}/{dynamic(app, 'country').pk}/refresh")
    assert answer.status_code == 200
    assert (answer.json()["member_count"], answer.json()["state"]) == (1, "fresh")


def test_a_rule_that_cannot_be_computed_is_422_with_the_reason(api, app):
    answer = api.post(f"{SEGMENTS}/{dynamic(app, 'trait.gone').pk}/refresh")
    assert (answer.status_code, answer.json()["code"]) == (422, "segment_broken")
    assert "gone" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "range"),
        ("limit=1000000000", "range"),
        ("limit=ten", "range"),
        ("limit=-1", "range"),
        ("limit=1&limit=2", "duplicate_key"),
        ("cursor=garbage", "bad_cursor"),
        ("cursor=" + "W" * 5000, "bad_cursor"),
        ("cursor=0", "bad_cursor"),
        ("cursor=99999999999999999999", "bad_cursor"),
        ("kind=clever", "choice"),
        ("ordering=name", "unknown_parameter"),
        ("kind=%00", "nul_not_allowed"),
        ("kind=%ff", "choice"),
    ],
)
def test_22_nonsense_in_the_address(api, query, code):
    answer = api.get(f"{SEGMENTS}?{query}")
    assert (answer.status_code, codes_of(answer)) == (400, {code})


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("POST", "/refresh")])
def test_5_a_foreign_segment_is_not_there(api, method, tail):
    foreign = make_segment(make_app())
    assert api.send(method, f"{SEGMENTS}/{foreign.pk}{tail}").status_code == 404
    assert api.get(SEGMENTS).json()["data"] == []
